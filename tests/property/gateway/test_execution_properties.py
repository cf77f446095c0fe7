"""Plans answer what graphql-core's own executor answers: over random documents and random data.

Both executors see the same objects, whose values follow from a seed and the way to them: right
values, nulls, exceptions, and values that do not fit their type. The data must be the same, keys in
the same order. Where several things go wrong under one object that is blanked, the stock executor
tells of the first alone: what it tells must be among what plans tell.
"""

import asyncio
import json
from enum import Enum
from random import Random

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLScalarType,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    parse,
    print_schema,
    specified_rules,
    validate,
)
from graphql.execution.values import get_variable_values
from hypothesis import assume, event, given, note
from hypothesis import strategies as st

from gateway import schema as whole
from gateway.execution import compiling, shape
from gateway.execution.asking import Arguments, Variables
from gateway.execution.running import Running
from gateway.fields import How, Kind
from tests.support.documents import Writer
from tests.unit.gateway.test_running import SCHEMA as SMALL

RULES = [
    rule for rule in specified_rules if rule not in {NoUnusedFragmentsRule, NoUnusedVariablesRule}
]
LITERALS = {
    "ID": ['"a"', '"b"'], "String": ['"x"', '"y"'], "Period": ['"2026-Q1"', '"2026-01"'],
    "Int": ["1", "3"], "Boolean": ["true", "false"],
}  # fmt: skip
FITTING = {
    "ID": "id", "String": "text", "Int": 7, "Float": 1.5, "Boolean": True, "Period": "2026-Q1",
    "Percent": "75.0", "CurrencyCode": "CNY", "Decimal": "12.50", "Offset": 3,
    "DateTime": "2026-01-01T00:00:00+00:00", "Date": "2026-01-01",
}  # fmt: skip


UNFIT = object()


def _chance(seed):
    return Random(seed)  # noqa: S311 - the same every time


class Row(dict):
    """An object of a kind: every key has a value, which follows from the seed."""

    def __init__(self, world, kind, seed, *, is_whole=False):
        super().__init__()
        self.world, self.kind, self.seed, self.is_whole = world, kind, seed, is_whole

    def __contains__(self, name):
        return self.is_whole or _chance(f"{self.seed} has {name}").random() < 0.6

    def get(self, name, default=None):
        if name == "__typename":
            return self.kind
        field = self.world.fields[self.kind][name]
        return self.world.value(field, f"{self.seed}.{name}()")

    def called(self, name, arguments):
        field = self.world.fields[self.kind][name]
        return self.world.value(field, f"{self.seed}.{name}({arguments})")


class World:
    """One schema with stub data, run by both executors."""

    def __init__(self, schema):
        self.strawberry = schema
        self.schema = schema._schema
        self.stock = build_schema(print_schema(self.schema))
        self.fields = {}
        self.stubs = {}
        for name, kind in self.schema.type_map.items():
            if isinstance(kind, GraphQLScalarType):
                self.stock.type_map[name].coerce_output_value = _shown_as(kind)
            elif isinstance(kind, GraphQLEnumType):
                by_value = {value.value: key for key, value in kind.values.items()}
                self.stock.type_map[name].coerce_output_value = by_value.__getitem__
            elif hasattr(kind, "fields"):
                self.fields[name] = {
                    compiling.described(field)[0] or key: field.type
                    for key, field in kind.fields.items()
                }

    def value(self, kind, seed):
        random = _chance(seed)
        roll = random.random()
        if roll < 0.03:
            return ValueError(f"fault of {seed}")
        if is_non_null_type(kind):
            return None if roll < 0.05 else self.fitting(kind.of_type, seed, random)
        return None if roll < 0.15 else self.fitting(kind, seed, random)

    def fitting(self, kind, seed, random):
        if random.random() < 0.02:
            return random.choice([UNFIT, 17.25])
        if is_list_type(kind):
            size = random.randint(0, 3)
            return [self.value(kind.of_type, f"{seed}[{place}]") for place in range(size)]
        if isinstance(kind, GraphQLEnumType):
            return random.choice([value.value for value in kind.values.values()])
        if is_leaf_type(kind):
            return FITTING[kind.name]
        possible = self.schema.get_possible_types(kind) if is_abstract_type(kind) else [kind]
        return Row(self, random.choice(sorted(one.name for one in possible)), seed)

    def described(self, definition):
        """As the field is, its function replaced by one that reads the row."""
        name, how = DESCRIBED(definition)
        if how is None:
            return name, None
        key = (name, how.function)
        if key not in self.stubs:
            self.stubs[key] = _stub(name, how)
        return name, self.stubs[key]

    async def ours(self, node, operation, variables, seed):
        read = get_variable_values(self.schema, operation.variable_definitions or (), variables)
        if isinstance(read, list):
            return None, read
        answers = {
            name: read.coerced[name]
            for name in compiling.conditions(node)
            if name in read.coerced
        }  # fmt: skip
        plan = compiling.compiled(self.schema, operation, shape.fragments_of(node), answers)
        arguments = Arguments(self.strawberry, node, operation, Variables(variables, read))
        running = Running(plan, None, arguments)
        data = await running.data(Row(self, self.schema.query_type.name, seed))
        return data, running.errors

    def theirs(self, node, variables, seed):
        def resolve(row, info, **arguments):
            field = self.schema.type_map[info.parent_type.name].fields[info.field_name]
            name, how = self.described(field)
            name = name or info.field_name
            takes = how is not None and (how.kind is not Kind.LATE or how.then is not None)
            value = row.called(name, _normal(arguments)) if takes else row.get(name)
            return _told(field.type, value)

        return execute_sync(
            self.stock, node, Row(self, self.schema.query_type.name, seed), variable_values=variables,
            field_resolver=resolve, type_resolver=lambda row, *_: row.kind,
        )  # fmt: skip


def _shown_as(kind):
    """Services write instants as the text that is shown, which strawberry's own scalar refuses."""
    if kind.name not in {"DateTime", "Date"}:
        return kind.coerce_output_value
    return lambda value: value if isinstance(value, str) else kind.coerce_output_value(value)


def _stub(name, how):
    def computed(row, **arguments):
        value = row.called(name, _normal(arguments))
        if isinstance(value, Exception):
            raise value
        return value

    async def joined(rows, _ask, **arguments):
        return [row.called(name, _normal(arguments)) for row in rows]

    async def filled(rows, _ask):
        return [Row(row.world, row.kind, row.seed, is_whole=True) for row in rows]

    if how.kind is Kind.LATE:
        return How(Kind.LATE, filled, computed if how.then is not None else None)
    return How(how.kind, computed if how.kind is Kind.COMPUTED else joined, gathers=how.gathers)


def _normal(arguments):
    """Equal for equal arguments, whichever executor read them."""
    return sorted(
        (name, value.name if isinstance(value, Enum) else str(value))
        for name, value in arguments.items()
        if value is not None
    )


def _told(kind, value):
    """As the stock executor has to be told: objects that are none it would find out about later."""
    inner = kind.of_type if is_non_null_type(kind) else kind
    if is_list_type(inner):
        return [_told(inner.of_type, one) for one in value] if isinstance(value, list) else value
    if is_leaf_type(inner) or value is None or isinstance(value, Row | Exception):
        return value
    return TypeError("no object")


def _is_null_at(data, path):
    """Whether the place of an error, or one around it, is null."""
    for key in path:
        if data is None:
            return True
        data = data[key]
    return data is None


DESCRIBED = compiling.described
WORLDS = {"small": World(SMALL), "full": World(whole.schema)}


@pytest.mark.parametrize("which", sorted(WORLDS))
@given(seed=st.integers(0, 2**32))
def test_plans_answer_as_the_stock_executor(which, seed):
    world = WORLDS[which]
    writer = Writer(world.schema, _chance(seed), LITERALS)
    text = writer.document()
    note(f"{text}\n{writer.variables}")
    node = parse(text)
    assume(not validate(world.schema, node, RULES))
    (operation,) = [one for one in node.definitions if isinstance(one, OperationDefinitionNode)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "described", world.described)
        data, errors = asyncio.run(world.ours(node, operation, writer.variables, seed))
    expected = world.theirs(node, writer.variables, seed)
    event(f"errors: {len(expected.errors or ()) > 0}")
    event(f"void: {data is None}")
    assert json.dumps(data) == json.dumps(expected.data)
    paths = [error.path for error in errors]
    assert all(error.path in paths for error in expected.errors or ())
    assert all(_is_null_at(data, path) for path in paths)
    assert bool(errors) is bool(expected.errors)
