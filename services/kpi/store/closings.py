"""Queries of what the log says about days and closed periods."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import orjson

from services.kit.db import Connection
from services.kpi.domain import events


async def started_days(
    connection: Connection, tenant_id: str, until: int
) -> list[tuple[date, int]]:
    """Every business day that started up to an offset, with its own offset."""
    rows = await connection.fetch(
        "SELECT substr(subject, 5)::date AS day, log_offset FROM entry WHERE tenant_id = $1 "
        "AND kind = 'fact' AND type = $2 AND log_offset <= $3 ORDER BY log_offset",
        tenant_id, events.DAY_STARTED, until,
    )  # fmt: skip
    return [(row["day"], row["log_offset"]) for row in rows]


async def last_closed_on(connection: Connection, tenant_id: str) -> date | None:
    """The last day of the period that was closed last."""
    payload = await connection.fetchval(
        # Materialised: looking for the newest first may read the whole log where there is none.
        "WITH closed AS MATERIALIZED (SELECT log_offset FROM entry WHERE tenant_id = $1 "
        "AND kind = 'fact' AND type = $2) SELECT payload FROM entry WHERE tenant_id = $1 "
        "AND log_offset = (SELECT max(log_offset) FROM closed)",
        tenant_id, events.METRIC_CLOSED,
    )  # fmt: skip
    return None if payload is None else date.fromisoformat(orjson.loads(payload)["last_on"])


async def logged(connection: Connection, tenant_id: str, ids: Sequence[str]) -> set[str]:
    """Those of the ids that are entries of the log."""
    rows: list[Any] = await connection.fetch(
        "SELECT id::text FROM entry WHERE tenant_id = $1 AND id = ANY($2::uuid[])", tenant_id, ids
    )
    return {row["id"] for row in rows}


async def scopes(connection: Connection, tenant_id: str) -> list[str]:
    """Every member and unit, in the order of their ids."""
    rows = await connection.fetch(
        "SELECT member_id::text AS id FROM org_member WHERE tenant_id = $1 "
        "UNION ALL SELECT unit_id::text FROM org_unit WHERE tenant_id = $1 ORDER BY id",
        tenant_id,
    )
    return [row["id"] for row in rows]
