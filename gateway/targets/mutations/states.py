"""Plans through their states: each mutation is one call of targets."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import strawberry

from gateway.execution.asking import Ask
from gateway.fields import Rows, joined
from gateway.refusals import (
    GIVEN,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    acted,
    result,
    segment,
)
from gateway.targets.mutations.inputs import (
    PlanActivateInput,
    PlanApproveInput,
    PlanProposeInput,
    TargetAcknowledgeInput,
)
from gateway.targets.mutations.payload import PlanPayload, answered


@strawberry.type(description="A plan that its owners now see.")
class PlanProposePayload(PlanPayload):
    pass


PlanProposeResult: TypeAlias = Annotated[
    PlanProposePayload | NotFoundError | ForbiddenError | InvalidError | ConflictError,
    result("PlanProposeResult"),
]


@strawberry.type(description="A plan that may start.")
class PlanApprovePayload(PlanPayload):
    pass


PlanApproveResult: TypeAlias = Annotated[
    PlanApprovePayload | NotFoundError | ForbiddenError | InvalidError | ConflictError,
    result("PlanApproveResult"),
]


@strawberry.type(description="A plan that counts.")
class PlanActivatePayload(PlanPayload):
    pass


PlanActivateResult: TypeAlias = Annotated[
    PlanActivatePayload | NotFoundError | ForbiddenError | InvalidError | ConflictError,
    result("PlanActivateResult"),
]


@strawberry.type(description="The plan of the target.")
class TargetAcknowledgePayload(PlanPayload):
    pass


TargetAcknowledgeResult: TypeAlias = Annotated[
    TargetAcknowledgePayload | NotFoundError | ForbiddenError | InvalidError | ConflictError,
    result("TargetAcknowledgeResult"),
]


async def _propose(
    rows: Rows,  # noqa: ARG001
    info: Ask,
    input: Annotated[PlanProposeInput, GIVEN],  # noqa: A002
) -> Sequence[Any]:
    path = f"plans/{segment(input.plan_id)}/propose"
    return await acted("PlanProposePayload", _act(info, path, {}, input.idempotency_key))


async def _approve(
    rows: Rows,  # noqa: ARG001
    info: Ask,
    input: Annotated[PlanApproveInput, GIVEN],  # noqa: A002
) -> Sequence[Any]:
    path = f"plans/{segment(input.plan_id)}/approve"
    body = {"override_reason": input.override_reason}
    return await acted("PlanApprovePayload", _act(info, path, body, input.idempotency_key))


async def _activate(
    rows: Rows,  # noqa: ARG001
    info: Ask,
    input: Annotated[PlanActivateInput, GIVEN],  # noqa: A002
) -> Sequence[Any]:
    path = f"plans/{segment(input.plan_id)}/activate"
    return await acted("PlanActivatePayload", _act(info, path, {}, input.idempotency_key))


async def _acknowledge(
    rows: Rows,  # noqa: ARG001
    info: Ask,
    input: Annotated[TargetAcknowledgeInput, GIVEN],  # noqa: A002
) -> Sequence[Any]:
    path = f"targets/{segment(input.target_id)}/acknowledge"
    return await acted("TargetAcknowledgePayload", _act(info, path, {}, input.idempotency_key))


async def _act(info: Ask, path: str, body: dict[str, Any], key: str | None) -> Any:
    return answered(await info.context.targets.act(path, body, key))


@strawberry.type
class PlanStates:
    plan_propose: PlanProposeResult | None = joined(
        _propose, "Shows a draft to its owners, who may acknowledge. For sales_ops and admin."
    )
    plan_approve: PlanApproveResult | None = joined(
        _approve,
        "Approves a proposed plan; below its consensus threshold with a reason. For sales_ops and "
        "admin.",
    )
    plan_activate: PlanActivateResult | None = joined(
        _activate,
        "Makes an approved plan count, and its predecessor no more. Activating an active plan "
        "answers it unchanged. For sales_ops and admin.",
    )
    target_acknowledge: TargetAcknowledgeResult | None = joined(
        _acknowledge, "Says that the viewer takes their target on."
    )
