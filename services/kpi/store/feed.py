"""Reads of the log in offset order."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from services.kit.db import Connection
from services.kit.errors import Unavailable


async def refuse_unmigrated(connection: Connection) -> None:
    """Without its tables the service is not ready."""
    try:
        await connection.fetchval("SELECT 1 FROM log_head LIMIT 1")
    except asyncpg.UndefinedTableError:
        raise Unavailable("the database of kpi has no tables: run headwater migrate") from None


async def page(
    connection: Connection, tenant_id: str, after: int, limit: int, types: Sequence[str] | None
) -> tuple[int, list[Any]]:
    """The head, and at most `limit` entries after an offset."""
    head = await connection.fetchval(
        "SELECT log_offset FROM log_head WHERE tenant_id = $1", tenant_id
    )
    rows = await connection.fetch(
        "SELECT log_offset, id::text, kind, type, subject, effective_at, recorded_at, "
        "supersedes::text[], cause::text, payload FROM entry WHERE tenant_id = $1 "
        "AND log_offset > $2 AND ($3::text[] IS NULL OR type = ANY($3)) "
        "ORDER BY log_offset LIMIT $4",
        tenant_id, after, types, limit,
    )  # fmt: skip
    return head or 0, list(rows)


async def heads(connection: Connection) -> dict[str, int]:
    rows = await connection.fetch("SELECT tenant_id::text, log_offset FROM log_head")
    return {row[0]: row[1] for row in rows}


async def short_names(connection: Connection) -> dict[str, str]:
    """Of every tenant that has a log."""
    rows = await connection.fetch("SELECT id::text, short_name FROM tenant")
    return {row[0]: row[1] for row in rows}
