"""What a joined field is given beside its rows, and how places of a document share one call.

In TeamBoard a unit, its children and its reps all ask for `target(period, metric)`. Each place has
its objects at another time, but the service is asked once: the first waits for the others, which
always come, with no object if need be, and never longer than GRAPHQL_GATHER_SECONDS.
"""

import asyncio
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    SelectionSetNode,
    execute_sync,
    get_argument_values,
)
from graphql.execution.values import VariableValues
from strawberry.types.arguments import convert_arguments

from gateway.execution.plan import Field, Plan
from services.kit import limits


@dataclass(frozen=True, slots=True)
class Variables:
    """As the caller wrote them, and as their types have them."""

    given: Mapping[str, Any]
    coerced: VariableValues


class Arguments:
    """The arguments of one request's fields."""

    def __init__(
        self,
        schema: strawberry.Schema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Variables,
    ) -> None:
        self._schema = schema
        self._document = document
        self._operation = operation
        self._variables = variables
        self._known: dict[int, dict[str, Any]] = {}

    def of(self, field: Field) -> dict[str, Any]:
        """Values as the functions take them; GraphQLError where one does not fit its type."""
        if not field.definition.args:
            return {}
        known = self._known.get(id(field)) or field.constants
        if known is None:
            definition = field.definition.extensions["strawberry-definition"]
            known = convert_arguments(
                get_argument_values(field.definition, field.node, self._variables.coerced),
                definition.arguments, self._schema.schema_converter.scalar_registry,
                self._schema.config,
            )  # fmt: skip
            self._known[id(field)] = known
            if field.is_constant:
                field.constants = known
        return known

    def introspected(self, field: Field) -> Any:
        """__schema and __type, which graphql-core answers from the schema itself."""
        fragments = [
            node for node in self._document.definitions if isinstance(node, FragmentDefinitionNode)
        ]
        alone = OperationDefinitionNode(
            operation=self._operation.operation, directives=(),
            variable_definitions=self._operation.variable_definitions,
            selection_set=SelectionSetNode(selections=(field.node,)),
        )  # fmt: skip
        result = execute_sync(
            self._schema._schema,  # noqa: SLF001 - strawberry has no public name for it
            DocumentNode(definitions=(alone, *fragments)),
            variable_values=dict(self._variables.given),
        )
        if result.errors:
            raise result.errors[0]
        return (result.data or {})[field.key]


class Ask(strawberry.Info[Any, Any]):
    """Who asks and for what: strawberry knows by this type which parameter it is."""

    def __init__(
        self, context: Any, fields: Iterable[Field], arguments: Arguments, of: Field | None = None
    ) -> None:
        self._context = context
        self._fields = tuple(fields)
        self._arguments = arguments
        self._of = of

    @property
    def context(self) -> Any:
        return self._context

    @property
    def arguments(self) -> dict[str, Any]:
        """Those of the field that this is about."""
        return self._arguments.of(self._of) if self._of is not None else {}

    def selects(self, *names: str) -> bool:
        """Whether any of these is shown of the objects asked for; rows' names, not GraphQL's."""
        return any(field.name in names for field in self._fields)

    def below(self, name: str) -> "list[Ask]":
        """What is shown of a field's own objects, once for every time it is written."""
        return [
            Ask(self._context, field.below, self._arguments, field)
            for field in self._fields
            if field.name == name
        ]


class Meeting:
    """Places of a document that ask one thing: they are answered by one call."""

    def __init__(self, places: Sequence[Field], arguments: Arguments) -> None:
        self._missing = len(places)
        self._function = places[0].how.function if places[0].how else None
        self._given = arguments.of(places[0])
        self._fields = {id(one): one for place in places for one in place.below}.values()
        self._arguments = arguments
        self._waiting: list[tuple[Sequence[Any], asyncio.Future[Sequence[Any]]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._call: asyncio.Task[None] | None = None

    async def join(self, rows: Sequence[Any], context: Any) -> Sequence[Any]:
        """The values of these rows, in order."""
        self._missing -= 1
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[Any]] = loop.create_future()
        self._waiting.append((rows, answer))
        if self._missing <= 0:
            if self._timer is not None:
                self._timer.cancel()
            await self._answer(context)
        elif self._timer is None:
            self._timer = loop.call_later(limits.GRAPHQL_GATHER_SECONDS, self._go_on, context)
        return await answer

    def _go_on(self, context: Any) -> None:
        """Somebody is late: who comes now asks for himself."""
        self._missing = 0
        self._call = asyncio.get_running_loop().create_task(self._answer(context))

    async def _answer(self, context: Any) -> None:
        # Who was given up meanwhile is not asked for.
        waiting = [one for one in self._waiting if not one[1].done()]
        self._waiting = []
        rows = [row for some, _ in waiting for row in some]
        ask = Ask(context, self._fields, self._arguments)
        try:
            assert self._function is not None
            values = await self._function(rows, ask, **self._given) if rows else []
            assert len(values) == len(rows), "a value for each row"
        except Exception as fault:  # noqa: BLE001 - it is every waiting place's
            for _, answer in waiting:
                if not answer.done():
                    answer.set_exception(fault)
            return
        start = 0
        for some, answer in waiting:
            if not answer.done():
                answer.set_result(values[start : start + len(some)])
            start += len(some)


def gatherings(plan: Plan, arguments: Arguments) -> Mapping[int, Meeting]:
    """The meeting that each place belongs to. What cannot be asked has none and says why itself."""
    groups: defaultdict[Hashable, list[Field]] = defaultdict(list)
    for place in plan.gathering:
        assert place.how is not None
        try:
            given = tuple(arguments.of(place).items())
        except Exception:  # noqa: BLE001, S112 - raised again where the place is asked
            continue
        groups[place.how.function, place.depth, given].append(place)
    meetings: dict[int, Meeting] = {}
    for places in groups.values():
        meeting = Meeting(places, arguments)
        meetings |= {id(place): meeting for place in places}
    return meetings
