"""Queries of the metric catalogue."""

from collections.abc import Mapping
from typing import Any

import orjson

from services.kit.db import Connection
from services.kpi.domain.metrics import Metric, from_payload


async def put(
    connection: Connection, tenant_id: str, payload: Mapping[str, Any], offset: int
) -> None:
    """A metric as `metric.declared.v1` states it, at its place in the catalogue."""
    await connection.execute(
        "INSERT INTO metric (tenant_id, code, declaration, number, log_offset) VALUES ($1, $2, $3, "
        "(SELECT count(*) FROM metric WHERE tenant_id = $1), $4) ON CONFLICT (tenant_id, code) "
        "DO UPDATE SET declaration = $3, log_offset = $4",
        tenant_id, payload["code"], orjson.dumps(payload).decode(), offset,
    )  # fmt: skip


async def head(connection: Connection, tenant_id: str) -> int:
    """The offset of the last declaration."""
    return (
        await connection.fetchval(
            "SELECT max(log_offset) FROM metric WHERE tenant_id = $1", tenant_id
        )
        or 0
    )


async def catalogue(connection: Connection, tenant_id: str) -> dict[str, Metric]:
    """Every metric by code, in the order in which they were first declared."""
    rows = await connection.fetch(
        "SELECT declaration FROM metric WHERE tenant_id = $1 ORDER BY number, code", tenant_id
    )
    metrics = (from_payload(orjson.loads(row["declaration"])) for row in rows)
    return {metric.code: metric for metric in metrics}
