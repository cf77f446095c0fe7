"""The log for the other services and the gateway: the feed, moved heads, changed subjects."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.kit import limits, versions
from services.kit.http import JSONResponse
from services.kpi.api.edge import Asker, Parts, TenantId, example
from services.kpi.domain import policy
from services.kpi.schemas.wire import Changes, FeedPage, Heads
from services.kpi.store import feed, funnel

router = APIRouter(tags=["log"])
_ENTRY = {
    "offset": 17, "id": "019a0000-0000-7000-8000-000000000017", "kind": "conclusion",
    "type": "deal.won.v1", "subject": "deal:maven:1C1I7A6R",
    "effective_at": "2017-03-01T06:00:00Z", "recorded_at": "2026-01-05T09:00:00Z",
    "supersedes": [], "cause": "019a0000-0000-7000-8000-000000000016", "payload": {},
}  # fmt: skip
ANY_TENANT = ""
MOST = 2**63 - 1
"""What PostgreSQL can compare an offset with."""
Wait = Annotated[float, Query(ge=0, le=limits.LONG_POLL_SECONDS, description="seconds to wait")]


@router.get(
    "/feed", response_model=FeedPage, responses=example(items=[_ENTRY], head=17, next_after=17)
)
async def get_feed(
    kpi: Parts,
    viewer: Asker,
    tenant_id: TenantId,
    after: Annotated[int, Query(ge=0, le=MOST, description="the last offset already taken")] = 0,
    limit: Annotated[int, Query(ge=1, le=limits.FEED_PAGE)] = limits.FEED_PAGE,
    type: Annotated[list[str] | None, Query(description="only these types")] = None,  # noqa: A002
) -> Response:
    """Entries in offset order, gap-free. Readers ignore types that they do not know."""
    policy.need_service(viewer.role)
    async with kpi.database.read(tenant_id) as connection:
        head, rows = await feed.page(connection, tenant_id, after, limit, type)
    items = [
        {
            "offset": row["log_offset"], "id": row["id"], "kind": row["kind"], "type": row["type"],
            "subject": row["subject"], "effective_at": row["effective_at"],
            "recorded_at": row["recorded_at"], "supersedes": row["supersedes"],
            "cause": row["cause"], "payload": orjson.loads(row["payload"]),
        }
        for row in rows
    ]  # fmt: skip
    next_after = rows[-1]["log_offset"] if len(rows) == limit else head
    return JSONResponse({"items": items, "head": head, "next_after": next_after})


@router.get(
    "/heads",
    response_model=Heads,
    responses=example(heads={"019a…": 17}, tenants={"019a…": "demo"}, mark=17),
)
async def get_heads(
    kpi: Parts,
    viewer: Asker,
    mark: Annotated[
        int, Query(ge=-1, description="`mark` of the last answer; -1: answer now")
    ] = -1,
    wait: Wait = 0,
) -> Response:
    """Every tenant's head: which feeds moved. Waits while nothing moved since `mark`."""
    policy.need_service(viewer.role)
    waited = 0.0
    while True:
        async with kpi.database.read(None) as connection:
            heads = await feed.heads(connection)
            names = await feed.short_names(connection)
        moved = sum(heads.values())  # every append adds to it
        if moved != mark or waited >= wait or kpi.heads.is_closing:
            return JSONResponse({"heads": heads, "tenants": names, "mark": moved})
        await kpi.heads.wait(ANY_TENANT, 1.0)
        waited += 1.0


@router.get(
    "/changes",
    response_model=Changes,
    responses=example(offset=17, subjects=["019a0000-0000-7000-8000-000000000001"]),
)
async def get_changes(
    kpi: Parts,
    viewer: Asker,
    tenant_id: TenantId,
    after: Annotated[
        int, Query(ge=-1, le=MOST, description="the last offset seen; -1 asks where we are")
    ],
    wait: Wait = 0,
) -> Response:
    """Members and units whose figures changed after an offset; waits for the first change.

    Gapless: everything up to the answered `offset` is in the answer or was before `after`.
    """
    policy.need_service(viewer.role)
    return JSONResponse(
        await versions.changes(
            kpi.database, kpi.progress, tenant_id, funnel.PROJECTION, after, wait
        )
    )
