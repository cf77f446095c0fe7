"""Members and memberships: many, so every read names its members or is a page."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from services.kit import ids
from services.kit.db import Connection
from services.kit.organisation import Membership
from services.targets.domain.identity import bare
from services.targets.domain.records import MemberOnDay, MemberRecord

# LIMIT 1 says what holds, one unit at a time, and keeps the walk in the order of the members.
_ON_DAY = """
SELECT m.id::text, m.external_id, m.name, m.joined_on, m.left_on, s.unit_id::text
FROM member m LEFT JOIN LATERAL (
  SELECT unit_id FROM membership WHERE tenant_id = m.tenant_id AND member_id = m.id
  AND starts_on <= $2 AND (ends_on IS NULL OR ends_on > $2) LIMIT 1) AS s ON true
WHERE m.tenant_id = $1
"""
SMALL = 2_000
"""Up to so many members a group of units is gathered and sorted; above, a walk is sooner done."""
_START = ("", "00000000-0000-0000-0000-000000000000")


async def called(
    connection: Connection, tenant_id: str, names: Sequence[str], on: date
) -> list[MemberOnDay]:
    """Everybody whom one of the names may mean: our id, the external id, or its bare part."""
    rows = await connection.fetch(
        f"{_ON_DAY} AND m.id = ANY($3::uuid[]) UNION "
        f"{_ON_DAY} AND m.external_id = ANY($4::text[]) UNION "
        f"{_ON_DAY} AND m.bare_id = ANY($4::text[])",
        tenant_id, on, [name for name in names if ids.is_id(name)],
        [name for name in names if not ids.is_id(name)],
    )  # fmt: skip
    return [MemberOnDay(*row) for row in rows]


async def page(
    connection: Connection, tenant_id: str, on: date, *,
    units: Collection[str] | None, extra: Sequence[str] = (), after: Sequence[Any] | None,
    size: int,
) -> list[MemberOnDay]:  # fmt: skip
    """By name: everybody (`units` is None), or who is in these units on the day, and `extra`.

    Walks everybody by name until the page is full: right where the units have many of them.
    """
    seen = "" if units is None else "AND (s.unit_id = ANY($6::uuid[]) OR m.id = ANY($7::uuid[]))"
    rows = await connection.fetch(
        f"{_ON_DAY} AND (m.name, m.id) > ($3, $4::uuid) {seen} ORDER BY m.name, m.id LIMIT $5",
        tenant_id, on, *(after or _START), size, *([] if units is None else [list(units), list(extra)]),
    )  # fmt: skip
    return [MemberOnDay(*row) for row in rows]


async def pages(
    connection: Connection, tenant_id: str, on: date, *,
    groups: Sequence[Collection[str]], extra: Sequence[str] = (), after: Sequence[Any] | None,
    size: int,
) -> list[list[MemberOnDay]]:  # fmt: skip
    """A page by name for each group of units, and the `extra` members in each.

    Gathers everybody in the units: right where they have few. One query for all groups.
    """
    rows = await connection.fetch(
        """
        WITH found AS (
            SELECT within.n, s.member_id, s.unit_id
            FROM unnest($3::int[], $4::uuid[]) AS within (n, unit_id)
            JOIN membership s ON s.tenant_id = $1 AND s.unit_id = within.unit_id
            AND s.starts_on <= $2 AND (s.ends_on IS NULL OR s.ends_on > $2)
            WHERE s.member_id <> ALL($9::uuid[])
            UNION ALL
            SELECT n, member_id, (
                SELECT unit_id FROM membership s WHERE s.tenant_id = $1 AND s.member_id = extra.member_id
                AND s.starts_on <= $2 AND (s.ends_on IS NULL OR s.ends_on > $2) LIMIT 1)
            FROM generate_series(0, $8 - 1) AS n, unnest($9::uuid[]) AS extra (member_id)
        ), ranked AS (
            SELECT found.n, m.id, m.external_id, m.name, m.joined_on, m.left_on, found.unit_id,
                row_number() OVER (PARTITION BY found.n ORDER BY m.name, m.id) AS place
            FROM found JOIN member m ON m.tenant_id = $1 AND m.id = found.member_id
            WHERE (m.name, m.id) > ($5, $6::uuid)
        )
        SELECT n, id::text, external_id, name, joined_on, left_on, unit_id::text FROM ranked
        WHERE place <= $7 ORDER BY n, place
        """,
        tenant_id, on, [n for n, units in enumerate(groups) for _ in units],
        [unit_id for units in groups for unit_id in units], *(after or _START), size,
        len(groups), list(extra),
    )  # fmt: skip
    found: list[list[MemberOnDay]] = [[] for _ in groups]
    for number, *row in rows:
        found[number].append(MemberOnDay(*row))
    return found


async def names(
    connection: Connection, tenant_id: str, member_ids: Sequence[str]
) -> Mapping[str, str]:
    rows = await connection.fetch(
        "SELECT id::text, name FROM member WHERE tenant_id = $1 AND id = ANY($2::uuid[])",
        tenant_id, list(member_ids),
    )  # fmt: skip
    return {row["id"]: row["name"] for row in rows}


async def count(connection: Connection, tenant_id: str) -> int:
    found: int = await connection.fetchval(
        "SELECT count(*) FROM member WHERE tenant_id = $1", tenant_id
    )
    return found


async def records(
    connection: Connection, tenant_id: str, *,
    member_ids: Sequence[str] = (), external_ids: Sequence[str] = (),
) -> list[MemberRecord]:  # fmt: skip
    """Whole histories, for those who are about to change."""
    rows = await connection.fetch(
        "SELECT id::text, external_id, name, joined_on, left_on FROM member WHERE tenant_id = $1 "
        "AND (id = ANY($2::uuid[]) OR external_id = ANY($3::text[]))",
        tenant_id, list(member_ids), list(external_ids),
    )  # fmt: skip
    spans = await connection.fetch(
        "SELECT member_id::text, unit_id::text, starts_on, ends_on, share_bp FROM membership "
        "WHERE tenant_id = $1 AND member_id = ANY($2::uuid[]) ORDER BY member_id, starts_on",
        tenant_id, [row["id"] for row in rows],
    )  # fmt: skip
    memberships: defaultdict[str, list[Membership]] = defaultdict(list)
    for span in spans:
        memberships[span["member_id"]].append(Membership(*span))
    return [MemberRecord(**row, memberships=tuple(memberships[row["id"]])) for row in rows]


async def save_members(
    connection: Connection, tenant_id: str, members: Sequence[MemberRecord]
) -> None:
    await connection.execute(
        "INSERT INTO member (tenant_id, id, external_id, bare_id, name, joined_on, left_on) "
        "SELECT $1, * FROM unnest("
        "$2::uuid[], $3::text[], $4::text[], $5::text[], $6::date[], $7::date[]) "
        "ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, "
        "joined_on = excluded.joined_on, left_on = excluded.left_on",
        tenant_id, [one.id for one in members], [one.external_id for one in members],
        [bare(one.external_id) for one in members], [one.name for one in members],
        [one.joined_on for one in members], [one.left_on for one in members],
    )  # fmt: skip


async def save_memberships(
    connection: Connection, tenant_id: str, members: Sequence[MemberRecord]
) -> None:
    """The whole history of these members; their units' rows have to be there."""
    await connection.execute(
        "DELETE FROM membership WHERE tenant_id = $1 AND member_id = ANY($2::uuid[])",
        tenant_id, [one.id for one in members],
    )  # fmt: skip
    spans = [span for one in members for span in one.memberships]
    await connection.execute(
        "INSERT INTO membership (tenant_id, member_id, unit_id, starts_on, ends_on, share_bp) "
        "SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::date[], $5::date[], $6::int[])",
        tenant_id, [span.member_id for span in spans], [span.unit_id for span in spans],
        [span.starts_on for span in spans], [span.ends_on for span in spans],
        [span.share_bp for span in spans],
    )  # fmt: skip
