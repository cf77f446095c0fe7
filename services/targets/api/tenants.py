"""The tenant's choices, and how its facts leave."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from services.kit.http import JSONResponse, StrictRoute
from services.targets.actions import tenants
from services.targets.api.edge import PREFIX, Asked, TheOffice, json_of, refusals
from services.targets.domain.configuration import checked
from services.targets.schemas.changes import TenantRead, TenantWrite
from services.targets.schemas.reads import OutboxRead

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["tenant"])
ShortName = Annotated[
    str,
    Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="the tenant's name in tokens",
         examples=["demo"]),
]  # fmt: skip


@router.put(
    "/tenants/{short_name}",
    summary="Configure a tenant",
    description="Makes the tenant, or changes its choices from its current day on. The first choices "
    "hold for all earlier days too. The same again changes nothing. Only the installation may.",
    response_model=TenantRead,
    responses=refusals(
        409, 422, on_409="tenant_id_taken: the tenant has another id, or the id another tenant",
        on_422="zone_unknown, money_invalid or invalid: `path` names the field",
    ) | {201: {"model": TenantRead, "description": "The tenant is new."}},
)  # fmt: skip
async def configure_tenant(
    short_name: ShortName, body: TenantWrite, viewer: Asked, office: TheOffice
) -> Response:
    chosen = checked(body.zone, body.currency, body.fiscal_start_month, body.week_rule)
    tenant, created = await tenants.configure_tenant(office, viewer, short_name, chosen, body.id)
    return JSONResponse(json_of(TenantRead.of(tenant)), 201 if created else 200)


@router.get(
    "/tenant",
    summary="Read the tenant's choices",
    description="Those that hold now for the tenant of the token.",
    responses=refusals(409),
)
async def read_tenant(viewer: Asked, office: TheOffice) -> TenantRead:
    return TenantRead.of(await tenants.current_tenant(office, viewer))


@router.get(
    "/outbox",
    summary="See how facts leave for kpi",
    description="Facts that kpi has not yet accepted. For admin and services.",
    responses=refusals(),
)
async def read_outbox(viewer: Asked, office: TheOffice) -> OutboxRead:
    pending, age_seconds = await tenants.facts_waiting(office, viewer)
    return OutboxRead(pending=pending, oldest_age_seconds=age_seconds)
