"""Quarantine as operators see it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.kit.db import Connection


async def page(
    connection: Connection, tenant_id: str, state: str, after: str | None, limit: int
) -> list[Any]:
    return list(
        await connection.fetch(
            "SELECT id::text, connection_id::text, item_key, reason, message, path, waits_for, "
            "state, created_at, item FROM quarantine WHERE tenant_id = $1 AND state = $2 "
            "AND ($3::uuid IS NULL OR id > $3) ORDER BY id LIMIT $4",
            tenant_id,
            state,
            after,
            limit,
        )
    )


async def discard(connection: Connection, tenant_id: str, ids: Sequence[str], now: datetime) -> int:
    rows = await connection.fetch(
        "UPDATE quarantine SET state = 'discarded', settled_at = $3 WHERE tenant_id = $1 "
        "AND state = 'open' AND id = ANY($2::uuid[]) RETURNING 1",
        tenant_id, ids, now,
    )  # fmt: skip
    return len(rows)
