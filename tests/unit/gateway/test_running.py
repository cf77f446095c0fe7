"""Plans run as the specification says: merging, conditions, nulls that travel, errors with paths."""

from collections.abc import Sequence
from typing import Annotated, Any

import pytest
import strawberry
from graphql import OperationDefinitionNode, parse, validate
from graphql.execution.values import get_variable_values

from gateway.errors import unavailable
from gateway.execution import compiling, shape
from gateway.execution.asking import Arguments, Ask, Variables
from gateway.execution.running import Running
from gateway.fields import Row, Rows, computed, joined, late, listed, plain
from services.kit import limits

Size = Annotated[int, strawberry.argument(description="How many times.")]
CALLS: list[Any] = []


async def _score(rows: Rows, info: Ask, times: Size = 1) -> Sequence[Any]:
    CALLS.append([row["id"] for row in rows])
    return [unavailable("kpi") if row["id"] == "bad" else row["n"] * times for row in rows]


async def _kids(rows: Rows, info: Ask) -> Sequence[Any]:
    return [row["kids"] for row in rows]


async def _filled(rows: Sequence[Any], ask: Ask) -> list[Any]:
    CALLS.append(("filled", [row["id"] for row in rows]))
    return [{**row, "note": f"note of {row['id']}"} for row in rows]


def _twice(row: Row, times: Size = 2) -> Any:
    if row["n"] == 13:
        raise ValueError("unlucky")
    return row["n"] * times


@strawberry.interface(description="Anything.")
class Thing:
    id: strawberry.ID = plain("Id.")


@strawberry.type(description="A node.")
class Node(Thing):
    n: int = plain("A number.")
    maybe: str | None = plain("Perhaps.")
    note: str | None = late(_filled, "Later.")
    twice: int | None = computed(_twice, "Computed.")
    score: int | None = joined(_score, "Joined.", gathers=True)
    must: int = computed(_twice, "Computed and required.")
    kids: list["Node"] | None = joined(_kids, "Below.")
    grid: list[list[int | None]] | None = listed("Numbers.", 3)
    thing: Thing | None = plain("A thing.")
    either: Annotated["Node | Leaf", strawberry.union("Either")] | None = plain("One or the other.")


@strawberry.type(description="A leaf.")
class Leaf(Thing):
    colour: str = plain("Its colour.")


async def _roots(rows: Rows, info: Ask) -> Sequence[Any]:
    return [row["roots"] for row in rows]


async def _head(rows: Rows, info: Ask) -> Sequence[Any]:
    return [row["roots"][0] for row in rows]


@strawberry.type(description="Entry.")
class Query:
    roots: list[Node] | None = joined(_roots, "All.")
    head: Node = joined(_head, "The first of all, which there must be.")


SCHEMA = strawberry.Schema(query=Query, types=[Leaf])


def node(identity, n=1, *kids, **more):
    return {"id": identity, "n": n, "kids": list(kids), **more}


async def run(query, *roots, variables=None):
    CALLS.clear()
    document = parse(query)
    assert validate(SCHEMA._schema, document) == []
    (operation,) = [o for o in document.definitions if isinstance(o, OperationDefinitionNode)]
    read = get_variable_values(
        SCHEMA._schema, operation.variable_definitions or (), variables or {}
    )
    answers = {name: read.coerced[name] for name in compiling.conditions(document)}
    plan = compiling.compiled(SCHEMA._schema, operation, shape.fragments_of(document), answers)
    arguments = Arguments(SCHEMA, document, operation, Variables(variables or {}, read))
    running = Running(plan, None, arguments)
    data = await running.data({"roots": list(roots)})
    return data, [(error.path, error.message) for error in running.errors]


async def test_keys_keep_the_document_s_order_and_merged_fields_are_one():
    query = """{ roots { z: n ...F id ... on Thing { id __typename } kids { id } } }
               fragment F on Node { kids { n } a: n }"""
    data, errors = await run(query, node("x", 5, node("y", 6)))
    assert errors == []
    (root,) = data["roots"]
    assert root == {
        "z": 5, "kids": [{"n": 6, "id": "y"}], "a": 5, "id": "x", "__typename": "Node",
    }  # fmt: skip
    assert list(root) == ["z", "kids", "a", "id", "__typename"]


@pytest.mark.parametrize(("wanted", "keys"), [(True, ["id", "n"]), (False, ["maybe", "n"])])
async def test_conditions(wanted, keys):
    query = """query ($wanted: Boolean!) { roots { id @include(if: $wanted) maybe @skip(if: $wanted)
        n @skip(if: false) twice @include(if: false) } }"""
    data, _ = await run(query, node("x"), variables={"wanted": wanted})
    assert list(data["roots"][0]) == keys


async def test_a_field_is_asked_once_for_all_objects_of_all_its_places():
    query = "{ roots { score kids { score kids { score } } } }"
    data, errors = await run(query, node("a", 1, node("b", 2, node("c", 3)), node("d", 4)))
    assert errors == []
    assert CALLS == [["a", "b", "d", "c"]]
    assert data["roots"][0]["kids"][0] == {"score": 2, "kids": [{"score": 3}]}


async def test_other_arguments_are_another_call_and_equal_ones_the_same():
    query = (
        """query ($t: Int!) { roots { score a: score(times: 3) kids { b: score(times: $t) } } }"""
    )
    data, _ = await run(query, node("a", 1, node("b", 2)), variables={"t": 3})
    assert sorted(CALLS) == [["a"], ["a", "b"]]
    assert data["roots"] == [{"score": 1, "a": 3, "kids": [{"b": 6}]}]


async def test_who_is_late_is_not_waited_for_long(monkeypatch):
    monkeypatch.setattr(limits, "GRAPHQL_GATHER_SECONDS", 0.0)
    data, errors = await run("{ roots { score kids { score } } }", node("a", 1, node("b", 2)))
    assert (data["roots"], errors) == ([{"score": 1, "kids": [{"score": 2}]}], [])


async def test_a_fault_is_null_at_its_place_and_said_once_for_a_field():
    bad = [node("bad"), node("good", 2)]
    data, errors = await run("{ roots { score twice } }", *bad, node("unlucky", 13))
    assert data == {
        "roots": [
            {"score": None, "twice": 2}, {"score": 2, "twice": 4}, {"score": 13, "twice": None},
        ]
    }  # fmt: skip
    assert sorted(errors, key=str) == [
        (["roots", 0, "score"], "kpi does not answer: its part is missing, try again"),
        (["roots", 2, "twice"], "unlucky"),
    ]
    fault = unavailable("kpi")
    rows = [node(str(number), maybe=fault) for number in range(50)]
    data, errors = await run("{ roots { maybe a: maybe } }", *rows)
    assert {one["maybe"] for one in data["roots"]} == {None}
    assert [path for path, _ in errors] == [["roots", 0, "maybe"], ["roots", 0, "a"]]


async def test_a_missing_required_field_takes_what_is_around_it():
    whole = node("a", 1, node("b", 13), node("c", 2))
    data, errors = await run("{ roots { id kids { id must } } }", whole)
    assert data == {"roots": [{"id": "a", "kids": None}]}
    assert [path for path, _ in errors] == [["roots", 0, "kids", 0, "must"]]
    data, errors = await run("{ roots { n } }", node("a"), {"id": "b", "kids": []})
    assert data == {"roots": None}
    assert errors == [(["roots", 1, "n"], "n is required and was not answered")]


async def test_lists_of_lists():
    data, errors = await run("{ roots { grid } }", node("a", grid=[[1, None], []]))
    assert (data["roots"][0]["grid"], errors) == ([[1, None], []], [])
    data, errors = await run("{ roots { grid } }", node("a", grid=[[1], None]))
    assert data["roots"][0]["grid"] is None
    assert [path for path, _ in errors] == [["roots", 0, "grid", 1]]
    data, errors = await run("{ roots { grid } }", node("a", grid=[["x"], [2]]))
    assert data["roots"][0]["grid"] == [[None], [2]]
    assert [path for path, _ in errors] == [["roots", 0, "grid", 0, 0]]


async def test_objects_of_several_types():
    leaf = {"__typename": "Leaf", "id": "l", "colour": "red"}
    query = "{ roots { thing { id __typename ... on Leaf { colour } ... on Node { n } } } }"
    data, errors = await run(
        query, node("a", thing=leaf), node("b", thing={**node("c", 7), "__typename": "Node"})
    )
    assert errors == []
    assert [root["thing"] for root in data["roots"]] == [
        {"id": "l", "__typename": "Leaf", "colour": "red"},
        {"id": "c", "__typename": "Node", "n": 7},
    ]


@pytest.mark.parametrize("of", [{"__typename": "Query"}, {"kind": "star"}, {}])
async def test_an_object_of_no_known_type_is_null_with_an_error(of):
    things = [node("a", thing={"id": "t", **of}), node("b", either={"id": "e", **of})]
    data, errors = await run("{ roots { n thing { id } either { __typename } } }", *things)
    assert data["roots"] == [{"n": 1, "thing": None, "either": None}] * 2
    assert errors == [
        (["roots", 0, "thing"], "thing is of none of its types"),
        (["roots", 1, "either"], "either is of none of its types"),
    ]


async def test_nothing_is_left_where_what_must_be_there_is_not():
    data, errors = await run("{ roots { id } head { must } }", node("a", 13))
    assert (data, errors) == (None, [(["head", "must"], "unlucky")])


async def test_rows_that_lack_something_are_completed_together_and_alone():
    rows = [node("a", note="here"), node("b"), node("c")]
    data, errors = await run("{ roots { note id } }", *rows)
    assert errors == []
    assert [root["note"] for root in data["roots"]] == ["here", "note of b", "note of c"]
    assert CALLS == [("filled", ["b", "c"])]
    assert "note" not in rows[1], "a row may be another request's as well"
    data, _ = await run("{ roots { id } }", *rows)
    assert CALLS == []


async def test_introspection_beside_data():
    query = """query ($n: String!) { __typename roots { id } __type(name: $n) { ...T } kind: __schema { queryType { name } } }
               fragment T on __Type { name fields { name } }"""
    data, errors = await run(query, node("a"), variables={"n": "Leaf"})
    assert errors == []
    assert list(data) == ["__typename", "roots", "__type", "kind"]
    assert data["__type"] == {"name": "Leaf", "fields": [{"name": "id"}, {"name": "colour"}]}
    assert data["kind"] == {"queryType": {"name": "Query"}}
