"""Earnings, statements and credits."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from services.incentives.actions import earnings, statements
from services.incentives.actions.office import Office
from services.incentives.actions.statements import Seen
from services.incentives.api.edge import (
    ASKED_PERIOD,
    IDEMPOTENCY_KEY,
    PREFIX,
    Asked,
    Cursor,
    Limit,
    Members,
    MinOffset,
    Once,
    TheOffice,
    after,
    an_id,
    answer,
    day,
    named,
    refusals,
    text,
)
from services.incentives.schemas.pay import (
    CreditRead,
    Credits,
    EarningsOfMembers,
    EarningsRead,
    StatementAnswer,
    StatementRead,
    Statements,
)
from services.incentives.schemas.wire import State
from services.kit import paging
from services.kit.auth import Viewer
from services.kit.http import StrictRoute
from services.kit.idempotency import IdempotencyStore

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["pay"])
Period = Annotated[str | None, Query(description="dated within it", examples=["2026-Q1"])]
StatementId = Annotated[str, Path(description="the statement's id")]
_PRIVATE = "Everybody sees their own, finance all; nothing for the other roles"


@router.get(
    "/earnings",
    summary="Read what members earn",
    description="For each member (100 at most) the statement of the plan's period around `period`, "
    "or what the statements within it come to. A manager sees the subtree's totals. "
    f"{_PRIVATE}.",
    response_model=EarningsOfMembers,
    responses=refusals(413, 422),
)
async def read_earnings(
    viewer: Asked, office: TheOffice, members: Members, period: Annotated[str, ASKED_PERIOD],
    min_offset: MinOffset = None,
) -> Response:  # fmt: skip
    found, offset = await earnings.earnings(office, viewer, named(members), period, min_offset)
    items = [EarningsRead.of(pay) for pay in found]
    return answer(EarningsOfMembers(offset=offset, items=items))


@router.get(
    "/statements",
    summary="Read statements",
    description="A page of statements without their lines. A manager sees the subtree's totals. "
    f"{_PRIVATE}.",
    response_model=Statements,
    responses=refusals(413, 422),
)
async def read_statements(
    viewer: Asked, office: TheOffice, members: Members = (), period: Period = None,
    status: Annotated[State | None, Query(description="only those")] = None,
    limit: Limit = None, cursor: Cursor = None,
) -> Response:  # fmt: skip
    size = paging.size(limit)
    found, offset = await statements.some_statements(
        office, viewer, named(members), period, status, after(cursor, day, an_id), size
    )
    page = paging.page(found, size, lambda seen: (seen[0].first_on, seen[0].member_id))
    items = [StatementRead.of(*seen) for seen in page["items"]]
    return answer(Statements(offset=offset, items=items, next_cursor=page["next_cursor"]))


@router.get(
    "/statements/{statement_id}",
    summary="Read a statement",
    description=f"With its lines; a manager sees the subtree's without. {_PRIVATE}.",
    response_model=StatementAnswer,
    responses=refusals(404),
)
async def read_statement(viewer: Asked, office: TheOffice, statement_id: StatementId) -> Response:
    return _statement(*await statements.one_statement(office, viewer, statement_id))


@router.post(
    "/statements/{statement_id}/approve",
    summary="Approve a statement",
    description="After its period, its figures as they are: approval lapses when they change. An "
    "approved statement is answered unchanged. For finance, not for one's own.",
    response_model=StatementAnswer,
    responses=refusals(
        404, 409, 422, on_409="statement_closed, period_running, own_statement, or the request is "
        "being answered already",
    ),
    openapi_extra=IDEMPOTENCY_KEY,
)  # fmt: skip
async def approve_statement(
    request: Request, statement_id: StatementId, viewer: Asked, office: TheOffice, once: Once
) -> Response:
    return await _settle(request, statement_id, viewer, office, once, statements.approve)


@router.post(
    "/statements/{statement_id}/close",
    summary="Close a statement",
    description="An approved statement, for good: what later events change becomes adjustment lines "
    "of the next open period. A closed statement is answered unchanged. For finance, not for one's "
    "own.",
    response_model=StatementAnswer,
    responses=refusals(
        404, 409, 422, on_409="statement_not_approved, period_running, own_statement, or the request "
        "is being answered already",
    ),
    openapi_extra=IDEMPOTENCY_KEY,
)  # fmt: skip
async def close_statement(
    request: Request, statement_id: StatementId, viewer: Asked, office: TheOffice, once: Once
) -> Response:
    return await _settle(request, statement_id, viewer, office, once, statements.close)


async def _settle(
    request: Request, statement_id: str, viewer: Viewer, office: Office, once: IdempotencyStore,
    settle: Callable[[Office, Viewer, str], Awaitable[tuple[Seen, int]]],
) -> Response:  # fmt: skip
    async def act() -> Response:
        return _statement(*await settle(office, viewer, statement_id))

    tenant_id = await office.tenant_id(viewer)
    return await once.once(request, viewer, tenant_id, await request.body(), act)


def _statement(seen: Seen, offset: int) -> Response:
    return answer(StatementAnswer(statement=StatementRead.of(*seen, whole=True), offset=offset))


@router.get(
    "/credits",
    summary="Read credits",
    description=f"What deals gave members and what was taken back, in pages. {_PRIVATE}.",
    response_model=Credits,
    responses=refusals(413, 422),
)
async def read_credits(
    viewer: Asked, office: TheOffice, members: Members = (), period: Period = None,
    deal: Annotated[str | None, Query(description="of this deal alone: its subject in the log",
                                      examples=["deal:crm:D-17"])] = None,
    limit: Limit = None, cursor: Cursor = None,
) -> Response:  # fmt: skip
    size = paging.size(limit)
    found, offset = await statements.some_credits(
        office, viewer, named(members), period, deal,
        after(cursor, day, text, an_id, an_id, day), size,
    )  # fmt: skip
    page = paging.page(
        found, size,
        lambda one: (one.credited_on, one.deal, one.event_id, one.member_id, one.won_on),
    )  # fmt: skip
    items = [CreditRead.of(one) for one in page["items"]]
    return answer(Credits(offset=offset, items=items, next_cursor=page["next_cursor"]))
