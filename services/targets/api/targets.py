"""Reading targets and metrics, acknowledging, and following what changed."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from services.kit import limits, versions
from services.kit.http import JSONResponse, StrictRoute
from services.targets.actions import catalogue, plans, targets
from services.targets.actions.look import PROJECTION
from services.targets.api.edge import (
    IDEMPOTENCY_KEY,
    PREFIX,
    Asked,
    MinOffset,
    Offset,
    Once,
    TheOffice,
    json_of,
    refusals,
)
from services.targets.domain import policy
from services.targets.domain.cascade import Axis
from services.targets.schemas.plans import PlanAnswer, PlanRead
from services.targets.schemas.targets import (
    Changes,
    MetricRead,
    Metrics,
    Parts,
    Targets,
    part_json,
    target_json,
)

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["targets"])
Owners = Annotated[
    Sequence[str],
    Query(description="units and members: our id or an external one; 100 at most; what is unknown "
          "or not for this viewer is absent", examples=[["hr:wang"]]),
]  # fmt: skip
TargetIds = Annotated[Sequence[str], Query(alias="id", description="ids of targets; 100 at most")]


@router.get(
    "/targets",
    summary="Read what owners have in a period",
    description="One total per owner and metric over the active plans: of the coarsest cells that "
    "tile the period exactly. A rep sees their own and the totals of the units above, a manager "
    "also their subtree, sales_ops, finance and admin all.",
    response_model=Targets,
    responses=refusals(409, 413, 422),
)
async def read_targets(
    viewer: Asked, office: TheOffice, owner: Owners,
    period: Annotated[str, Query(description="the period's code", examples=["2026-Q1"])],
    metric: Annotated[str | None, Query(description="its code; all without it")] = None,
    children: Annotated[Axis | None, Query(description="and the parts along this axis")] = None,
    min_offset: MinOffset = None,
) -> Response:  # fmt: skip
    reached, found = await targets.targets_of(
        office, viewer, owner, period, metric, children, min_offset
    )
    items = [
        {"owner_id": owner_id, "targets": [target_json(view) for view in several]}
        for owner_id, several in found
    ]
    return at(reached, items)


@router.get(
    "/targets/children",
    summary="Read what targets are made of",
    description="Along an axis: totals of the owners right below in the same period, or of the "
    "owner's own shorter periods, whatever the order of the splits. Without one: the tree's nodes.",
    response_model=Parts,
    responses=refusals(409, 413, 422),
)
async def read_children(
    viewer: Asked, office: TheOffice, asked: TargetIds,
    axis: Annotated[Axis | None, Query(description="organisation or time")] = None,
    min_offset: MinOffset = None,
) -> Response:  # fmt: skip
    reached, found = await targets.parts_of(office, viewer, asked, axis, min_offset)
    items = [
        {"id": id_, "children": [part_json(view) for view in several]} for id_, several in found
    ]
    return at(reached, items)


@router.post(
    "/targets/{id}/acknowledge",
    summary="Acknowledge the own targets",
    description="The owner's yes to all their targets in a proposed plan: a member's own, or of a "
    "unit by its manager. Again changes nothing.",
    response_model=PlanAnswer,
    responses=refusals(
        404, 409, 422, on_404="not_found: no such target that is yours",
        on_409="plan_state: the plan is not proposed",
    ),
    openapi_extra=IDEMPOTENCY_KEY,
)  # fmt: skip
async def acknowledge(
    request: Request,
    target_id: Annotated[str, Path(alias="id", description="any of the owner's targets there")],
    viewer: Asked,
    office: TheOffice,
    once: Once,
) -> Response:
    async def act() -> Response:
        plan_id = await plans.acknowledge(office, viewer, target_id)
        plan = PlanRead.of(await catalogue.plan_of(office, viewer, plan_id))
        return JSONResponse(json_of(PlanAnswer(plan=plan, offset=None)))

    tenant_id = await office.tenant_id(viewer)
    return await once.once(request, viewer, tenant_id, await request.body(), act)


@router.get(
    "/metrics",
    summary="Read the metrics that plans can be for",
    description="As kpi declared them, learnt from the log.",
    responses=refusals(409),
)
async def read_metrics(viewer: Asked, office: TheOffice, offset: Offset) -> Metrics:
    reached, found = await catalogue.all_metrics(office, viewer)
    offset(reached)
    return Metrics(offset=reached, items=[MetricRead.of(metric) for metric in found])


@router.get(
    "/changes",
    summary="Follow whose targets changed",
    description="Units and members whose targets changed after an offset of the log; waits for the "
    "first change. Gapless: everything up to the answered `offset` is named or was before `after`. "
    "For services.",
    responses=refusals(422),
)
async def read_changes(
    viewer: Asked, office: TheOffice,
    after: Annotated[
        int, Query(ge=-1, le=2**63 - 1, description="the last offset seen; -1 asks where we are")
    ],
    wait: Annotated[float, Query(ge=0, le=limits.LONG_POLL_SECONDS, description="seconds")] = 0,
) -> Changes:  # fmt: skip
    policy.refuse_following(viewer.role)
    tenant_id = await office.tenant_id(viewer)
    found = await versions.changes(
        office.database, office.heard, tenant_id, PROJECTION, after, wait
    )
    return Changes(**found)


def at(offset: int, items: list[dict[str, Any]]) -> Response:
    """An answer that says how far the log was heard."""
    return JSONResponse({"offset": offset, "items": items}, 200, {"Headwater-Offset": str(offset)})
