"""Making plans and splitting them: each mutation is one call of targets."""

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
from gateway.scalars import basis_points
from gateway.targets.mutations.inputs import PlanCreateInput, PlanSplitInput, SplitInput
from gateway.targets.mutations.payload import PlanPayload, answered


@strawberry.type(description="A plan that was made: a draft with its root.")
class PlanCreatePayload(PlanPayload):
    pass


PlanCreateResult: TypeAlias = Annotated[
    PlanCreatePayload | NotFoundError | ForbiddenError | InvalidError | ConflictError,
    result("PlanCreateResult"),
]


@strawberry.type(description="A plan after its splits.")
class PlanSplitPayload(PlanPayload):
    pass


PlanSplitResult: TypeAlias = Annotated[
    PlanSplitPayload | NotFoundError | ForbiddenError | InvalidError | ConflictError,
    result("PlanSplitResult"),
]


async def _create(
    rows: Rows,  # noqa: ARG001
    info: Ask,
    input: Annotated[PlanCreateInput, GIVEN],  # noqa: A002
) -> Sequence[Any]:
    async def act() -> Any:
        body: dict[str, Any] = {
            "name": input.name, "metric": input.metric, "owner_id": input.owner_id,
            "period": input.period, "target": input.target, "floor": input.floor,
            "stretch": input.stretch, "predecessor_id": input.predecessor_id,
        }  # fmt: skip
        threshold = basis_points(input.consensus_threshold, "consensusThreshold")
        if threshold is not None:
            body["consensus_threshold_bp"] = threshold
        return answered(await info.context.targets.act("plans", body, input.idempotency_key))

    return await acted("PlanCreatePayload", act())


async def _split(
    rows: Rows,  # noqa: ARG001
    info: Ask,
    input: Annotated[PlanSplitInput, GIVEN],  # noqa: A002
) -> Sequence[Any]:
    async def act() -> Any:
        splits = [_body(split, number) for number, split in enumerate(input.splits)]
        path = f"plans/{segment(input.plan_id)}/splits"
        body = {"splits": splits}
        return answered(await info.context.targets.act(path, body, input.idempotency_key))

    return await acted("PlanSplitPayload", act())


def _body(split: SplitInput, number: int) -> dict[str, Any]:
    at = f"splits.{number}"
    parts = [
        {
            "owner_id": part.owner_id, "period": part.period, "weight": part.weight,
            "share_bp": basis_points(part.share, f"{at}.parts.{index}.share"),
        }
        for index, part in enumerate(split.parts)
    ]  # fmt: skip
    buffer = split.buffer and {
        "percent_bp": basis_points(split.buffer.percent, f"{at}.buffer.percent"),
        "kind": split.buffer.kind.value,
    }
    return {
        "target_id": split.target_id, "of": "leaves" if split.leaves else None,
        "owner_id": split.owner_id, "level": split.level and split.level.value,
        "axis": split.axis.value, "method": split.method.value,
        "into": split.into and split.into.value, "parts": parts, "buffer": buffer,
        "reason": split.reason,
    }  # fmt: skip


@strawberry.type
class PlanMaking:
    plan_create: PlanCreateResult | None = joined(
        _create, "Makes a plan: a draft with one target. For sales_ops and admin."
    )
    plan_split: PlanSplitResult | None = joined(
        _split,
        "Splits targets of a plan, exactly. For sales_ops and admin; a manager splits what their "
        "units have.",
    )
