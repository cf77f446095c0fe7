"""Runs prepared documents against the schema: once for a request, once per event for a live one.

graphql-core executes the cached document directly: strawberry's own entry point would parse and
validate again, and run its extensions around every field.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from graphql import ExecutionResult, GraphQLError, OperationType, execute
from graphql.execution import Executor, create_source_event_stream

from gateway import errors
from gateway.context import Context
from gateway.execution.documents import Document, Documents
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
    kind: OperationType

    @property
    def is_live(self) -> bool:
        return self.kind is OperationType.SUBSCRIPTION


class Engine:
    def __init__(self, *, introspection: bool) -> None:
        self._schema = schema._schema  # noqa: SLF001 - strawberry has no public name for it
        self._executor = schema.execution_context_class
        self._hide_suggestions = not introspection
        self.documents = Documents(self._schema, introspection=introspection)

    async def prepare(self, request: Request) -> Run:
        document = await self.documents.prepare(request.query)
        operation = document.operation(request.operation_name)
        operation.check_cost(request.variables)
        return Run(request, document, operation.kind)

    async def answer(self, run: Run, context: Context, event: Any = None) -> Answer:
        result = execute(
            self._schema, run.document.node, event, context, dict(run.request.variables),
            run.request.operation_name, executor_class=self._executor,
            hide_suggestions=self._hide_suggestions,
        )  # fmt: skip
        if isawaitable(result):
            result = await result
        return _answer(result, context.caller.request_id)

    async def events(
        self, run: Run, context: Context, renew: Renew
    ) -> AsyncGenerator[Answer, None]:
        """An answer for every event; a lone answer with errors where it cannot start.

        What a service could not give is sent without it once, and again when it is whole.
        """
        executor = self._executor.build(
            self._schema, run.document.node, None, context, dict(run.request.variables),
            run.request.operation_name, hide_suggestions=self._hide_suggestions,
        )  # fmt: skip
        source: Any = None
        if isinstance(executor, Executor):
            source = create_source_event_stream(executor)
            if isawaitable(source):
                source = await source
        else:
            source = ExecutionResult(None, executor)
        if isinstance(source, ExecutionResult):
            yield _answer(source, context.caller.request_id)
            return
        broken_at = None
        async with aclosing(source):
            try:
                async for event in source:
                    fresh = await renew(event.offset)
                    answer = await self.answer(run, fresh, event)
                    if errors.passing(answer.get("errors", ())):
                        event.watch.again()
                        if event.offset == broken_at:  # the same change, still not whole
                            continue
                        broken_at = event.offset
                    else:
                        event.watch.settled()
                    yield answer
            except errors.ServiceRefused as refusal:
                # Raised by the source itself; what fields raise is in their answer.
                failed = GraphQLError(refusal.message, original_error=refusal)
                yield _answer(ExecutionResult(None, [failed]), context.caller.request_id)


def _answer(result: ExecutionResult, request_id: str) -> Answer:
    if not result.errors:
        return {"data": result.data}
    shown = errors.shown(result.errors, request_id)
    # Errors without a path refuse the request; then the specification wants no `data` at all.
    if result.data is None and not any("path" in error for error in shown):
        return {"errors": shown}
    return {"data": result.data, "errors": shown}
