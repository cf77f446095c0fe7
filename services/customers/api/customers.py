"""Reading customers and their histories."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from services.customers.actions import read
from services.customers.api.edge import (
    PREFIX,
    Asked,
    Cursor,
    Limit,
    MinOffset,
    PresentOnly,
    TheOffice,
    answer,
    example,
    refusals,
)
from services.customers.schemas.reads import CustomerRead, Customers, HistoryRead
from services.kit import ids, paging
from services.kit.errors import Invalid
from services.kit.http import StrictRoute

router = APIRouter(
    prefix=PREFIX, route_class=StrictRoute, tags=["customers"], dependencies=[PresentOnly]
)
_ACME = {
    "id": "0190a000-0000-5000-8000-000000000001", "account": "acme", "name": "Acme 顶点",
    "industry": "retail", "region": "east", "owner_id": "0190a000-0000-7000-8000-000000000001",
    "team": ["0190a000-0000-7000-8000-000000000001"], "tier": "strategic", "basis": "annual_fee",
    "value": {"amount": "120000.00", "currency": "CNY"},
    "revenue": {"amount": "118000.00", "currency": "CNY"},
    "collected": {"amount": "60000.00", "currency": "CNY"},
    "customer_since": "2025-06-01", "planning_class": "key", "class_period": "2026-Q1",
}  # fmt: skip


@router.get(
    "/customers",
    summary="Read customers",
    description="By our id or account (100 at most), or without `id` a page of all that the viewer "
    "may see. A rep and a customer success manager see those of whose team they are, a manager "
    "those of their subtree, the other roles the tenant's.",
    response_model=Customers,
    responses=refusals(409, 413, 422) | example(offset=1203, items=[_ACME], next_cursor=None),
)
async def read_customers(
    viewer: Asked,
    office: TheOffice,
    asked: Annotated[
        Sequence[str],
        Query(alias="id", description="our id or the account; what is unknown or not for this "
              "viewer is absent", examples=[["acme"]]),
    ] = (),
    limit: Limit = None,
    cursor: Cursor = None,
    min_offset: MinOffset = None,
) -> Response:  # fmt: skip
    if asked:
        found = await read.customers_by_id(office, viewer, asked, min_offset)
        items = [CustomerRead.of(row, found.currency) for row in found.rows]
        return answer(Customers(offset=found.offset, items=items, next_cursor=None))
    size = paging.size(limit)
    found = await read.all_customers(office, viewer, _after(cursor), size, min_offset)
    items = [CustomerRead.of(row, found.currency) for row in found.rows]
    page = paging.page(items, size, lambda item: (item.name, item.id))
    return answer(Customers(offset=found.offset, **page))


def _after(cursor: str | None) -> tuple[str, str] | None:
    keys = paging.keys(cursor, 2)
    if keys is None:
        return None
    name, last = keys
    if not (isinstance(name, str) and isinstance(last, str) and ids.is_id(last)) or "\0" in name:
        raise Invalid("the cursor is not one that this list gave out", path="cursor")
    return name, last


@router.get(
    "/customers/{id:path}/history",
    summary="Read a customer's history",
    description="Every change of its tier with day, value and causes, and the planning class that "
    "was fixed for each period since the tenant began.",
    response_model=HistoryRead,
    responses=refusals(404, 409, 422, on_404="customer_not_found")
    | example(
        offset=1203, customer=_ACME,
        tiers=[
            {
                "effective_on": "2025-06-01", "tier": "strategic", "from_tier": None,
                "basis": "annual_fee", "value": {"amount": "120000.00", "currency": "CNY"},
                "policy_version": 0,
                "causes": [{"kind": "contract_began", "subject": "contract:erp:C-17"}],
            }
        ],
        classes=[{"period": "2026-Q1", "effective_on": "2026-01-01", "planning_class": "key"}],
    ),
)  # fmt: skip
async def read_history(
    customer: Annotated[str, Path(alias="id", description="our id or the account")],
    viewer: Asked,
    office: TheOffice,
    min_offset: MinOffset = None,
) -> Response:
    return answer(HistoryRead.of(await read.history(office, viewer, customer, min_offset)))
