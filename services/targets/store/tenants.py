"""Tenants and their dated settings."""

from datetime import date

import asyncpg

from services.kit.db import Connection
from services.kit.errors import Unavailable
from services.targets.domain.configuration import Configuration


async def refuse_unmigrated(connection: Connection) -> None:
    """Without its tables the service is not ready."""
    try:
        await connection.fetchval("SELECT 1 FROM tenant LIMIT 1")
    except asyncpg.UndefinedTableError:
        raise Unavailable("the database of targets has no tables: run headwater migrate") from None


async def tenant_id(connection: Connection, short_name: str) -> str | None:
    found: str | None = await connection.fetchval(
        "SELECT id::text FROM tenant WHERE short_name = $1", short_name
    )
    return found


async def add_tenant(connection: Connection, tenant_id: str, short_name: str) -> bool:
    """False where the short name or the id is taken."""
    added = await connection.fetchval(
        "INSERT INTO tenant (id, short_name) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true",
        tenant_id, short_name,
    )  # fmt: skip
    return added is True


async def configuration(
    connection: Connection, tenant_id: str
) -> tuple[date, Configuration] | None:
    """The newest one and the day it holds from; none lies in the future."""
    row = await connection.fetchrow(
        "SELECT effective_on, zone, currency, fiscal_start_month, week_rule FROM tenant_setting "
        "WHERE tenant_id = $1 ORDER BY effective_on DESC LIMIT 1",
        tenant_id,
    )
    return row and (row["effective_on"], Configuration(*row[1:]))


async def set_configuration(
    connection: Connection, tenant_id: str, effective_on: date, chosen: Configuration
) -> None:
    await connection.execute(
        "INSERT INTO tenant_setting "
        "(tenant_id, effective_on, zone, currency, fiscal_start_month, week_rule) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, effective_on) DO UPDATE "
        "SET zone = $3, currency = $4, fiscal_start_month = $5, week_rule = $6",
        tenant_id, effective_on, chosen.zone, chosen.currency, chosen.fiscal_start_month,
        chosen.week_rule,
    )  # fmt: skip


async def add_organisation_head(connection: Connection, tenant_id: str) -> None:
    await connection.execute(
        "INSERT INTO organisation_head (tenant_id, units_version, members_version) "
        "VALUES ($1, 0, 0) ON CONFLICT (tenant_id) DO NOTHING",
        tenant_id,
    )


async def lock_organisation(connection: Connection, tenant_id: str) -> bool:
    """Until the transaction ends nobody else changes this organisation; False: there is none."""
    found = await connection.fetchval(
        "SELECT true FROM organisation_head WHERE tenant_id = $1 FOR UPDATE", tenant_id
    )
    return found is True


async def bump(connection: Connection, tenant_id: str, *, units: bool, members: bool) -> None:
    """Tell caches that what they hold is old."""
    await connection.execute(
        "UPDATE organisation_head SET units_version = units_version + $2, "
        "members_version = members_version + $3 WHERE tenant_id = $1",
        tenant_id, int(units), int(members),
    )  # fmt: skip
