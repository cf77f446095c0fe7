"""Tenants, and the first day of their logs."""

from datetime import date

from services.kit.db import Connection
from services.kit.errors import Unavailable


async def refuse_unmigrated(connection: Connection) -> None:
    """Without its tables the service is not ready."""
    if await connection.fetchval("SELECT to_regclass('policy_head')") is None:
        raise Unavailable("the database of customers has no tables: run headwater migrate")


async def tenant_id(connection: Connection, short_name: str) -> str | None:
    found: str | None = await connection.fetchval(
        "SELECT id::text FROM tenant WHERE short_name = $1", short_name
    )
    return found


async def short_name(connection: Connection, tenant_id: str) -> str | None:
    found: str | None = await connection.fetchval(
        "SELECT short_name FROM tenant WHERE id = $1", tenant_id
    )
    return found


async def first_day(connection: Connection, tenant_id: str) -> date | None:
    found: date | None = await connection.fetchval(
        "SELECT started_on FROM first_day WHERE tenant_id = $1", tenant_id
    )
    return found


async def put_first_day(connection: Connection, tenant_id: str, day: date) -> bool:
    """Whether it is the first one now."""
    changed = await connection.fetchval(
        "INSERT INTO first_day (tenant_id, started_on) VALUES ($1, $2) ON CONFLICT (tenant_id) "
        "DO UPDATE SET started_on = $2 WHERE first_day.started_on > $2 RETURNING true",
        tenant_id, day,
    )  # fmt: skip
    return changed is True
