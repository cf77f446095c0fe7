"""Making plans and bringing them through their states."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from services.kit import ids, paging
from services.kit.auth import Viewer
from services.kit.errors import Invalid
from services.kit.http import JSONResponse, StrictRoute
from services.kit.idempotency import IdempotencyStore
from services.targets.actions import activation, catalogue, plans
from services.targets.actions.office import Office
from services.targets.api.edge import (
    IDEMPOTENCY_KEY,
    PREFIX,
    Asked,
    Cursor,
    Limit,
    MinOffset,
    Offset,
    Once,
    TheOffice,
    json_of,
    refusals,
)
from services.targets.schemas.plans import (
    ApproveWrite,
    PlanAnswer,
    PlanRead,
    Plans,
    PlanWrite,
    SplitsWrite,
)

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["plans"])
PlanIds = Annotated[Sequence[str], Query(alias="id", description="ids of plans; 100 at most")]
PlanId = Annotated[str, Path(description="the plan's id")]
_STATE = "plan_state: the plan's state does not allow it"


@router.get(
    "/plans",
    summary="Read plans",
    description="By id (100 at most), or without `id` a page, the newest first. A plan is for whoever "
    "sees its root; drafts for those who work on them.",
    responses=refusals(409, 413, 422),
)
async def read_plans(
    viewer: Asked, office: TheOffice, offset: Offset, asked: PlanIds = (), limit: Limit = None,
    cursor: Cursor = None, min_offset: MinOffset = None,
) -> Plans:  # fmt: skip
    last = None
    if asked:
        reached, found = await catalogue.plans_by_id(office, viewer, asked, min_offset)
    else:
        reached, found, last = await catalogue.all_plans(
            office, viewer, _before(cursor), paging.size(limit)
        )
    offset(reached)
    return Plans(
        offset=reached, items=[PlanRead.of(view) for view in found],
        next_cursor=paging.cursor(last) if last else None,
    )  # fmt: skip


@router.post(
    "/plans",
    summary="Make a plan",
    description="A draft with one target, which is then split. For sales_ops and admin.",
    response_model=PlanAnswer,
    status_code=201,
    responses=refusals(
        404, 409, 413, 422, on_404="not_found: no such predecessor",
        on_422="metric_not_declared, owner_unknown, period_invalid, quantity_invalid, "
        "target_invalid or invalid: `path` names the field",
    ),
    openapi_extra=IDEMPOTENCY_KEY,
)  # fmt: skip
async def create_plan(
    request: Request, body: PlanWrite, viewer: Asked, office: TheOffice, once: Once
) -> Response:
    async def act() -> tuple[str, None]:
        return await plans.create_plan(office, viewer, body.proposal()), None

    return await _answered(request, viewer, office, once, act, status=201)


@router.post(
    "/plans/{plan_id}/splits",
    summary="Split targets",
    description="Each split is one rule along one axis, for one target or for all leaves alike; "
    "parts sum exactly to their whole, but for a declared buffer. In order, all or none; while the "
    "plan is a draft or proposed. For sales_ops and admin; a manager splits what their units have.",
    response_model=PlanAnswer,
    responses=refusals(
        404, 409, 413, 422, on_404="not_found: no such plan, or a target that is not yours to split",
        on_409="plan_state, target_already_split, target_duplicate",
        on_422="shares_incomplete, split_invalid, owner_unknown, owner_outside, period_outside, "
        "buffer_repeated, plan_too_deep, plan_too_large or invalid: `path` names the place",
    ),
    openapi_extra=IDEMPOTENCY_KEY,
)  # fmt: skip
async def split_targets(
    request: Request,
    plan_id: PlanId,
    body: SplitsWrite,
    viewer: Asked,
    office: TheOffice,
    once: Once,
) -> Response:
    async def act() -> tuple[str, None]:
        asked = [each.asked() for each in body.splits]
        await plans.split_targets(office, viewer, plan_id, asked)
        return plan_id, None

    return await _answered(request, viewer, office, once, act)


@router.post(
    "/plans/{plan_id}/propose",
    summary="Propose a plan",
    description="From now on its owners see and acknowledge it. For sales_ops and admin.",
    response_model=PlanAnswer,
    responses=refusals(404, 409, 422, on_409=_STATE),
    openapi_extra=IDEMPOTENCY_KEY,
)
async def propose(
    request: Request, plan_id: PlanId, viewer: Asked, office: TheOffice, once: Once
) -> Response:
    async def act() -> tuple[str, None]:
        await plans.propose(office, viewer, plan_id)
        return plan_id, None

    return await _answered(request, viewer, office, once, act)


@router.post(
    "/plans/{plan_id}/approve",
    summary="Approve a plan",
    description="Below the plan's consensus threshold it takes `override_reason`. For sales_ops and "
    "admin.",
    response_model=PlanAnswer,
    responses=refusals(404, 409, 422, on_409=f"{_STATE}; consensus_missing"),
    openapi_extra=IDEMPOTENCY_KEY,
)
async def approve(
    request: Request, plan_id: PlanId, viewer: Asked, office: TheOffice, once: Once,
    body: ApproveWrite | None = None,
) -> Response:  # fmt: skip
    async def act() -> tuple[str, None]:
        await plans.approve(office, viewer, plan_id, body.override_reason if body else None)
        return plan_id, None

    return await _answered(request, viewer, office, once, act)


@router.post(
    "/plans/{plan_id}/activate",
    summary="Activate a plan",
    description="It counts from now on; the active plan that it names as predecessor is superseded. "
    "Activating an active plan answers it unchanged. For sales_ops and admin.",
    response_model=PlanAnswer,
    responses=refusals(404, 409, 422, on_409=f"{_STATE}; plan_overlap"),
    openapi_extra=IDEMPOTENCY_KEY,
)
async def activate(
    request: Request, plan_id: PlanId, viewer: Asked, office: TheOffice, once: Once
) -> Response:
    async def act() -> tuple[str, int | None]:
        return plan_id, await activation.activate(office, viewer, plan_id)

    return await _answered(request, viewer, office, once, act)


async def _answered(
    request: Request, viewer: Viewer, office: Office, once: IdempotencyStore,
    act: Callable[[], Awaitable[tuple[str, int | None]]], status: int = 200,
) -> Response:  # fmt: skip
    """The plan after an act on it."""

    async def answer() -> Response:
        plan_id, offset = await act()
        plan = PlanRead.of(await catalogue.plan_of(office, viewer, plan_id))
        return JSONResponse(json_of(PlanAnswer(plan=plan, offset=offset)), status)

    tenant_id = await office.tenant_id(viewer)
    return await once.once(request, viewer, tenant_id, await request.body(), answer)


def _before(cursor: str | None) -> str | None:
    keys = paging.keys(cursor, 1)
    if keys is None:
        return None
    if not isinstance(keys[0], str) or not ids.is_id(keys[0]):
        raise Invalid("the cursor is not one that this list gave out", path="cursor")
    return keys[0]
