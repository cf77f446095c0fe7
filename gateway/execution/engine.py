"""Runs prepared documents: once for a request, once per event for a live one."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, OperationType
from graphql.execution.values import get_variable_values

from gateway import errors
from gateway.context import Context
from gateway.execution.asking import Arguments, Ask, Variables
from gateway.execution.documents import Document, Documents, Operation
from gateway.execution.plan import Plan
from gateway.execution.running import Running
from gateway.schema import schema
from services.kit.errors import Malformed

Answer = dict[str, Any]
"""A response as GraphQL over HTTP writes it: `data` and, where something is missing, `errors`."""
Renew = Callable[[int], Awaitable[Context]]
"""The context of a live document's next event, which reflects an offset; raises when it may not."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller sent, as GraphQL over HTTP and graphql-transport-ws both write it."""

    query: str
    variables: Mapping[str, Any]
    operation_name: str | None

    @classmethod
    def of(cls, body: Any) -> "Request":
        if isinstance(body, list):
            raise Malformed("one operation a request: arrays of them are not accepted")
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            raise Malformed("send a JSON object with the document as `query`", path="query")
        variables, name = body.get("variables"), body.get("operationName")
        if variables is not None and not isinstance(variables, dict):
            raise Malformed("`variables` is an object", path="variables")
        if name is not None and not isinstance(name, str):
            raise Malformed("`operationName` is a string", path="operationName")
        return cls(body["query"], variables or {}, name or None)


@dataclass(frozen=True, slots=True)
class Run:
    """A request whose document is read and within its limits."""

    request: Request
    document: Document
    operation: Operation

    @property
    def kind(self) -> OperationType:
        return self.operation.kind

    @property
    def is_live(self) -> bool:
        return self.kind is OperationType.SUBSCRIPTION


class Engine:
    def __init__(self, *, introspection: bool) -> None:
        self._schema = schema._schema  # noqa: SLF001 - strawberry has no public name for it
        self._hide_suggestions = not introspection
        self.documents = Documents(self._schema, introspection=introspection)

    async def prepare(self, request: Request) -> Run:
        document = await self.documents.prepare(request.query)
        operation = document.operation(request.operation_name)
        operation.check_cost(request.variables)
        return Run(request, document, operation)

    async def answer(self, run: Run, context: Context, event: Any = None) -> Answer:
        read = self._arguments(run)
        if isinstance(read, list):
            return {"errors": errors.shown(read, context.caller.request_id)}
        plan, arguments = read
        running = Running(plan, context, arguments)
        data = await running.data(event if event is not None else {})
        if not running.errors:
            return {"data": data}
        return {"data": data, "errors": errors.shown(running.errors, context.caller.request_id)}

    async def events(
        self, run: Run, context: Context, renew: Renew
    ) -> AsyncGenerator[Answer, None]:
        """An answer for every event; a lone answer with errors where it cannot start.

        What a service could not give is sent without it once, and again when it is whole.
        """
        read = self._arguments(run)
        if isinstance(read, list):
            yield {"errors": errors.shown(read, context.caller.request_id)}
            return
        plan, arguments = read
        broken_at = None
        try:
            async with aclosing(_source(plan, context, arguments)) as source:
                async for event in source:
                    fresh = await renew(event.offset)
                    answer = await self.answer(run, fresh, event.row)
                    if errors.passing(answer.get("errors", ())):
                        event.watch.again()
                        if event.offset == broken_at:  # the same change, still not whole
                            continue
                        broken_at = event.offset
                    else:
                        event.watch.settled()
                    yield answer
        except (errors.ServiceRefused, GraphQLError) as refusal:
            # Raised by the source itself; what fields raise is in their answer.
            failed = GraphQLError(refusal.message, original_error=refusal)
            yield {"errors": errors.shown([failed], context.caller.request_id)}

    def _arguments(self, run: Run) -> tuple[Plan, Arguments] | list[GraphQLError]:
        """How the request runs, or what is wrong with its variables."""
        given, operation = run.request.variables, run.operation
        read = get_variable_values(
            self._schema, operation.node.variable_definitions or (), dict(given),
            hide_suggestions=self._hide_suggestions,
        )  # fmt: skip
        if isinstance(read, list):
            return read
        try:
            plan = operation.plan(read.coerced)
        except GraphQLError as wrong:
            return [wrong]
        return plan, Arguments(schema, run.document.node, operation.node, Variables(given, read))


def _source(plan: Plan, context: Context, arguments: Arguments) -> AsyncGenerator[Any, None]:
    """The events of a subscription's one field."""
    (field,) = plan.root.joined
    assert field.how is not None, "validation lets no introspection in here"
    source: AsyncGenerator[Any, None] = field.how.function(
        Ask(context, field.below, arguments), **arguments.of(field)
    )
    return source
