"""Connections of CRMs: their webhooks' address, secrets and mappings."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path
from fastapi.responses import Response

from services.kit.http import JSONResponse, StrictRoute
from services.kpi.actions import connections as actions
from services.kpi.actions.submission import Submission
from services.kpi.api.edge import Asker, Kpi, Parts, TenantId, example
from services.kpi.domain import policy
from services.kpi.schemas.wire import (
    ConnectionChange,
    ConnectionCreate,
    ConnectionList,
    ConnectionRead,
    MappingActivated,
    SecretRotate,
)
from services.kpi.store import connections as store
from services.kpi.writer import HEAD_CHANNEL

router = APIRouter(tags=["connections"], route_class=StrictRoute)
Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", examples=["hubspot-eu"])]
_EXAMPLE = {
    "id": "019a0000-0000-7000-8000-000000000001", "short_name": "hubspot-eu", "vendor": "standard",
    "webhook_path": "/webhooks/AZoAAAAAcACAAAAAAAAAAQ…", "mapping_version": 1,
    "created_at": "2026-01-05T09:00:00Z", "disabled_at": None, "secret": "whsec_…",
}  # fmt: skip


def _present(tenant_id: str, row: Any, secret: str | None = None) -> dict[str, Any]:
    read = ConnectionRead(
        id=row["id"],
        short_name=row["short_name"],
        vendor=row["vendor"],
        webhook_path=f"/webhooks/{actions.public_id(tenant_id, row['id'])}",
        mapping_version=row["mapping_version"],
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
        secret=secret,
    )
    return read.model_dump(mode="json")


@router.put(
    "/connections/{name}",
    response_model=ConnectionRead,
    responses=example(**_EXAMPLE),
    summary="Make a connection, or activate another mapping of it",
)
async def put_connection(
    name: Name, body: ConnectionCreate, kpi: Parts, viewer: Asker, tenant_id: TenantId
) -> Response:
    """Idempotent. The secret is in the answer that made the connection, and never again."""
    policy.need_configuration(viewer.role, viewer.service)
    now, activated = kpi.clock.now(), None
    async with kpi.database.write(tenant_id) as connection:
        row, secret = await actions.create(connection, tenant_id, kpi.vault, name, body.vendor, now)
        if body.mapping is not None:
            activated = await actions.activate_mapping(
                connection, tenant_id, name, body.mapping, now
            )
            row = await store.one(connection, tenant_id, name)
    await kpi.database.notify(HEAD_CHANNEL, tenant_id)
    if activated is not None:
        await _release_rest(kpi, tenant_id, row["id"], activated)
    return JSONResponse(_present(tenant_id, row, secret), 201 if secret else 200)


@router.get("/connections", response_model=ConnectionList, responses=example(items=[_EXAMPLE]))
async def list_connections(kpi: Parts, viewer: Asker, tenant_id: TenantId) -> Response:
    """All connections of the tenant, without their secrets."""
    policy.need_configuration(viewer.role, viewer.service)
    async with kpi.database.read(tenant_id) as connection:
        rows = await store.listed(connection, tenant_id)
    return JSONResponse({"items": [_present(tenant_id, row) for row in rows]})


@router.patch("/connections/{name}", response_model=ConnectionRead, responses=example(**_EXAMPLE))
async def change_connection(
    name: Name, body: ConnectionChange, kpi: Parts, viewer: Asker, tenant_id: TenantId
) -> Response:
    """Disable a connection (its webhook answers 410) or enable it again."""
    policy.need_configuration(viewer.role, viewer.service)
    at: datetime | None = kpi.clock.now() if body.disabled else None
    async with kpi.database.write(tenant_id) as connection:
        row = await actions.set_disabled(connection, tenant_id, name, at)
    return JSONResponse(_present(tenant_id, row))


@router.post(
    "/connections/{name}/secrets", response_model=ConnectionRead, responses=example(**_EXAMPLE)
)
async def rotate_secret(
    name: Name, body: SecretRotate, kpi: Parts, viewer: Asker, tenant_id: TenantId
) -> Response:
    """A new secret; the one before stays valid until the next rotation."""
    policy.need_configuration(viewer.role, viewer.service)
    async with kpi.database.write(tenant_id) as connection:
        row, secret = await actions.rotate(connection, tenant_id, kpi.vault, name, body.secret)
    return JSONResponse(_present(tenant_id, row, secret))


@router.put(
    "/connections/{name}/mapping",
    response_model=MappingActivated,
    responses=example(version=2, changed=True, released=17),
)
async def activate_mapping(
    name: Name,
    document: Annotated[dict[str, Any], Body()],
    kpi: Parts,
    viewer: Asker,
    tenant_id: TenantId,
) -> Response:
    """Activate a mapping document as a new version; what waited for it is tried again."""
    policy.need_configuration(viewer.role, viewer.service)
    async with kpi.database.write(tenant_id) as connection:
        activated = await actions.activate_mapping(
            connection, tenant_id, name, document, kpi.clock.now()
        )
        row = await store.one(connection, tenant_id, name)
    await kpi.database.notify(HEAD_CHANNEL, tenant_id)
    released = await _release_rest(kpi, tenant_id, row["id"], activated)
    answer = MappingActivated(
        version=activated.version, changed=activated.changed, released=released
    )
    return JSONResponse(answer.model_dump())


async def _release_rest(
    kpi: Kpi, tenant_id: str, connection_id: str, activated: actions.Activated
) -> int:
    """Quarantine may hold more than one append takes: go on to its end. How many came out."""
    released, after = activated.released, activated.tried_until
    while activated.changed:
        async with kpi.database.read(tenant_id) as connection:
            held = await store.held_ids(connection, tenant_id, connection_id, after)
        if not held:
            break
        outcome = await kpi.writer.submit(Submission(tenant_id, actions.KPI, release=held))
        released += outcome.count("accepted")
        after = held[-1]
    return released
