"""The organisation and the tenant's settings as a service knows them from facts in the log.

Every service that decides who may see what, or rolls figures up, keeps this same small copy of
what targets tells (architecture.md, "Tenancy and access"): the tables org_unit, org_member,
org_membership, tenant_setting and day, and org_head with the offset of the last of these facts.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import orjson

from services.kit.db import Connection

TENANT_CONFIGURED = "tenant.configured.v1"
UNIT_PLACED = "unit.placed.v1"
MEMBER_JOINED = "member.joined.v1"
MEMBER_MOVED = "member.moved.v1"
DAY_STARTED = "day.started.v1"
TYPES = (TENANT_CONFIGURED, UNIT_PLACED, MEMBER_JOINED, MEMBER_MOVED, DAY_STARTED)
"""What `learn` takes in."""


async def learn(
    connection: Connection, tenant_id: str, type_: str, payload: Mapping[str, Any], offset: int
) -> None:
    """Take in one fact; other types than TYPES change nothing."""
    if type_ not in TYPES:
        return
    if type_ == TENANT_CONFIGURED:
        await _put_setting(connection, tenant_id, payload)
    elif type_ == UNIT_PLACED:
        await _put_unit(connection, tenant_id, payload, offset)
    elif type_ == MEMBER_JOINED:
        await _put_member(connection, tenant_id, payload, offset)
    elif type_ == MEMBER_MOVED:
        await _put_memberships(connection, tenant_id, payload)
    else:
        await _put_day(connection, tenant_id, date.fromisoformat(payload["day"]))
    await connection.execute(
        "INSERT INTO org_head (tenant_id, log_offset) VALUES ($1, $2) "
        "ON CONFLICT (tenant_id) DO UPDATE SET log_offset = $2",
        tenant_id, offset,
    )  # fmt: skip


async def head(connection: Connection, tenant_id: str) -> int:
    """The offset of the last fact that was taken in: what is derived from them holds until then."""
    return (
        await connection.fetchval("SELECT log_offset FROM org_head WHERE tenant_id = $1", tenant_id)
        or 0
    )


async def _put_setting(connection: Connection, tenant_id: str, payload: Mapping[str, Any]) -> None:
    await connection.execute(
        "INSERT INTO tenant_setting (tenant_id, effective_on, zone, currency, fiscal_start_month, "
        "week_rule) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, effective_on) "
        "DO UPDATE SET zone = $3, currency = $4, fiscal_start_month = $5, week_rule = $6",
        tenant_id, date.fromisoformat(payload["effective_on"]), payload["zone"],
        payload["currency"], payload["fiscal_start_month"], payload["week_rule"],
    )  # fmt: skip


async def _put_unit(
    connection: Connection, tenant_id: str, payload: Mapping[str, Any], offset: int
) -> None:
    await connection.execute(
        "INSERT INTO org_unit (tenant_id, unit_id, external_id, manager_id, placements, log_offset) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, unit_id) DO UPDATE "
        "SET external_id = $3, manager_id = $4, placements = $5, log_offset = $6",
        tenant_id, payload["unit_id"], payload["external_id"], payload["manager_id"],
        orjson.dumps(payload["placements"]).decode(), offset,
    )  # fmt: skip


async def _put_member(
    connection: Connection, tenant_id: str, payload: Mapping[str, Any], offset: int
) -> None:
    await connection.execute(
        "INSERT INTO org_member (tenant_id, member_id, external_id, joined_on, left_on, log_offset) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, member_id) DO UPDATE "
        "SET external_id = $3, joined_on = $4, left_on = $5, log_offset = $6",
        tenant_id, payload["member_id"], payload["external_id"], _day(payload["joined_on"]),
        _day(payload["left_on"]), offset,
    )  # fmt: skip


async def _put_memberships(
    connection: Connection, tenant_id: str, payload: Mapping[str, Any]
) -> None:
    """Replace the member's whole list."""
    await connection.execute(
        "DELETE FROM org_membership WHERE tenant_id = $1 AND member_id = $2",
        tenant_id, payload["member_id"],
    )  # fmt: skip
    spans = payload["memberships"]
    await connection.execute(
        "INSERT INTO org_membership (tenant_id, member_id, unit_id, starts_on, ends_on, share_bp) "
        "SELECT $1, $2, * FROM unnest($3::uuid[], $4::date[], $5::date[], $6::int[])",
        tenant_id, payload["member_id"], [span["unit_id"] for span in spans],
        [_day(span["starts_on"]) for span in spans], [_day(span["ends_on"]) for span in spans],
        [span["share_bp"] for span in spans],
    )  # fmt: skip


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


async def members_by_reference(
    connection: Connection, tenant_id: str, references: Iterable[str]
) -> dict[str, str]:
    """Member ids by external id or by id itself; unknown references are absent."""
    wanted = list(references)
    rows = await connection.fetch(
        "SELECT external_id AS reference, member_id::text FROM org_member "
        "WHERE tenant_id = $1 AND external_id = ANY($2::text[]) UNION ALL "
        "SELECT member_id::text, member_id::text FROM org_member "
        "WHERE tenant_id = $1 AND member_id::text = ANY($2::text[])",
        tenant_id, wanted,
    )  # fmt: skip
    return {row["reference"]: row["member_id"] for row in rows}


async def settings(connection: Connection, tenant_id: str) -> list[Any]:
    """Dated settings, oldest first."""
    return list(
        await connection.fetch(
            "SELECT effective_on, zone, currency, fiscal_start_month, week_rule "
            "FROM tenant_setting WHERE tenant_id = $1 ORDER BY effective_on",
            tenant_id,
        )
    )


async def units(connection: Connection, tenant_id: str) -> list[Any]:
    return list(
        await connection.fetch(
            "SELECT unit_id::text, external_id, manager_id::text, placements FROM org_unit "
            "WHERE tenant_id = $1 ORDER BY unit_id",
            tenant_id,
        )
    )


async def memberships(
    connection: Connection, tenant_id: str, members: Sequence[str] | None = None
) -> list[Any]:
    """Dated memberships of `members`, or of all."""
    return list(
        await connection.fetch(
            "SELECT member_id::text, unit_id::text, starts_on, ends_on, share_bp "
            "FROM org_membership WHERE tenant_id = $1 "
            "AND ($2::uuid[] IS NULL OR member_id = ANY($2::uuid[]))",
            tenant_id,
            members,
        )
    )


async def members_in(connection: Connection, tenant_id: str, unit_ids: Sequence[str]) -> set[str]:
    """Members who were ever in one of the units."""
    rows = await connection.fetch(
        "SELECT DISTINCT member_id::text FROM org_membership "
        "WHERE tenant_id = $1 AND unit_id = ANY($2::uuid[])",
        tenant_id, list(unit_ids),
    )  # fmt: skip
    return {row[0] for row in rows}


async def started_day(connection: Connection, tenant_id: str) -> date | None:
    day: date | None = await connection.fetchval(
        "SELECT started_on FROM day WHERE tenant_id = $1", tenant_id
    )
    return day


async def _put_day(connection: Connection, tenant_id: str, day: date) -> None:
    await connection.execute(
        "INSERT INTO day (tenant_id, started_on) VALUES ($1, $2) "
        "ON CONFLICT (tenant_id) DO UPDATE SET started_on = greatest(day.started_on, $2)",
        tenant_id, day,
    )  # fmt: skip
