"""Items that wait: why, and trying them again."""

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.kit import paging
from services.kit.errors import Invalid
from services.kit.http import JSONResponse, StrictRoute
from services.kit.ids import is_id
from services.kpi.actions.connections import KPI
from services.kpi.actions.submission import Submission
from services.kpi.api.edge import Asker, Parts, TenantId, example
from services.kpi.domain import policy
from services.kpi.schemas.wire import QuarantinePage, ReleaseAsk, Released
from services.kpi.store import quarantine as store

router = APIRouter(tags=["quarantine"], route_class=StrictRoute)
_ITEM = {
    "id": "019a0000-0000-7000-8000-000000000009",
    "connection_id": "019a0000-0000-7000-8000-000000000001", "item_key": "msg_2b",
    "reason": "unknown_stage", "message": "pipeline sales has no stage 55", "path": "stage",
    "waits_for": "stage:sales:55", "state": "open", "created_at": "2026-01-05T09:00:00Z",
    "item": {"deal": "D-17", "stage": "55"},
}  # fmt: skip


@router.get(
    "/quarantine", response_model=QuarantinePage, responses=example(items=[_ITEM], next_cursor=None)
)
async def list_quarantine(
    kpi: Parts,
    viewer: Asker,
    tenant_id: TenantId,
    state: Literal["open", "released", "discarded"] = "open",
    limit: Annotated[int | None, Query()] = None,
    cursor: str | None = None,
) -> Response:
    """Items in quarantine, oldest first. Those that wait for an owner or a stage release
    themselves when it becomes known.
    """
    policy.need_configuration(viewer.role, viewer.service)
    size, after = paging.size(limit), paging.keys(cursor, 1)
    if after is not None and not is_id(str(after[0])):
        raise Invalid("the cursor is not one that this list gave out", path="cursor")
    async with kpi.database.read(tenant_id) as connection:
        rows = await store.page(
            connection, tenant_id, state, str(after[0]) if after else None, size + 1
        )
    page = paging.page(rows, size, lambda row: (row["id"],))
    items = [{**dict(row), "item": orjson.loads(row["item"])} for row in page["items"]]
    return JSONResponse({**page, "items": items})


@router.post(
    "/quarantine/release",
    response_model=Released,
    responses=example(released=1, still_held=0, offset=1204),
)
async def release(body: ReleaseAsk, kpi: Parts, viewer: Asker, tenant_id: TenantId) -> Response:
    """Try items again, for instance after a fix; those that still cannot be used stay."""
    policy.need_configuration(viewer.role, viewer.service)
    _need_ids(body.ids)
    outcome = await kpi.writer.submit(Submission(tenant_id, KPI, release=body.ids))
    released = outcome.count("accepted")
    answer = Released(
        released=released, still_held=len(outcome.results) - released, offset=outcome.offset
    )
    return JSONResponse(answer.model_dump())


@router.post("/quarantine/discard", responses=example(discarded=1))
async def discard(body: ReleaseAsk, kpi: Parts, viewer: Asker, tenant_id: TenantId) -> Response:
    """Settle items that will never be used; they stay on record."""
    policy.need_configuration(viewer.role, viewer.service)
    _need_ids(body.ids)
    async with kpi.database.write(tenant_id) as connection:
        count = await store.discard(connection, tenant_id, body.ids, kpi.clock.now())
    return JSONResponse({"discarded": count})


def _need_ids(given: list[str]) -> None:
    wrong = next((one for one in given if not is_id(one)), None)
    if wrong is not None:
        raise Invalid(f"{wrong!r} is not the id of a quarantined item", path="ids")
