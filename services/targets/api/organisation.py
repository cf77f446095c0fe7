"""Changing the organisation."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from services.kit.http import JSONResponse, StrictRoute
from services.targets.actions import imports, moves
from services.targets.api.edge import (
    IDEMPOTENCY_KEY,
    PREFIX,
    Asked,
    Once,
    TheOffice,
    json_of,
    refusals,
)
from services.targets.schemas.changes import ImportRead, MoveRead, MoveWrite, OrganisationWrite

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["organisation"])


@router.post(
    "/organisation",
    summary="Import units and members",
    description="States what holds from `as_of` on, by external id: each row says everything about "
    "one unit or member, those that no row names stay. A changed unit of a member is a move; history "
    "before `as_of` stays, and so do changes known for later days. All rows or none; stating the "
    "same again changes nothing. For admin, sales_ops and the installation.",
    response_model=ImportRead,
    responses=refusals(
        409, 413, 422,
        on_409="tenant_not_configured, or a request with this Idempotency-Key is being answered",
        on_422="reference_unknown, row_repeated, row_invalid, unit_cycle, tree_too_deep, "
        "membership_outside, …: `path` names the row, as in `units.3.parent_external_id`",
    ),
    openapi_extra=IDEMPOTENCY_KEY,
)  # fmt: skip
async def import_organisation(
    request: Request, body: OrganisationWrite, viewer: Asked, office: TheOffice, once: Once
) -> Response:
    async def act() -> Response:
        change = await imports.import_organisation(office, viewer, body.statement())
        return JSONResponse(json_of(ImportRead.of(change)))

    tenant_id = await office.tenant_id(viewer)
    return await once.once(request, viewer, tenant_id, await request.body(), act)


@router.post(
    "/members/{id:path}/moves",
    summary="Move a member",
    description="From `on` the member is in another unit, until the next change that is known. Being "
    "there already changes nothing. For admin, sales_ops and the installation.",
    response_model=MoveRead,
    responses=refusals(
        404, 409, 422, on_404="member_not_found",
        on_422="unit_unknown, membership_outside or invalid: `path` names the field",
    ),
    openapi_extra=IDEMPOTENCY_KEY,
)  # fmt: skip
async def move_member(
    request: Request,
    member: Annotated[str, Path(alias="id", description="our id or an external one")],
    body: MoveWrite,
    viewer: Asked,
    office: TheOffice,
    once: Once,
) -> Response:
    async def act() -> Response:
        moved = await moves.move_member(
            office, viewer, member, body.unit_id, body.on, body.share_bp
        )
        return JSONResponse(json_of(MoveRead.of(moved)))

    tenant_id = await office.tenant_id(viewer)
    return await once.once(request, viewer, tenant_id, await request.body(), act)
