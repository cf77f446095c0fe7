"""Customers with their histories: writing what was derived, and reading it."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import orjson

from services.customers.domain.mix import Holding
from services.kit import ids
from services.kit.db import Connection

_CARD = (
    "id::text, account, name, industry, region, owner_id::text, team::text[], tier, basis, "
    "value_minor, revenue_minor, collected_minor, currency, customer_since, planning_class, "
    "class_period"
)
_WRITTEN = (
    "id, account, name, industry, region, owner_id, team, tier, basis, value_minor, "
    "revenue_minor, collected_minor, currency, customer_since, planning_class, class_period, "
    "next_change_on, digest"
)
_OF_CUSTOMERS = ("tier_change", "class_fix", "task")


async def due(connection: Connection, tenant_id: str, day: date) -> list[str]:
    """Accounts of which something may change on a day by itself."""
    rows = await connection.fetch(
        "SELECT account FROM customer WHERE tenant_id = $1 "
        "AND (next_change_on IS NULL OR next_change_on <= $2) ORDER BY account",
        tenant_id, day,
    )  # fmt: skip
    return [row[0] for row in rows]


async def all_accounts(connection: Connection, tenant_id: str) -> list[str]:
    rows = await connection.fetch(
        "SELECT account FROM customer WHERE tenant_id = $1 ORDER BY account", tenant_id
    )
    return [row[0] for row in rows]


async def known(
    connection: Connection, tenant_id: str, customer_ids: Sequence[str]
) -> dict[str, Any]:
    """Digest and team by customer."""
    rows = await connection.fetch(
        "SELECT id::text, digest, team::text[] FROM customer "
        "WHERE tenant_id = $1 AND id = ANY($2::uuid[])",
        tenant_id, customer_ids,
    )  # fmt: skip
    return {row["id"]: row for row in rows}


async def assignees(
    connection: Connection, tenant_id: str, customer_ids: Sequence[str]
) -> set[str]:
    """Members on whose list open tasks of these customers are."""
    rows = await connection.fetch(
        "SELECT DISTINCT a.member_id::text FROM task t JOIN task_assignee a "
        "ON a.tenant_id = t.tenant_id AND a.task_id = t.id "
        "WHERE t.tenant_id = $1 AND t.customer_id = ANY($2::uuid[])",
        tenant_id, customer_ids,
    )  # fmt: skip
    return {row[0] for row in rows}


async def forget(connection: Connection, tenant_id: str, customer_ids: Sequence[str]) -> None:
    """Take away everything that was derived of these customers."""
    await connection.execute(
        "DELETE FROM task_assignee WHERE tenant_id = $1 AND task_id IN "
        "(SELECT id FROM task WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]))",
        tenant_id, customer_ids,
    )  # fmt: skip
    for table in _OF_CUSTOMERS:
        await connection.execute(
            f"DELETE FROM {table} WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[])",
            tenant_id, customer_ids,
        )  # fmt: skip
    await connection.execute(
        "DELETE FROM customer WHERE tenant_id = $1 AND id = ANY($2::uuid[])",
        tenant_id,
        customer_ids,
    )


async def put(
    connection: Connection, tenant_id: str, cards: Sequence[Sequence[Any]],
    tiers: Iterable[Sequence[Any]], fixes: Iterable[Sequence[Any]],
    tasks: Iterable[Sequence[Any]], assigned: Iterable[Sequence[Any]],
) -> None:  # fmt: skip
    """Rows of customers that were forgotten just before, each in the order of its columns."""
    places = ", ".join(f"${n}" for n in range(2, 2 + len(_WRITTEN.split(", "))))
    await connection.executemany(
        f"INSERT INTO customer (tenant_id, {_WRITTEN}) VALUES ($1, {places})",
        [(tenant_id, *card) for card in cards],
    )
    await connection.executemany(
        "INSERT INTO tier_change (tenant_id, customer_id, effective_on, tier, from_tier, basis, "
        "value_minor, policy_version, causes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        [(tenant_id, *row[:-1], orjson.dumps(row[-1], default=list).decode()) for row in tiers],
    )
    await connection.executemany(
        "INSERT INTO class_fix (tenant_id, customer_id, effective_on, period, planning_class) "
        "VALUES ($1, $2, $3, $4, $5)",
        [(tenant_id, *row) for row in fixes],
    )
    await connection.executemany(
        "INSERT INTO task (tenant_id, id, customer_id, kind, subject, owner_id, due_on) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [(tenant_id, *row) for row in tasks],
    )
    await connection.executemany(
        "INSERT INTO task_assignee (tenant_id, member_id, due_on, task_id) VALUES ($1, $2, $3, $4)",
        [(tenant_id, *row) for row in assigned],
    )


async def told(
    connection: Connection, tenant_id: str, customer_ids: Sequence[str]
) -> dict[tuple[str, str], dict[date, str | None]]:
    """What the log was told, by customer and kind, day by day."""
    rows = await connection.fetch(
        "SELECT customer_id::text, kind, effective_on, value FROM statement "
        "WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[])",
        tenant_id, customer_ids,
    )  # fmt: skip
    found: dict[tuple[str, str], dict[date, str | None]] = {}
    for row in rows:
        of = found.setdefault((row["customer_id"], row["kind"]), {})
        of[row["effective_on"]] = row["value"]
    return found


async def tell(connection: Connection, tenant_id: str, stated: Iterable[Sequence[Any]]) -> None:
    await connection.executemany(
        "INSERT INTO statement (tenant_id, customer_id, kind, effective_on, value) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id, customer_id, kind, effective_on) "
        "DO UPDATE SET value = $5",
        [(tenant_id, *row) for row in stated],
    )


async def called(connection: Connection, tenant_id: str, names: Sequence[str]) -> list[Any]:
    """Customers by our id or by account."""
    return list(
        await connection.fetch(
            f"SELECT {_CARD} FROM customer WHERE tenant_id = $1 "
            "AND (id = ANY($2::uuid[]) OR account = ANY($3::text[]))",
            tenant_id, [name for name in names if ids.is_id(name)], names,
        )
    )  # fmt: skip


async def page(
    connection: Connection, tenant_id: str, members: Sequence[str] | None,
    after: tuple[str, str] | None, size: int,
) -> list[Any]:  # fmt: skip
    """By name; of the customers whose team has one of `members`, or of all."""
    name, last = after or ("", "00000000-0000-0000-0000-000000000000")
    return list(
        await connection.fetch(
            f"SELECT {_CARD} FROM customer WHERE tenant_id = $1 AND (name, id) > ($3, $4::uuid) "
            "AND ($2::uuid[] IS NULL OR team && $2::uuid[]) ORDER BY name, id LIMIT $5",
            tenant_id, members, name, last, size,
        )
    )  # fmt: skip


async def tier_changes(connection: Connection, tenant_id: str, customer_id: str) -> list[Any]:
    return list(
        await connection.fetch(
            "SELECT effective_on, tier, from_tier, basis, value_minor, policy_version, causes "
            "FROM tier_change WHERE tenant_id = $1 AND customer_id = $2 ORDER BY effective_on",
            tenant_id, customer_id,
        )
    )  # fmt: skip


async def class_fixes(connection: Connection, tenant_id: str, customer_id: str) -> list[Any]:
    return list(
        await connection.fetch(
            "SELECT effective_on, period, planning_class FROM class_fix "
            "WHERE tenant_id = $1 AND customer_id = $2 ORDER BY effective_on",
            tenant_id, customer_id,
        )
    )  # fmt: skip


async def holdings(connection: Connection, tenant_id: str, owners: Sequence[str]) -> list[Holding]:
    """What each of these owners has, by tier."""
    rows = await connection.fetch(
        "SELECT owner_id::text, tier, count(*), sum(revenue_minor)::bigint FROM customer "
        "WHERE tenant_id = $1 AND owner_id = ANY($2::uuid[]) GROUP BY owner_id, tier",
        tenant_id, owners,
    )  # fmt: skip
    return [Holding(*row) for row in rows]
