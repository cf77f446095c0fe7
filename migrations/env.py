"""Runs one service's history in one transaction under a lock on its version table.

Two migrations at once are safe: the second waits for the lock and finds nothing to do.
"""

import asyncio
import importlib
import os

from alembic import context
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

config = context.config
service = config.config_ini_section


def url() -> str:
    found = config.attributes.get("url") or os.environ.get(
        f"HEADWATER_{service.upper()}_MIGRATION_URL"
    )
    if not found:
        raise SystemExit(f"set HEADWATER_{service.upper()}_MIGRATION_URL, or run headwater migrate")
    return str(found).replace("postgresql://", "postgresql+asyncpg://", 1)


def metadata() -> MetaData:
    """The service's tables; each service keeps a registry of its own."""
    found: MetaData = importlib.import_module(f"services.{service}.tables").Row.metadata
    return found


def run(connection: Connection) -> None:
    connection.execute(text("SET lock_timeout = '60s'"))
    connection.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
    connection.execute(text("SET LOCAL lock_timeout = '3s'"))
    context.configure(
        connection=connection, target_metadata=metadata(),
        compare_type=True, transaction_per_migration=False,
    )  # fmt: skip
    context.run_migrations()


async def migrate() -> None:
    engine = create_async_engine(url(), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            try:
                await connection.execute(
                    text("CREATE TABLE IF NOT EXISTS alembic_version ("
                         "version_num varchar(64) CONSTRAINT alembic_version_pkc PRIMARY KEY)")
                )  # fmt: skip
                await connection.commit()
            except (IntegrityError, ProgrammingError):  # another migration made it just now
                await connection.rollback()
        async with engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


asyncio.run(migrate())
