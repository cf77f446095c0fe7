"""Compensation plans."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from services.incentives.actions import plans
from services.incentives.api.edge import (
    IDEMPOTENCY_KEY,
    PREFIX,
    Asked,
    Cursor,
    Limit,
    Once,
    TheOffice,
    after,
    answer,
    number,
    refusals,
    text,
)
from services.incentives.schemas.plans import (
    PlanActivate,
    PlanAnswer,
    PlanDocument,
    PlanRead,
    Plans,
)
from services.kit import paging
from services.kit.http import StrictRoute

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["compensation plans"])
PlanId = Annotated[str, Path(description="the plan's id")]


@router.post(
    "/plans",
    summary="Draft a compensation plan",
    description="The document becomes the next version of its name. Nothing is paid by it until it "
    "is activated. For finance and sales_ops.",
    status_code=201,
    response_model=PlanAnswer,
    responses=refusals(
        409, 413, 422, on_422="compensation_plan_invalid: `path` names the fault, as in "
        "`components.0.bands.1.up_to`; invalid where the document has another shape",
    ),
    openapi_extra=IDEMPOTENCY_KEY,
)  # fmt: skip
async def draft_plan(
    request: Request, body: PlanDocument, viewer: Asked, office: TheOffice, once: Once
) -> Response:
    async def act() -> Response:
        plan, offset = await plans.draft(office, viewer, body.model_dump())
        return answer(PlanAnswer(plan=PlanRead.of(plan), offset=offset), 201)

    tenant_id = await office.tenant_id(viewer)
    return await once.once(request, viewer, tenant_id, await request.body(), act)


@router.post(
    "/plans/{plan_id}/activate",
    summary="Activate a compensation plan",
    description="In force from the first day of a period of its own kind; the version before it ends "
    "the day before. Open statements are calculated anew, closed ones stay. An active plan is "
    "answered unchanged. For finance.",
    response_model=PlanAnswer,
    responses=refusals(
        404, 409, 422, on_409="compensation_plan_overlap: a member would have two plans; or the request is being "
        "answered already",
    ),
    openapi_extra=IDEMPOTENCY_KEY,
)  # fmt: skip
async def activate_plan(
    request: Request, plan_id: PlanId, body: PlanActivate, viewer: Asked, office: TheOffice,
    once: Once,
) -> Response:  # fmt: skip
    async def act() -> Response:
        plan, offset = await plans.activate(office, viewer, plan_id, body.effective_from)
        return answer(PlanAnswer(plan=PlanRead.of(plan), offset=offset))

    tenant_id = await office.tenant_id(viewer)
    return await once.once(request, viewer, tenant_id, await request.body(), act)


@router.get(
    "/plans",
    summary="Read compensation plans",
    description="One by `id`, or a page of all versions. For finance, sales_ops and admin; nothing "
    "for the other roles.",
    response_model=Plans,
    responses=refusals(422),
)
async def read_plans(
    viewer: Asked, office: TheOffice,
    plan_id: Annotated[str | None, Query(alias="id", description="this one alone")] = None,
    limit: Limit = None, cursor: Cursor = None,
) -> Response:  # fmt: skip
    size = paging.size(limit)
    found, offset = await plans.all_plans(
        office, viewer, plan_id, after(cursor, text, number), size
    )
    page = paging.page(found, size, lambda one: (one.name, one.version))
    items = [PlanRead.of(one) for one in page["items"]]
    return answer(Plans(offset=offset, items=items, next_cursor=page["next_cursor"]))
