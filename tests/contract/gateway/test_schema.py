"""The schema is a contract: reviewed, documented, and never broken by accident."""

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
REP_BOARD = """query RepBoard($rep: ID!, $period: Period!) {
  rep(id: $rep) {
    id externalId name tenureMonths
    unit { id name }
    manager { id name }
    funnel(period: $period) {
      offset
      stages { code name entered open amount { amount currency } conversion medianDays }
      winRate cycleDays coverage
      bottlenecks { stage { code } conversion usual amountAtStake { amount currency } }
      forecast { weighted { amount currency } runRate { amount currency } low { amount } high { amount } }
    }
  }
}"""
TEAM_BOARD = """query TeamBoard($unit: ID!, $period: Period!) {
  unit(id: $unit) {
    id name
    children { id name }
    reps(first: 50) { totalCount nodes { id name } pageInfo { hasNextPage endCursor } }
    funnel(period: $period) { stages { code entered open conversion } winRate }
  }
}"""
LIVE = """subscription Live($rep: ID!, $period: Period!) {
  repChanged(rep: $rep, period: $period) { offset rep { id funnel(period: $period) { stages { code entered open } } } }
}"""


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
    assert names >= {"rep_funnel", "unit_funnel", "live_funnel"}


@pytest.mark.parametrize("document", [REP_BOARD, TEAM_BOARD, LIVE])
def test_the_contract_s_boards_fit_word_for_word_as_far_as_they_are_built(document):
    assert validate(build_schema(COMMITTED), parse(document)) == []
