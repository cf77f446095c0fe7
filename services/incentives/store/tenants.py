"""Which tenant a token means, and whether the tables are there."""

import asyncpg

from services.kit import projection
from services.kit.db import Connection
from services.kit.errors import Unavailable

PROJECTION = "pay"


async def refuse_unmigrated(connection: Connection) -> None:
    """Without its tables the service is not ready."""
    try:
        await connection.fetchval("SELECT 1 FROM tenant LIMIT 1")
    except asyncpg.UndefinedTableError:
        raise Unavailable(
            "the database of incentives has no tables: run headwater migrate"
        ) from None


async def tenant_id(connection: Connection, short_name: str) -> str | None:
    found: str | None = await connection.fetchval(
        "SELECT id::text FROM tenant WHERE short_name = $1", short_name
    )
    return found


async def short_name(connection: Connection, tenant: str) -> str:
    found: str = await connection.fetchval("SELECT short_name FROM tenant WHERE id = $1", tenant)
    return found


async def hold_cursor(connection: Connection, tenant: str) -> int:
    """The projection's offset, which stays as it is until this transaction ends: what people
    decide and what the log tells take turns.
    """
    await connection.execute(
        "INSERT INTO projection_cursor (tenant_id, projection, log_offset) VALUES ($1, $2, 0) "
        "ON CONFLICT DO NOTHING",
        tenant, PROJECTION,
    )  # fmt: skip
    await connection.execute(
        "SELECT 1 FROM projection_cursor WHERE tenant_id = $1 AND projection = $2 FOR UPDATE",
        tenant, PROJECTION,
    )  # fmt: skip
    return await projection.cursor(connection, tenant, PROJECTION)
