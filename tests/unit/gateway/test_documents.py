"""What a document costs, and that it is read once within bounds."""

import asyncio
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, build_schema, parse

import gateway
from gateway.errors import DocumentRefused, DocumentTooCostly, OperationUnknown, Refusal
from gateway.execution import cost, shape
from gateway.execution.documents import Documents
from gateway.schema import schema
from services.kit import limits

SCHEMA = schema._schema


def costs(query, variables=None, against=SCHEMA):
    document = parse(query)
    operation = next(n for n in document.definitions if isinstance(n, OperationDefinitionNode))
    parts = cost.parts(against, operation, shape.fragments_of(document))
    return cost.check(parts, variables or {})


@pytest.mark.parametrize(
    ("query", "objects"),
    [
        ("{ __typename }", 0),
        ('{ rep(id: "1") { id name } }', 1),
        ('{ rep(id: "1") { unit { id } manager { id } } }', 3),
        ('{ a: rep(id: "1") { id } b: rep(id: "2") { id } }', 2),
        ('{ unit(id: "1") { children { id } } }', 1 + 20),
        ('{ unit(id: "1") { reps(first: 50) { nodes { unit { id } } } } }', 1 + 1 + 50 * 2),
        ('{ unit(id: "1") { reps { nodes { id } pageInfo { endCursor } } } }', 1 + 1 + 20 + 1),
        ('{ unit(id: "1") { reps(first: 7) { totalCount } } }', 2),
        ('{ unit(id: "1") { reps(first: 1000) { nodes { id } } } }', 1 + 1 + 100),
        ('{ rep(id: "1") { funnel(period: "2026") { stages { amount { amount } } } } }', 2 + 24),
        # Merged fields are one object, whether written twice or spread:
        ('{ rep(id: "1") { unit { id } unit { name } } }', 2),
        ('{ rep(id: "1") { ...A ...A ...B } } fragment A on Rep { unit { id } } fragment B on Rep { unit { name } }', 2),
        ('{ rep(id: "1") { ... on Owner { id } ... { unit { id } } } }', 2),
        ("{ __schema { types { fields { args { name } } } } }", 0),
        ('{ rep(id: "1") { __typename } __schema { types { name } } }', 1),
    ],
)  # fmt: skip
def test_objects_are_counted(query, objects):
    assert costs(query) == objects


@pytest.mark.parametrize(
    ("name", "objects"),
    [("rep_board", 690), ("team_board", 177), ("cascade", 864), ("activate", 2), ("live", 35)],
)
def test_the_contract_s_documents_are_well_within_the_limit(name, objects):
    query = (Path(gateway.__file__).parent / "operations" / f"{name}.graphql").read_text()
    assert costs(query) == objects
    assert objects * 2 < limits.GRAPHQL_COST


def test_sizes_come_from_variables_their_defaults_and_the_schema_s():
    query = """query ($n: Int! = 30) { unit(id: "1") { reps(first: $n) { nodes { id } } } }"""
    assert costs(query) == 32
    assert costs(query, {"n": 5}) == 7
    assert costs(query, {"n": 10**9}) == 102
    assert costs(query, {"n": 100.0}) == 102  # a whole number to GraphQL
    assert costs(query, {"n": -5}) == 3
    assert costs(query, {"n": "many"}) == 32


def test_a_plain_list_with_first_counts_it():
    board = build_schema("type Query { best(first: Int): [Row!] } type Row { a: Row id: ID }")
    assert costs("{ best(first: 10) { a { id } } }", against=board) == 20


def test_too_much_is_refused_before_it_is_unfolded():
    doubling = '{ unit(id: "1") { ...F0 } } ' + " ".join(
        f"fragment F{n} on Unit {{ a: parent {{ ...F{n + 1} }} b: parent {{ ...F{n + 1} }} }}"
        for n in range(40)
    )
    with pytest.raises(DocumentTooCostly):
        costs(doubling + " fragment F40 on Unit { id }")


async def test_a_document_is_read_once():
    documents = Documents(SCHEMA, introspection=True)
    first = await documents.prepare('{ rep(id: "1") { id } }')
    assert await documents.prepare('{ rep(id: "1") { id } }') is first
    assert documents.read == 1
    await documents.prepare('{ rep(id: "2") { id } }')
    assert documents.read == 2


async def test_the_oldest_documents_leave_by_number_and_by_size(monkeypatch):
    monkeypatch.setattr(limits, "GRAPHQL_DOCUMENTS", 2)
    documents = Documents(SCHEMA, introspection=True)
    one, two, three = (f'{{ rep(id: "{n}") {{ id }} }}' for n in "123")
    for source in (one, two, one, three, one):
        await documents.prepare(source)
    assert documents.read == 3  # `two` was the one that left
    await documents.prepare(two)
    assert documents.read == 4
    monkeypatch.setattr(limits, "GRAPHQL_DOCUMENT_TOKENS", 20)
    await documents.prepare(three)
    assert len(documents._kept) == 1


async def test_what_is_refused_is_not_kept():
    documents = Documents(SCHEMA, introspection=True)
    for _ in range(2):
        with pytest.raises(DocumentRefused):
            await documents.prepare("{ nothing }")
    assert documents.read == 2
    assert not documents._kept


async def test_a_document_asked_for_twice_at_once_is_kept_once():
    documents = Documents(SCHEMA, introspection=True)
    source = '{ rep(id: "1") { id } }'
    await asyncio.gather(documents.prepare(source), documents.prepare(source))
    assert documents._kept_tokens == (await documents.prepare(source)).node.token_count


async def test_the_operation_is_chosen_by_name():
    documents = Documents(SCHEMA, introspection=True)
    document = await documents.prepare("query A { __typename } query B { b: __typename }")
    assert document.operation("B").name == "B"
    for name in (None, "C"):
        with pytest.raises(OperationUnknown, match="A, B"):
            document.operation(name)
    alone = await documents.prepare("query A { __typename }")
    assert alone.operation(None).name == "A"
    with pytest.raises(OperationUnknown):
        alone.operation("B")


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("", "document_refused"),
        ("{" * 400, "document_refused"),
        ("{ a" * 600 + "}" * 600, "document_too_deep"),
        ("fragment F on Rep { ...F } { rep(id: 1) { ...F } }", "document_refused"),
        (" ".join(f"fragment F{n} on Rep {{ ...F{n + 1} }}" for n in range(240))
         + " { rep(id: 1) { ...F0 } }", "document_too_many_fragments"),
        ("{ rep(id: 1) { id } } { rep(id: 2) { id } }", "document_refused"),
        ("type Query { a: Int }", "document_refused"),
        ('{ rep(id: "\ud800") { nothing } }', "document_refused"),
    ],
)  # fmt: skip
async def test_hostile_documents_are_refused(source, code):
    documents = Documents(SCHEMA, introspection=True)
    with pytest.raises(Refusal) as refused:
        await documents.prepare(source)
    assert refused.value.code == code
