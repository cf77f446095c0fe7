"""Queries of the funnel projection: what it reads of the log, its postings, rollups and deals."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from services.kit.db import Connection
from services.kpi.domain.funnel import Posting

PROJECTION = "funnel"
TABLES = (
    "projection_cursor", "deal", "record", "funnel_posting", "funnel_rollup", "target_cell",
    "reached_day", "alert", "subject_version",
)  # fmt: skip
"""What the projection writes; each exists beside the live one too."""
COMPARED = {
    # A rollup whose postings cancelled out is as good as none.
    "funnel_rollup": ("*", "AND (deals <> 0 OR amount_minor <> 0)"),
    "funnel_posting": (
        (
            "subject, log_offset, event_id, scope, measure, pipeline, stage, product, channel, "
            "currency, day, effective_on, days, deals, amount_minor"
        ),
        "",
    ),
    "deal": ("*", ""),
    "record": ("*", ""),
    "target_cell": ("*", ""),
    "reached_day": ("*", ""),
    "alert": ("*", ""),
    "subject_version": ("*", ""),
    "projection_cursor": ("*", ""),
}


class PostingRow(NamedTuple):
    subject: str
    log_offset: int
    posting: Posting


async def entries_after(
    connection: Connection, tenant_id: str, after: int, until: int, limit: int
) -> list[Any]:
    return list(
        await connection.fetch(
            "SELECT log_offset, id::text, kind, type, subject, effective_at, supersedes::text[], "
            "payload, recorded_at FROM entry "
            "WHERE tenant_id = $1 AND log_offset > $2 AND log_offset <= $3 "
            "ORDER BY log_offset LIMIT $4",
            tenant_id,
            after,
            until,
            limit,
        )
    )


async def conclusions_of(
    connection: Connection, tenant_id: str, subjects: Sequence[str], until: int
) -> list[Any]:
    """All conclusions of `subjects` up to an offset, superseded ones too, in log order.

    OFFSET 0 keeps a look-up per subject: a plan made while the log was short would read all of it.
    """
    return list(
        await connection.fetch(
            "SELECT e.* FROM unnest($2::text[]) AS s(subject), LATERAL (SELECT log_offset, id::text, "
            "kind, type, subject, effective_at, supersedes::text[], payload FROM entry "
            "WHERE tenant_id = $1 AND subject = s.subject AND kind = 'conclusion' "
            "AND log_offset <= $3 OFFSET 0) AS e ORDER BY log_offset",
            tenant_id,
            subjects,
            until,
        )
    )


async def facts_until(
    connection: Connection, tenant_id: str, types: Sequence[str], until: int
) -> list[Any]:
    """Every fact of `types` up to an offset, in log order."""
    return list(
        await connection.fetch(
            "SELECT type, payload FROM entry WHERE tenant_id = $1 AND kind = 'fact' "
            "AND type = ANY($2::text[]) AND log_offset <= $3 ORDER BY log_offset",
            tenant_id,
            types,
            until,
        )
    )


async def insert_postings(
    connection: Connection, tenant_id: str, rows: Sequence[PostingRow]
) -> None:
    """Append postings, and add them to their rollups."""
    if not rows:
        return
    keys = [row.posting.key for row in rows]
    numbers: dict[int, int] = {}
    number = []
    for row in rows:
        numbers[row.log_offset] = numbers.get(row.log_offset, 0) + 1
        number.append(numbers[row.log_offset])
    await connection.execute(
        "INSERT INTO funnel_posting (tenant_id, subject, log_offset, number, event_id, deals, "
        "amount_minor, scope, measure, pipeline, stage, product, channel, currency, day, "
        "effective_on, days) SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::int[], "
        "$5::uuid[], $6::bigint[], $7::bigint[], $8::uuid[], $9::text[], $10::text[], $11::text[], "
        "$12::text[], $13::text[], $14::text[], $15::date[], $16::date[], $17::int[])",
        tenant_id, [row.subject for row in rows], [row.log_offset for row in rows], number,
        [row.posting.event_id for row in rows], [row.posting.deals for row in rows],
        [row.posting.amount_minor for row in rows], *map(list, zip(*keys, strict=True)),
    )  # fmt: skip
    sums: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:
        key = row.posting.key
        total = sums.setdefault((*key[:8], key.days), [0, 0])
        total[0] += row.posting.deals
        total[1] += row.posting.amount_minor
    changed = sorted((key, total) for key, total in sums.items() if total != [0, 0])
    if changed:
        await connection.execute(
            "INSERT INTO funnel_rollup AS r (tenant_id, scope, measure, pipeline, stage, product, "
            "channel, currency, day, days, deals, amount_minor) SELECT $1, * FROM unnest("
            "$2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], "
            "$9::date[], $10::int[], $11::bigint[], $12::bigint[]) "
            "ON CONFLICT (tenant_id, scope, measure, pipeline, day, stage, product, channel, "
            "currency, days) DO UPDATE SET deals = r.deals + excluded.deals, "
            "amount_minor = r.amount_minor + excluded.amount_minor",
            tenant_id, *map(list, zip(*(key for key, _ in changed), strict=True)),
            [total[0] for _, total in changed], [total[1] for _, total in changed],
        )  # fmt: skip


_DEAL = {
    "subject": "text", "owners": "text", "owner_history": "text", "pipeline": "text",
    "stage": "text", "kind": "text", "amount_minor": "bigint", "currency": "text",
    "product": "text", "channel": "text", "account": "text", "created_on": "date",
    "closed_on": "date", "undated": "bool", "incomplete": "bool", "deleted": "bool",
    "log_offset": "bigint",
}  # fmt: skip
_ARRAYS = ("owners", "owner_history")


async def put_deals(
    connection: Connection, tenant_id: str, deals: Sequence[Mapping[str, Any]]
) -> None:
    if not deals:
        return
    columns = ", ".join(_DEAL)
    updates = ", ".join(f"{name} = excluded.{name}" for name in _DEAL if name != "subject")
    kinds = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_DEAL.values(), 2))
    chosen = ", ".join(f"{name}::uuid[]" if name in _ARRAYS else name for name in _DEAL)
    values = [[_array(deal[name]) if name in _ARRAYS else deal[name] for deal in deals]
              for name in _DEAL]  # fmt: skip
    await connection.execute(
        f"INSERT INTO deal (tenant_id, {columns}) SELECT $1, {chosen} "
        f"FROM unnest({kinds}) AS d({columns}) "
        f"ON CONFLICT (tenant_id, subject) DO UPDATE SET {updates}",
        tenant_id, *values,
    )  # fmt: skip


def _array(ids: Sequence[str]) -> str:
    """As text: unnest would flatten an array of arrays."""
    return "{" + ",".join(ids) + "}"


async def deals_owned_by(
    connection: Connection, tenant_id: str, members: Sequence[str]
) -> list[str]:
    """Subjects of the deals that any of `members` owns or owned."""
    rows = await connection.fetch(
        "SELECT subject FROM deal WHERE tenant_id = $1 AND owner_history && $2::uuid[]",
        tenant_id, members,
    )  # fmt: skip
    return [row[0] for row in rows]


async def all_deals(connection: Connection, tenant_id: str) -> list[str]:
    rows = await connection.fetch("SELECT subject FROM deal WHERE tenant_id = $1", tenant_id)
    return [row[0] for row in rows]


_SLICE = (
    "tenant_id = $1 AND scope = ANY($2::uuid[]) AND pipeline = $3 "
    "AND ($6::text IS NULL OR product = $6) AND ($7::text IS NULL OR channel = $7)"
)
_SUMS = (
    "SELECT scope::text, measure, stage, currency, {days} AS days, "
    "sum(deals)::bigint AS deals, sum(amount_minor)::bigint AS amount FROM {table} "
    f"WHERE {_SLICE} AND {{which}} GROUP BY 1, 2, 3, 4, 5"
)
# Each half names its measures and days, so that the index reads only them.
_PARTS = (
    ("days", "measure IN ('left', 'won') AND day BETWEEN $4 AND $5"),
    ("0", "measure IN ('created', 'entered', 'advanced', 'lost') AND day BETWEEN $4 AND $5"),
    ("0", "measure IN ('open', 'undated') AND day <= $5"),
)


def _sums(table: str, condition: str = "") -> str:
    return " UNION ALL ".join(
        _SUMS.format(days=days, table=table, which=which + condition) for days, which in _PARTS
    )


async def figures(
    connection: Connection, tenant_id: str, scopes: Sequence[str], pipeline: str, first: date,
    last: date, product: str | None, channel: str | None,
) -> list[Any]:  # fmt: skip
    """Sums per scope, measure, stage and, of stays and wins, duration."""
    found = await connection.fetch(
        _sums("funnel_rollup"), tenant_id, scopes, pipeline, first, last, product, channel
    )
    return list(found)


async def past_figures(
    connection: Connection, tenant_id: str, scopes: Sequence[str], pipeline: str, first: date,
    last: date, product: str | None, channel: str | None, as_of: date, known: int,
) -> list[Any]:  # fmt: skip
    """The same from postings: effective until `as_of`, known at offset `known`."""
    found = await connection.fetch(
        _sums("funnel_posting", " AND effective_on <= $8 AND log_offset <= $9"),
        tenant_id, scopes, pipeline, first, last, product, channel, as_of, known,
    )  # fmt: skip
    return list(found)


async def offset_known_at(connection: Connection, tenant_id: str, instant: datetime) -> int:
    """The last offset that was recorded by an instant."""
    return (
        await connection.fetchval(
            "SELECT max(log_offset) FROM entry WHERE tenant_id = $1 AND recorded_at <= $2",
            tenant_id, instant,
        )
        or 0
    )  # fmt: skip


_DEAL_READ = (
    "subject, owners::text[], pipeline, stage, kind, amount_minor, currency, product, channel, "
    "account, created_on, closed_on, undated, incomplete, deleted, log_offset"
)


async def deals(
    connection: Connection, tenant_id: str, *, undated: bool, after: str | None, limit: int
) -> list[Any]:
    return list(
        await connection.fetch(
            f"SELECT {_DEAL_READ} FROM deal WHERE tenant_id = $1 AND (undated OR NOT $2) "
            "AND ($3::text IS NULL OR subject > $3) ORDER BY subject LIMIT $4",
            tenant_id,
            undated,
            after,
            limit,
        )
    )


async def deal(connection: Connection, tenant_id: str, subject: str) -> Any:
    return await connection.fetchrow(
        f"SELECT {_DEAL_READ} FROM deal WHERE tenant_id = $1 AND subject = $2", tenant_id, subject
    )


async def standing(connection: Connection, tenant_id: str, subject: str) -> list[Any]:
    """The deal's conclusions that no later entry supersedes, in effective order."""
    return list(
        await connection.fetch(
            "SELECT id::text, log_offset, type, effective_at, recorded_at, payload FROM entry AS e "
            "WHERE tenant_id = $1 AND subject = $2 AND kind = 'conclusion' "
            "AND type <> 'conclusions.superseded.v1' AND NOT EXISTS (SELECT 1 FROM entry AS s "
            "WHERE s.tenant_id = $1 AND s.subject = $2 AND e.id = ANY(s.supersedes)) "
            "ORDER BY effective_at NULLS FIRST, (payload->>'order')::int",
            tenant_id,
            subject,
        )
    )
