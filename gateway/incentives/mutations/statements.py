"""Approving and closing statements: each mutation is one call of incentives."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import strawberry

from gateway.execution.asking import Ask
from gateway.fields import Rows, joined, plain
from gateway.incentives.types.plan import Statement, statement_row
from gateway.refusals import (
    GIVEN,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    acted,
    given,
    idempotency_key,
    offset_of,
    result,
    segment,
)
from gateway.scalars import Offset


@strawberry.input(description="A statement to approve.")
class StatementApproveInput:
    statement_id: strawberry.ID = given("The statement, of a period that is over.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="A statement to close.")
class StatementCloseInput:
    statement_id: strawberry.ID = given("The statement, approved.")
    idempotency_key: str | None = idempotency_key()


@strawberry.type(description="A statement after its approval.")
class StatementApprovePayload:
    statement: Statement = plain("The statement as it is now.")
    offset: Offset | None = offset_of("incentives")


@strawberry.type(description="A statement that never changes again.")
class StatementClosePayload:
    statement: Statement = plain("The statement as it is now.")
    offset: Offset | None = offset_of("incentives")


StatementApproveResult: TypeAlias = Annotated[
    StatementApprovePayload | NotFoundError | ForbiddenError | InvalidError | ConflictError,
    result("StatementApproveResult"),
]


StatementCloseResult: TypeAlias = Annotated[
    StatementClosePayload | NotFoundError | ForbiddenError | InvalidError | ConflictError,
    result("StatementCloseResult"),
]


async def _approve(
    rows: Rows,  # noqa: ARG001
    info: Ask,
    input: Annotated[StatementApproveInput, GIVEN],  # noqa: A002
) -> Sequence[Any]:
    acting = _settle(info, input.statement_id, "approve", input.idempotency_key)
    return await acted("StatementApprovePayload", acting)


async def _close(
    rows: Rows,  # noqa: ARG001
    info: Ask,
    input: Annotated[StatementCloseInput, GIVEN],  # noqa: A002
) -> Sequence[Any]:
    acting = _settle(info, input.statement_id, "close", input.idempotency_key)
    return await acted("StatementClosePayload", acting)


async def _settle(info: Ask, statement_id: str, act: str, key: str | None) -> Any:
    path = f"statements/{segment(statement_id)}/{act}"
    answer = await info.context.incentives.act(path, {}, key)
    return {"statement": statement_row(answer["statement"]), "offset": answer["offset"]}


@strawberry.type
class StatementActs:
    statement_approve: StatementApproveResult | None = joined(
        _approve, "Approves a statement's figures as they are. For finance, not for one's own."
    )
    statement_close: StatementCloseResult | None = joined(
        _close,
        "Closes an approved statement for good; what comes later adjusts the next one. For "
        "finance, not for one's own.",
    )
