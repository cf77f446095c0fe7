"""Role × every field: what each role sees of each person and unit (contract.md, the roles).

Everything is asked for as every role: each field of the schema, each property of each REST read.
What a role does not see, of what anybody sees, stands in matrix.json under review; a field or
route that is new changes it. The rules that no review may bend are asserted beside it: pay.

`HEADWATER_WRITE_MATRIX=1` writes matrix.json anew.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.everything import SCHEMA, field_of, selection
from tests.support.roles import HOLDERS, MUTATIONS, REPS, Everybody

SERVICES = Path(__file__).parents[3] / "services"
MATRIX = Path(__file__).with_name("matrix.json")
UNSEEN = {
    "Rep": {"scorecard": "weights come with a later issue"},
    "CustomerMix": {"byRfm": "segments come with a later issue"},
}
"""Fields that nobody can see a value of yet."""
PAY_OF = {
    "finance": set(REPS), "rep": {"ann"}, "customer_success": {"cai"},
    "manager": {"ann", "ben", "boss"}, "sales_ops": set(), "admin": set(),
}  # fmt: skip
"""Whose pay a role's holder sees: ann is the rep, boss manages ann, ben and themselves."""
LINES_OF = {**PAY_OF, "manager": {"boss"}}


async def test_what_each_role_sees_is_as_reviewed(everybody: Everybody) -> None:
    found = await everybody.matrix()
    if os.environ.get("HEADWATER_WRITE_MATRIX"):
        MATRIX.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    assert found == json.loads(MATRIX.read_text())


async def test_every_field_was_seen_by_somebody(everybody: Everybody) -> None:
    """Otherwise a field that is hidden from a role could not be told from one that is empty."""
    seen: dict[str, set[str]] = {"Rep": set(), "Unit": set(), "Plan": set()}
    for subject, paths in (await everybody.all_seen()).items():
        kind = subject.partition(" ")[0]
        if kind in seen:
            seen[kind] |= {path.partition(".")[0].partition("[")[0] for path in paths}
    for kind, fields in seen.items():
        assert set(field_of(kind)) - fields == set(UNSEEN.get(kind, {})), kind


@pytest.mark.parametrize("role", HOLDERS)
async def test_pay_is_for_its_owner_their_managers_and_finance(
    everybody: Everybody, role: str
) -> None:
    for rep in REPS:
        answer = await everybody.graphql(role, f"Rep {rep}")
        pay = ((answer or {}).get("rep") or {}).get("earnings")
        assert (pay is not None) == (rep in PAY_OF[role]), rep
        if pay is not None:
            assert (pay["lines"] is not None) == (rep in LINES_OF[role]), rep


@pytest.mark.parametrize("role", HOLDERS)
async def test_no_answer_of_any_route_holds_pay_that_is_not_the_readers(
    everybody: Everybody, role: str
) -> None:
    """Each person's earnings are an amount that occurs nowhere else."""
    texts = [text async for text in everybody.everything_as(role)]
    assert len(texts) > 50
    for rep, amount in everybody.earned.items():
        found = [text[:200] for text in texts if amount in text]
        assert bool(found) == (rep in PAY_OF[role]), (rep, found[:2])


async def test_every_rest_read_is_asked(everybody: Everybody) -> None:
    """All that OpenAPI documents, but for operations: their results are asked for by who began."""
    asked = {operation.partition(" of ")[0] for operation, _, _ in everybody.reads()}
    documented = set()
    for service in ("targets", "customers", "incentives", "kpi"):
        paths = json.loads((SERVICES / service / "openapi.json").read_text())["paths"]
        documented |= {f"GET {path}" for path, methods in paths.items() if "get" in methods}

    def alike(operation: str) -> str:
        return re.sub(r"\{[^}]+\}|deal:crm:D-ann", "*", operation)

    found = {alike(operation) for operation in documented} - {"GET /kpi/v1/operations/*"}
    assert found == {alike(operation) for operation in asked}


def test_every_mutation_is_tried() -> None:
    assert set(MUTATIONS) == set(field_of("Mutation"))


def test_documents_ask_for_every_field_of_what_can_be_read() -> None:
    """Each object type that a query reaches is in a document, or shown by reference."""
    asked = " ".join(selection(name) for name in ("Rep", "Unit", "Plan"))
    for name in _reachable():
        for field in field_of(name):
            assert field in asked, f"{name}.{field}"


def _reachable() -> Iterator[str]:
    from graphql import GraphQLObjectType, get_named_type

    waiting, seen = ["Rep", "Unit", "Plan"], set()
    while waiting:
        name = waiting.pop()
        if name in seen or not isinstance(SCHEMA.type_map[name], GraphQLObjectType):
            continue
        seen.add(name)
        yield name
        waiting += [get_named_type(field.type).name for field in field_of(name).values()]
