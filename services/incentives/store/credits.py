"""Credits: rows that follow from deals and refunds."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from services.incentives.domain.credits import Credit
from services.kit.db import Connection

_COLUMNS = (
    "SELECT deal, event_id::text, kind, member_id::text, currency, won_on, credited_on, "
    "amount_minor FROM credit WHERE tenant_id = $1 "
)


async def of_deals(connection: Connection, tenant_id: str, deals: Sequence[str]) -> set[Credit]:
    rows = await connection.fetch(_COLUMNS + "AND deal = ANY($2::text[])", tenant_id, list(deals))
    return {Credit(*row) for row in rows}


async def of_members(
    connection: Connection, tenant_id: str, members: Iterable[str]
) -> dict[str, list[Credit]]:
    found: dict[str, list[Credit]] = {}
    for row in await connection.fetch(
        _COLUMNS + "AND member_id = ANY($2::uuid[])", tenant_id, sorted(members)
    ):
        found.setdefault(row["member_id"], []).append(Credit(*row))
    return found


async def members_with_pay(connection: Connection, tenant_id: str) -> set[str]:
    """Who has a credit, or had one when a statement was closed: what was stated may be all that
    is left of it, and is to be taken back.
    """
    rows = await connection.fetch(
        "SELECT member_id::text FROM credit WHERE tenant_id = $1 "
        "UNION SELECT member_id::text FROM statement_closing WHERE tenant_id = $1",
        tenant_id,
    )
    return {row["member_id"] for row in rows}


async def remove(connection: Connection, tenant_id: str, credits_: Iterable[Credit]) -> None:
    gone = list(credits_)
    await connection.execute(
        "DELETE FROM credit c USING unnest($2::text[], $3::uuid[], $4::uuid[], $5::text[], "
        "$6::date[]) AS g (deal, event_id, member_id, currency, won_on) WHERE c.tenant_id = $1 "
        "AND c.deal = g.deal AND c.event_id = g.event_id AND c.member_id = g.member_id "
        "AND c.currency = g.currency AND c.won_on = g.won_on",
        tenant_id, [one.deal for one in gone], [one.event_id for one in gone],
        [one.member_id for one in gone], [one.currency for one in gone],
        [one.won_on for one in gone],
    )  # fmt: skip


async def add(connection: Connection, tenant_id: str, credits_: Iterable[Credit]) -> None:
    new = sorted(credits_)
    await connection.execute(
        "INSERT INTO credit (tenant_id, deal, event_id, kind, member_id, currency, won_on, "
        "credited_on, amount_minor) SELECT $1, * FROM unnest($2::text[], $3::uuid[], $4::text[], "
        "$5::uuid[], $6::text[], $7::date[], $8::date[], $9::bigint[])",
        tenant_id, *([one[place] for one in new] for place in range(len(Credit._fields))),
    )  # fmt: skip


async def page(
    connection: Connection, tenant_id: str, members: Sequence[str] | None,
    span: tuple[date, date] | None, deal: str | None, after: Sequence[Any] | None, limit: int,
) -> list[Credit]:  # fmt: skip
    """Credits by day, deal and event, of `members` or of all."""
    first, last = span or (date.min, date.max)
    rows = await connection.fetch(
        _COLUMNS + "AND ($2::uuid[] IS NULL OR member_id = ANY($2::uuid[])) "
        "AND credited_on BETWEEN $3 AND $4 AND ($5::text IS NULL OR deal = $5) "
        "AND ($6::date IS NULL OR (credited_on, deal, event_id, member_id, won_on) > "
        "($6::date, $7::text, $8::uuid, $9::uuid, $10::date)) "
        "ORDER BY credited_on, deal, event_id, member_id, won_on LIMIT $11",
        tenant_id, members, first, last, deal, *(after or (None,) * 5), limit,
    )  # fmt: skip
    return [Credit(*row) for row in rows]
