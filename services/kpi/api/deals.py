"""Deals as the engine sees them, and why."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.kit import paging
from services.kit.errors import Forbidden
from services.kit.http import JSONResponse
from services.kit.money import Money
from services.kpi.actions import read
from services.kpi.api.edge import Asker, Parts, TenantId, example, reading
from services.kpi.domain import policy
from services.kpi.schemas.wire import DealHistory, DealPage

router = APIRouter(tags=["deals"])
_DEAL = {
    "id": "deal:maven:1C1I7A6R", "owners": ["019a0000-0000-7000-8000-000000000001"],
    "pipeline": "sales", "stage": "won", "kind": "won",
    "amount": {"amount": "1054.00", "currency": "USD"}, "product": "GTX Plus Basic",
    "channel": None, "account": "Cancity", "created_on": "2016-10-20", "closed_on": "2017-03-01",
    "undated": False, "incomplete": False, "deleted": False, "offset": 812,
}  # fmt: skip


def _need_tenant_sight(role: str) -> None:
    if role not in policy.WHOLE_TENANT:
        raise Forbidden("lists of deals are for roles that see the whole tenant")


def _present(row: Any) -> dict[str, Any]:
    read_ = {name: row[name] for name in row.keys() if name not in {"subject", "log_offset"}}  # noqa: SIM118 — a record iterates over values
    minor, currency = read_.pop("amount_minor"), read_.pop("currency")
    amount = (
        None if minor is None else {"amount": str(Money(minor, currency)), "currency": currency}
    )
    return {"id": row["subject"], **read_, "amount": amount, "offset": row["log_offset"]}


@router.get("/deals", response_model=DealPage, responses=example(items=[_DEAL], next_cursor=None))
async def list_deals(
    kpi: Parts,
    viewer: Asker,
    tenant_id: TenantId,
    undated: Annotated[bool, Query(description="only deals without any date")] = False,
    limit: int | None = None,
    cursor: str | None = None,
    min_offset: int | None = None,
) -> Response:
    """Deals by id. Undated ones are open, entered in no period, and listed here."""
    _need_tenant_sight(viewer.role)
    size = paging.size(limit)
    after = paging.keys(cursor, 1)
    async with reading(kpi, tenant_id, min_offset) as connection:
        rows = await read.deals(
            connection, tenant_id, undated=undated, after=str(after[0]) if after else None,
            limit=size + 1,
        )  # fmt: skip
    page = paging.page(rows, size, lambda row: (row["subject"],))
    return JSONResponse({**page, "items": [_present(row) for row in page["items"]]})


@router.get("/deals/{deal:path}", response_model=DealHistory, responses=example(**_DEAL, events=[]))
async def get_deal(
    deal: str, kpi: Parts, viewer: Asker, tenant_id: TenantId, min_offset: int | None = None
) -> Response:
    """One deal with the events that stand behind it, each with its id and offset in the log."""
    _need_tenant_sight(viewer.role)
    async with reading(kpi, tenant_id, min_offset) as connection:
        found = await read.deal_history(connection, tenant_id, deal)
    events = [
        {
            "id": row["id"], "offset": row["log_offset"], "type": row["type"],
            "effective_at": row["effective_at"], "recorded_at": row["recorded_at"],
            "payload": orjson.loads(row["payload"]),
        }
        for row in found.pop("events")
    ]  # fmt: skip
    return JSONResponse({**_present(found), "events": events})
