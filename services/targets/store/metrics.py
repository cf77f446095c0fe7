"""Metrics as kpi declared them, learnt from the log."""

from collections.abc import Mapping
from typing import Any

from services.kit.db import Connection
from services.targets.domain.plan import Metric

_COLUMNS = "code, name_en, name_zh, unit, kind, direction, is_rate"


async def learn(
    connection: Connection, tenant_id: str, declared: Mapping[str, Any], offset: int
) -> None:
    """The newest declaration of a code holds."""
    is_rate = declared["denominator"] is not None or declared["unit"] in {"percent", "score"}
    await connection.execute(
        f"INSERT INTO metric AS m (tenant_id, {_COLUMNS}, log_offset) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant_id, code) DO UPDATE "
        "SET name_en = $3, name_zh = $4, unit = $5, kind = $6, direction = $7, is_rate = $8, "
        "log_offset = $9 WHERE m.log_offset < $9",
        tenant_id, declared["code"], declared["name"]["en"], declared["name"]["zh"],
        declared["unit"], declared["kind"], declared["direction"], is_rate, offset,
    )  # fmt: skip


async def every(connection: Connection, tenant_id: str) -> dict[str, Metric]:
    """A tenant's metrics by code, in the order of their codes: tens, not thousands."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM metric WHERE tenant_id = $1 ORDER BY code", tenant_id
    )
    return {row["code"]: Metric(*row) for row in rows}
