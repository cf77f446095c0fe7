"""Runs one service's history in one transaction under a lock on its version table.

Two migrations at once are safe: the second waits for the lock and finds nothing to do.
"""

import asyncio
import importlib
import os

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

config = context.config
service = config.config_ini_section


def url() -> str:
    found = config.attributes.get("url") or os.environ.get(
        f"HEADWATER_{service.upper()}_MIGRATION_URL"
    )
    if not found:
        raise SystemExit(f"set HEADWATER_{service.upper()}_MIGRATION_URL, or run headwater migrate")
    return str(found).replace("postgresql://", "postgresql+asyncpg://", 1)


def metadata() -> object:
    """This service's tables alone: the others live in other databases."""
    importlib.import_module(f"services.{service}.tables")
    tables = SQLModel.metadata
    prefix = f"services.{service}.tables"
    mine = {
        mapper.local_table.name
        for mapper in SQLModel._sa_registry.mappers  # noqa: SLF001 — SQLModel keeps one registry for all
        if mapper.class_.__module__ == prefix
    }
    context.config.attributes["mine"] = mine
    return tables


def include(_object: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    return kind != "table" or name in context.config.attributes["mine"]


def run(connection: Connection) -> None:
    connection.execute(text("SET lock_timeout = '60s'"))
    connection.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
    connection.execute(text("SET LOCAL lock_timeout = '3s'"))
    context.configure(
        connection=connection, target_metadata=metadata(), include_object=include,
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
