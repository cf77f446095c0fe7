"""What tables.py says is what the migrations make, in each of the services that begin here."""

import importlib

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine


@pytest.mark.parametrize("service", ["targets", "customers", "incentives"])
async def test_tables_and_migrations_agree(clone, service):
    metadata = importlib.import_module(f"services.{service}.tables").Row.metadata
    engine = create_async_engine(
        clone(service).owner.replace("postgresql", "postgresql+asyncpg", 1)
    )

    def differences(connection):
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [
            found for found in compare_metadata(context, metadata)
            if "alembic_version" not in str(found)
        ]  # fmt: skip

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


@pytest.mark.parametrize("service", ["targets", "customers", "incentives"])
async def test_tenant_leads_every_key(service):
    metadata = importlib.import_module(f"services.{service}.tables").Row.metadata
    for name, table in metadata.tables.items():
        if name == "tenant":
            continue
        keys = [list(table.primary_key.columns), *(list(index.columns) for index in table.indexes)]
        keys += [list(key.columns) for key in table.foreign_key_constraints]
        assert all(key[0].name == "tenant_id" for key in keys), name
