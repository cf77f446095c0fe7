"""Alerts in batches, and their acknowledgement."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.kit import paging
from services.kit.errors import Invalid, NotFound
from services.kit.http import JSONResponse
from services.kit.ids import is_id
from services.kit.limits import PAGE_MOST
from services.kpi.actions import alerts
from services.kpi.actions.alerts import Read
from services.kpi.actions.connections import KPI
from services.kpi.actions.submission import Submission
from services.kpi.api.edge import Asker, Parts, TenantId, example, reading
from services.kpi.schemas.alerts import AlertAcknowledged, AlertBoard

router = APIRouter(tags=["alerts"])
_ID = "019a0000-0000-7000-8000-000000000001"
_ALERT: dict[str, Any] = {
    "id": "019a0000-0000-7000-8000-00000000000a", "scope": _ID, "kind": "light", "light": "red",
    "metric": "visits", "period": "2026-03", "target_id": "019a0000-0000-7000-8000-00000000000b",
    "message": {
        "en": "Visits in 2026-03: 8 of 14 due by 2026-03-06, 57.1 %: red. Short since 2026-03-05.",
        "zh": "2026-03 拜访量：截至 2026-03-06 应完成 14，实际 8，达成 57.1%，红灯；自 2026-03-05 起落后。",
    },
    "owner_id": "019a0000-0000-7000-8000-000000000002", "status": "open",
    "opened_at": "2026-03-04T16:00:00Z", "acknowledged_at": None, "acknowledged_by": None,
    "resolved_at": None, "resolution": None,
}  # fmt: skip


@router.get(
    "/alerts",
    response_model=AlertBoard,
    responses=example(offset=1203, items=[{"scope": _ID, "alerts": [_ALERT], "next_cursor": None}]),
)
async def get_alerts(
    kpi: Parts,
    viewer: Asker,
    tenant_id: TenantId,
    scope: Annotated[list[str], Query(description="ids of members or units, at most 100")],
    status: Annotated[
        list[Literal["open", "acknowledged", "resolved"]] | None,
        Query(description="all by default"),
    ] = None,
    below: Annotated[
        bool, Query(description="also those of all units and members below a unit")
    ] = False,
    limit: Annotated[int | None, Query(description="alerts of each scope, 1 to 100")] = None,
    cursor: Annotated[str | None, Query(description="of a call with this one scope")] = None,
    min_offset: Annotated[int | None, Query(ge=0, description="wait until this is counted")] = None,
) -> Response:
    """Alerts by scope, the newest first; scopes that the caller may not see are absent.

    A rep sees their own, a manager those of the units they manage with all below.
    """
    if len(scope) > PAGE_MOST:
        raise Invalid(f"at most {PAGE_MOST} scopes in one call", path="scope")
    wrong = next((given for given in scope if not is_id(given)), None)
    if wrong is not None:
        raise Invalid(f"{wrong!r} is not an id of a member or unit", path="scope")
    size, after = paging.size(limit), _after(cursor)
    if after is not None and len(set(scope)) > 1:
        raise Invalid("a cursor belongs to one scope: ask for that one alone", path="cursor")
    async with reading(kpi, tenant_id, min_offset) as connection:
        page = await alerts.page(
            connection, tenant_id, viewer, scope, below=below, statuses=status, after=after,
            limit=size, charts=kpi.charts,
            catalogue=await kpi.catalogues.get(connection, tenant_id), now=kpi.clock.now(),
        )  # fmt: skip
    items = [
        {"scope": asked, "alerts": shown["items"], "next_cursor": shown["next_cursor"]}
        for asked, found in page.items.items()
        for shown in [paging.page([_present(read) for read in found], size, _keys)]
    ]
    return JSONResponse(
        {"offset": page.offset, "items": items}, headers={"Headwater-Offset": str(page.offset)}
    )


@router.post(
    "/alerts/{alert}/acknowledge",
    response_model=AlertAcknowledged,
    responses=example(alert={**_ALERT, "status": "acknowledged"}, offset=1204),
)
async def acknowledge_alert(alert: str, kpi: Parts, viewer: Asker, tenant_id: TenantId) -> Response:
    """It has been seen: it stays acknowledged until its light gets worse. Idempotent."""
    if not is_id(alert):
        raise NotFound(f"no alert {alert}", path="alert")
    async with kpi.database.read(tenant_id) as connection:
        found = await alerts.acknowledgement(
            connection, tenant_id, viewer, alert, charts=kpi.charts,
            catalogue=await kpi.catalogues.get(connection, tenant_id), now=kpi.clock.now(),
        )  # fmt: skip
    offset = found.offset
    if found.facts:
        offset = (await kpi.writer.submit(Submission(tenant_id, KPI, facts=found.facts))).offset
    return JSONResponse(
        {"alert": _present(found.read), "offset": offset},
        headers={"Headwater-Offset": str(offset)},
    )


def _after(cursor: str | None) -> tuple[datetime, str] | None:
    keys = paging.keys(cursor, 2)
    if keys is None:
        return None
    try:
        at = datetime.fromisoformat(keys[0])
    except (TypeError, ValueError):
        at = None
    if at is None or at.tzinfo is None or not isinstance(keys[1], str) or not is_id(keys[1]):
        raise Invalid("the cursor is not one that this list gave out", path="cursor")
    return at, keys[1]


def _keys(shown: dict[str, Any]) -> tuple[Any, ...]:
    return shown["opened_at"].isoformat(), shown["id"]


def _present(read: Read) -> dict[str, Any]:
    alert = read.alert
    return {
        "id": alert.id,
        "scope": alert.scope,
        "kind": "light",
        "light": alert.light,
        "metric": alert.metric,
        "period": alert.period,
        "target_id": alert.target_id,
        "message": read.message,
        "owner_id": read.owner_id,
        "status": alert.status,
        "opened_at": alert.opened_at,
        "acknowledged_at": alert.acknowledged_at,
        "acknowledged_by": alert.acknowledged_by,
        "resolved_at": alert.resolved_at,
        "resolution": alert.resolution,
    }
