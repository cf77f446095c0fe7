"""Queries of the targets that the projection keeps as cells, and of the day it has reached."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from services.kit.db import Connection
from services.kpi.domain.attainment import Placed


async def replace(
    connection: Connection,
    tenant_id: str,
    payload: Mapping[str, Any],
    placed: Sequence[Placed],
    offset: int,
) -> None:
    """All cells of the payload's plan, owner and metric become `placed`."""
    key = (tenant_id, payload["owner"]["id"], payload["metric"], payload["plan_id"])
    await connection.execute(
        "DELETE FROM target_cell "
        "WHERE tenant_id = $1 AND scope = $2 AND metric = $3 AND plan_id = $4",
        *key,
    )
    if not placed:
        return
    spans = [place.above or (None, None) for place in placed]
    await connection.execute(
        "INSERT INTO target_cell (tenant_id, scope, metric, plan_id, unit, direction, currency, "
        "log_offset, id, period, first_on, last_on, floor, target, stretch, finest, "
        "above_first_on, above_last_on) SELECT $1, $2, $3, $4, $5, $6, $7, $8, * FROM unnest("
        "$9::uuid[], $10::text[], $11::date[], $12::date[], $13::bigint[], $14::bigint[], "
        "$15::bigint[], $16::bool[], $17::date[], $18::date[])",
        *key, payload["unit"], payload["direction"], payload["currency"], offset,
        *map(list, zip(*(place.cell for place in placed), strict=True)),
        [place.finest for place in placed],
        [first for first, _ in spans], [last for _, last in spans],
    )  # fmt: skip


async def reach(connection: Connection, tenant_id: str, day: date) -> None:
    """The business day has started where the projection now is."""
    await connection.execute(
        "INSERT INTO reached_day (tenant_id, started_on) VALUES ($1, $2) ON CONFLICT (tenant_id) "
        "DO UPDATE SET started_on = greatest(reached_day.started_on, $2)",
        tenant_id, day,
    )  # fmt: skip


async def owners(connection: Connection, tenant_id: str, metric: str | None = None) -> list[str]:
    """Who has targets, of a metric or of any."""
    rows = await connection.fetch(
        "SELECT DISTINCT scope::text FROM target_cell "
        "WHERE tenant_id = $1 AND ($2::text IS NULL OR metric = $2)",
        tenant_id, metric,
    )  # fmt: skip
    return [row[0] for row in rows]
