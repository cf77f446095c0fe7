"""Acts on alerts: each mutation is one call of kpi."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import strawberry

from gateway.execution.asking import Ask
from gateway.fields import Rows, joined, plain
from gateway.kpi.types.standing import Alert, alert_row
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


@strawberry.input(description="An alert to acknowledge.")
class AlertAcknowledgeInput:
    alert_id: strawberry.ID = given("The alert, open; one that is acknowledged stays as it is.")
    idempotency_key: str | None = idempotency_key()


@strawberry.type(description="An alert that somebody works on.")
class AlertAcknowledgePayload:
    alert: Alert = plain("The alert as it is now.")
    offset: Offset | None = offset_of("kpi")


AlertAcknowledgeResult: TypeAlias = Annotated[
    AlertAcknowledgePayload | NotFoundError | ForbiddenError | InvalidError | ConflictError,
    result("AlertAcknowledgeResult"),
]


async def _acknowledge(
    rows: Rows,  # noqa: ARG001
    info: Ask,
    input: Annotated[AlertAcknowledgeInput, GIVEN],  # noqa: A002
) -> Sequence[Any]:
    async def act() -> Any:
        path = f"alerts/{segment(input.alert_id)}/acknowledge"
        answer = await info.context.kpi.act(path, {}, input.idempotency_key)
        return {"alert": alert_row(answer["alert"]), "offset": answer["offset"]}

    return await acted("AlertAcknowledgePayload", act())


@strawberry.type
class KpiMutation:
    alert_acknowledge: AlertAcknowledgeResult | None = joined(
        _acknowledge, "Takes an alert on. For managers of those it is about, and admin."
    )
