"""The schema is a contract: reviewed, documented, and never broken by accident."""

import re
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    find_breaking_changes,
    parse,
    validate,
)

import gateway
from gateway.main import sdl

FOLDER = Path(gateway.__file__).parent
COMMITTED = (FOLDER / "schema.graphql").read_text()
GUIDE = Path(__file__).parents[3] / "docs" / "graphql.md"


def test_the_snapshot_is_current():
    assert sdl() == COMMITTED, "run `headwater schema --write` and review the difference"


def test_nothing_that_was_promised_is_broken():
    assert find_breaking_changes(build_schema(COMMITTED), build_schema(sdl())) == []


@pytest.mark.parametrize(
    ("promised", "broken"),
    [
        ("  tenureMonths: Int", "  tenure: Int"),
        ("  unit: Unit", "  unit: Rep"),
        ("    pipeline: String = null", "    pipeline: String!"),
        ("  LOST", "  LOSS"),
        ("Percent", "Share"),
    ],
)
def test_a_break_would_be_found(promised, broken):
    changed = COMMITTED.replace(promised, broken)
    assert changed != COMMITTED
    assert find_breaking_changes(build_schema(COMMITTED), build_schema(changed))


def test_everything_is_described():
    bare = []
    schema = build_schema(COMMITTED)
    for name, kind in schema.type_map.items():
        if name.startswith("__") or name in {"Boolean", "Int", "String", "ID", "Float"}:
            continue
        if not kind.description:
            bare.append(name)
        if isinstance(kind, GraphQLEnumType):
            bare += [f"{name}.{value}" for value, of in kind.values.items() if not of.description]
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            continue
        for field_name, field in kind.fields.items():
            if not field.description:
                bare.append(f"{name}.{field_name}")
            for argument_name, argument in getattr(field, "args", {}).items():
                if not argument.description:
                    bare.append(f"{name}.{field_name}({argument_name}:)")
    assert bare == []
    assert len(schema.type_map) > 20


@pytest.mark.parametrize("path", sorted((FOLDER / "operations").glob("*.graphql")), ids=str)
def test_the_ready_documents_fit_the_schema(path):
    assert validate(build_schema(COMMITTED), parse(path.read_text())) == []


def test_there_are_ready_documents():
    names = {path.stem for path in (FOLDER / "operations").glob("*.graphql")}
    assert names >= {"rep_board", "team_board", "cascade", "activate", "live"}


def test_the_guide_s_documents_fit_the_schema():
    documents = re.findall(r"```graphql\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(documents) == 4
    for document in documents:
        assert validate(build_schema(COMMITTED), parse(document)) == []


def test_every_mutation_takes_one_input_and_answers_errors_as_data():
    schema = build_schema(COMMITTED)
    user_error = schema.type_map["UserError"]
    for name, field in schema.mutation_type.fields.items():
        kind = name[0].upper() + name[1:]
        assert list(field.args) == ["input"]
        assert str(field.args["input"].type) == f"{kind}Input!"
        payload, *errors = field.type.types
        assert (field.type.name, payload.name) == (f"{kind}Result", f"{kind}Payload")
        assert errors
        assert all(user_error in error.interfaces for error in errors)
        assert "offset" in payload.fields
        assert f"`{name}" in GUIDE.read_text() or f" {name}" in GUIDE.read_text()
