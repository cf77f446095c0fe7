"""What tables.py says is what the migrations make.

alembic compares tables, columns, types, nullability, indexes, unique and foreign keys, but
neither the condition of a partial index, nor its method, nor defaults: those are compared here
with what PostgreSQL says of them.
"""

import importlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Index, MetaData, String, Table, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateTable

from headwater.databases import SERVICES, Urls


def metadata_of(service: str) -> MetaData:
    found: MetaData = importlib.import_module(f"services.{service}.tables").Row.metadata
    return found


def differences(connection: Any, metadata: MetaData) -> list[Any]:
    # Only schema public is ours to compare: `beside` is a copy of some of its tables.
    options = {"compare_type": True, "include_name": lambda name, *_: name != "alembic_version"}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


@pytest.fixture(scope="module", params=SERVICES)
async def engine(
    request: pytest.FixtureRequest, clone: Callable[[str], Urls]
) -> AsyncIterator[AsyncEngine]:
    url = clone(request.param).owner.replace("postgresql:", "postgresql+asyncpg:", 1)
    engine = create_async_engine(url, execution_options={"service": request.param})
    yield engine
    await engine.dispose()


def service_of(engine: AsyncEngine) -> str:
    return str(engine.sync_engine.get_execution_options()["service"])


async def test_alembic_sees_no_difference(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        assert await connection.run_sync(differences, metadata_of(service_of(engine))) == []


async def test_alembic_would_see_one(engine: AsyncEngine) -> None:
    grown = MetaData()
    for table in metadata_of(service_of(engine)).tables.values():
        table.to_metadata(grown)
    Table("tenant", grown, Column("colour", String), extend_existing=True)
    Table("shadow", grown, Column("id", String, primary_key=True))
    Index("tenant_short", grown.tables["tenant"].c.short_name)
    async with engine.connect() as connection:
        kinds = {found[0] for found in await connection.run_sync(differences, grown)}
    assert kinds == {"add_column", "add_table", "add_index"}


INDEXES = text(
    "SELECT i.indexrelid::regclass::text, i.indisunique, am.amname, "
    "pg_get_expr(i.indpred, i.indrelid) "
    "FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam "
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' "
    "AND NOT i.indisprimary"
)


def bare(condition: Any) -> str | None:
    """A condition as written and as PostgreSQL prints it, without what it adds."""
    if condition is None:
        return None
    return str(condition).replace("::text", "").replace("(", "").replace(")", "")


async def test_indexes_have_their_condition_and_method(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        made = {row[0]: tuple(row)[1:] for row in await connection.execute(INDEXES)}
    said = {}
    for table in metadata_of(service_of(engine)).tables.values():
        for index in table.indexes:
            options = index.dialect_options["postgresql"]
            said[str(index.name)] = (
                bool(index.unique), options["using"] or "btree", bare(options["where"]),
            )  # fmt: skip
    given = {name: (unique, how, bare(where)) for name, (unique, how, where) in made.items()}
    given.pop("tenant_short_name_key")
    assert given == said


async def test_defaults_are_those_of_the_tables(engine: AsyncEngine) -> None:
    columns = text(
        "SELECT table_name, column_name, column_default FROM information_schema.columns "
        "WHERE table_schema = 'public' AND column_default IS NOT NULL"
    )
    async with engine.connect() as connection:
        made = {
            (row[0], row[1]): row[2].partition("::")[0] for row in await connection.execute(columns)
        }
    said = {
        (table.name, column.name): str(column.server_default.arg)  # type: ignore[attr-defined]
        for table in metadata_of(service_of(engine)).tables.values()
        for column in table.columns
        if column.server_default is not None
    }
    assert made == said


@pytest.mark.parametrize("service", ["kpi", "incentives"])
async def test_the_copy_beside_has_the_same_shape(
    clone: Callable[[str], Urls], service: str
) -> None:
    """A projection is rebuilt in the schema `beside` and swapped in: same columns, in any order."""
    engine = create_async_engine(
        clone(service).owner.replace("postgresql:", "postgresql+asyncpg:", 1)
    )
    columns = text(
        "SELECT table_schema, table_name, column_name, udt_name, is_nullable, column_default "
        "FROM information_schema.columns WHERE table_schema IN ('public', 'beside')"
    )
    by_schema: dict[str, dict[str, set[Any]]] = {"public": {}, "beside": {}}
    async with engine.connect() as connection:
        for schema, table, *column in await connection.execute(columns):
            by_schema[schema].setdefault(table, set()).add(tuple(column))
    await engine.dispose()
    assert by_schema["beside"]
    for table, shape in by_schema["beside"].items():
        assert shape == by_schema["public"][table], table


def test_tables_can_be_written_down() -> None:
    """SQLModel checks little when a class is made: each table compiles to a statement."""
    from sqlalchemy.dialects import postgresql

    for service in SERVICES:
        for table in metadata_of(service).tables.values():
            made = str(CreateTable(table).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
            assert "PRIMARY KEY" in made, table.name
