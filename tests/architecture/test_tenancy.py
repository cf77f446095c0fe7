"""Another tenant's rows are out of reach in every table of every service's database.

The catalogue is asked, so a new table is tried as soon as a migration makes it.
"""

import ast
import contextlib
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from headwater.databases import SERVICES, Urls
from headwater.postgres import Server

# No business data in them (architecture.md, "Tenancy and access"): exactly these columns.
WITHOUT_TENANT = {
    "public.tenant": ["id", "short_name"],
    "public.log_head": ["log_offset", "tenant_id"],
    "public.alembic_version": ["version_num"],
}
RULE = "(tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)"
APPEND_ONLY = {
    "kpi": {"public.entry", "public.funnel_posting", "public.mapping"},
    "targets": {"public.plan_step", "public.acknowledgement"},
    "customers": set(),
    "incentives": {"public.statement_closing"},
}
NO_UPDATE = {
    "kpi": {"public.delivery"}, "targets": {"public.outbox"}, "incentives": {"public.outbox"},
}  # fmt: skip
NOT_DELETED = {
    "targets": {"public.member", "public.unit", "public.tenant_setting", "public.plan"},
    "incentives": {"public.compensation_plan", "public.statement_approval"},
}
OUR_SCHEMAS = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
A, B = str(uuid.UUID(int=0xA)), str(uuid.UUID(int=0xB))
SAMPLES: dict[str, Any] = {
    "uuid": str(uuid.UUID(int=1)), "character varying": "x", "text": "x", "bytea": b"x",
    "bigint": 1, "integer": 1, "smallint": 1, "boolean": True, "date": date(2026, 1, 1),
    "timestamp with time zone": datetime(2026, 1, 1, tzinfo=UTC), "jsonb": json.dumps({}),
    "uuid[]": [], "numeric": 1, "character varying[]": [],
}  # fmt: skip


@dataclass
class Stock:
    """A service's database with a row of each of two tenants in every table."""

    service: str
    admin: Any
    app: Any
    owner: Any
    app_role: str
    tables: dict[str, dict[str, str]] = field(default_factory=dict)
    """Column types by table, `schema.name`."""

    @property
    def protected(self) -> list[str]:
        return [table for table in self.tables if table not in WITHOUT_TENANT]

    async def fill(self) -> None:
        rows = await self.admin.fetch(
            "SELECT n.nspname || '.' || c.relname AS name, a.attname AS column_name, "
            "format_type(a.atttypid, NULL) AS type FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
            f"WHERE c.relkind IN ('r', 'p', 'f') AND {OUR_SCHEMAS} ORDER BY 1, a.attnum"
        )
        for row in rows:
            self.tables.setdefault(row["name"], {})[row["column_name"]] = row["type"]
        async with self.admin.transaction():
            await self.admin.execute("SET LOCAL session_replication_role = replica")
            for table, columns in self.tables.items():
                if "tenant_id" in columns:
                    for tenant_id in (A, B):
                        await self.insert(self.admin, table, tenant_id)

    async def insert(self, connection: Any, table: str, tenant_id: str) -> None:
        columns = self.tables[table]
        values = [
            tenant_id if name == "tenant_id" else SAMPLES[type_] for name, type_ in columns.items()
        ]
        places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        await connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", *values
        )

    async def may(self, table: str, privilege: str) -> bool:
        return bool(
            await self.admin.fetchval(
                "SELECT has_table_privilege($1, $2, $3)", self.app_role, table, privilege
            )
        )

    @contextlib.asynccontextmanager
    async def as_tenant(self, tenant_id: str | None) -> AsyncIterator[Any]:
        """A transaction under the app role that leaves nothing behind."""
        transaction = self.app.transaction()
        await transaction.start()
        try:
            if tenant_id is not None:
                await self.app.execute(f"SET LOCAL app.tenant_id = '{tenant_id}'")
            yield self.app
        finally:
            await transaction.rollback()


@pytest.fixture(scope="module", params=SERVICES)
async def stock(
    request: pytest.FixtureRequest, clone: Callable[[str], Urls], server: Server
) -> AsyncIterator[Stock]:
    urls = clone(request.param)
    admin = await asyncpg.connect(server.url(urls.app.rpartition("/")[2]))
    app, owner = await asyncpg.connect(urls.app), await asyncpg.connect(urls.owner)
    stock = Stock(request.param, admin, app, owner, await app.fetchval("SELECT current_user"))
    await stock.fill()
    yield stock
    for connection in (app, owner, admin):
        await connection.close()


async def test_there_are_tables_to_speak_of(stock: Stock) -> None:
    assert {"public.tenant", "public.alembic_version"} <= set(stock.tables)
    if stock.service == "kpi":
        assert {"public.entry", "public.connection", "beside.deal"} <= set(stock.tables)


async def test_row_security_is_enabled_and_forced_everywhere_but_on_the_list(stock: Stock) -> None:
    rows = await stock.admin.fetch(
        "SELECT n.nspname || '.' || c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE c.relkind IN ('r', 'p', 'f') AND {OUR_SCHEMAS}"
    )
    open_tables = {name for name, secured in rows if not secured}
    assert open_tables <= set(WITHOUT_TENANT)
    for table in open_tables:
        assert sorted(stock.tables[table]) == WITHOUT_TENANT[table]


async def test_the_only_policy_is_the_tenants_for_everybody_and_every_command(stock: Stock) -> None:
    rows = await stock.admin.fetch(
        "SELECT schemaname || '.' || tablename AS name, permissive, roles::text[], cmd, qual, "
        "with_check FROM pg_policies"
    )
    assert sorted(row["name"] for row in rows) == sorted(stock.protected)
    for row in rows:
        assert tuple(row)[1:] == ("PERMISSIVE", ["public"], "ALL", RULE, RULE), row["name"]


async def test_nothing_else_could_look_past_the_policies(stock: Stock) -> None:
    views = await stock.admin.fetch(
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE relkind IN ('v', 'm') AND {OUR_SCHEMAS}"
    )
    functions = await stock.admin.fetch(
        "SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        f"WHERE {OUR_SCHEMAS}"
    )
    assert (views, functions) == ([], [])


async def test_the_tenant_leads_every_key(stock: Stock) -> None:
    rows = await stock.admin.fetch(
        "SELECT i.indrelid::regclass::text AS name, i.indexrelid::regclass::text, a.attname "
        "FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] "
        f"WHERE (i.indisunique OR i.indisprimary) AND {OUR_SCHEMAS}"
    )
    for name, index, first in rows:
        if name not in {"tenant", "alembic_version"}:
            assert first == "tenant_id", index


def words(node: ast.AST, constants: dict[str, str]) -> str:
    """The text of an expression, as far as it is written out in the module."""
    parts = []
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            parts.append(part.value)
        elif isinstance(part, ast.Name):
            parts.append(constants.get(part.id, ""))
    return " ".join(parts)


def statements(text: str) -> Iterator[tuple[int, str]]:
    """The SQL handed to a connection."""
    tree = ast.parse(text)
    constants = {
        node.targets[0].id: words(node.value, {})
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args
            and node.func.attr in {"fetch", "fetchrow", "fetchval", "execute", "executemany"}
        ):  # fmt: skip
            yield node.lineno, words(node.args[0], constants).strip()


def test_every_query_names_the_tenant_beside_row_security() -> None:
    """Two locks on one door. Tables without tenants, and what touches no table, are exempt."""
    count = 0
    for path in sorted((Path(__file__).parents[2] / "services").rglob("*.py")):
        for line, sql in statements(path.read_text()):
            touches = re.findall(r"(?:FROM|INTO|UPDATE|JOIN)\s+([a-z_.]+)", sql)
            tables = {
                name for name in touches if name not in {"tenant", "log_head", "unnest", "set"}
            }
            if tables:
                count += 1
                assert "tenant_id" in sql, f"{path.name}:{line}: {sql[:80]}"
                if sql.startswith(("SELECT", "UPDATE", "DELETE")):
                    assert re.search(r"tenant_id = \$\d", sql), f"{path.name}:{line}: {sql[:80]}"
    assert count > 50


async def test_the_app_role_is_no_owner_and_has_no_power(stock: Stock) -> None:
    role = await stock.admin.fetchrow(
        "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication, rolinherit, oid "
        "FROM pg_roles WHERE rolname = $1", stock.app_role,
    )  # fmt: skip
    assert tuple(role)[:5] == (False,) * 5
    member_of = "SELECT count(*) FROM pg_auth_members WHERE member = $1"
    assert await stock.admin.fetchval(member_of, role["oid"]) == 0
    for owned in (
        "SELECT count(*) FROM pg_class WHERE relowner = $1",
        "SELECT count(*) FROM pg_namespace WHERE nspowner = $1",
        "SELECT count(*) FROM pg_database WHERE datdba = $1",
        "SELECT count(*) FROM pg_proc WHERE proowner = $1",
    ):
        assert await stock.admin.fetchval(owned, role["oid"]) == 0
    schemas = await stock.admin.fetch(f"SELECT nspname FROM pg_namespace n WHERE {OUR_SCHEMAS}")
    for (schema,) in schemas:
        create = "SELECT has_schema_privilege($1, $2, 'CREATE')"
        if not schema.startswith("pg_"):
            assert not await stock.admin.fetchval(create, stock.app_role, schema)
    owner = await stock.owner.fetchrow(
        "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    assert tuple(owner) == (False, False)


async def test_a_service_gets_into_its_own_database_and_makes_nothing_there(
    stock: Stock, template: dict[str, Urls]
) -> None:
    has = "SELECT has_database_privilege($1, $2, $3)"
    for service in SERVICES:
        database = template[service].app.rpartition("/")[2]
        enters = await stock.admin.fetchval(has, stock.app_role, database, "CONNECT")
        assert enters is (service == stock.service)
        for power in ("CREATE", "TEMP"):
            assert not await stock.admin.fetchval(has, stock.app_role, database, power)


async def test_without_a_tenant_there_are_no_rows_and_none_can_be_made(stock: Stock) -> None:
    for table in stock.protected:
        for connection in (stock.app, stock.owner):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table
        async with stock.as_tenant(None) as app:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await stock.insert(app, table, A)


@pytest.mark.parametrize("wrong", ["", "x", "a' OR true --"])
async def test_a_tenant_that_is_no_id_gives_nothing(stock: Stock, wrong: str) -> None:
    for table in stock.protected:
        async with stock.as_tenant(None) as app:
            await app.execute("SELECT set_config('app.tenant_id', $1, true)", wrong)
            if wrong:
                with pytest.raises(asyncpg.InvalidTextRepresentationError):
                    await app.fetch(f"SELECT * FROM {table}")
            else:
                assert await app.fetch(f"SELECT * FROM {table}") == []


async def test_nothing_of_another_tenant_is_read(stock: Stock) -> None:
    for table in stock.protected:
        async with stock.as_tenant(A) as app:
            found = await app.fetch(f"SELECT tenant_id::text FROM {table}")
            assert [row[0] for row in found] == [A], table
            for also in (f"tenant_id = '{B}'", f"tenant_id <> '{A}'", f"tenant_id IN ('{B}')"):
                assert await app.fetchval(f"SELECT count(*) FROM {table} WHERE {also}") == 0


async def test_nothing_of_another_tenant_is_inserted_changed_or_deleted(stock: Stock) -> None:
    for table in stock.protected:
        async with stock.as_tenant(A) as app:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await stock.insert(app, table, B)
        if await stock.may(table, "UPDATE"):
            async with stock.as_tenant(A) as app:
                done = await app.execute(f"UPDATE {table} SET tenant_id = tenant_id")
                assert done == "UPDATE 1"
                touch = f"UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = '{B}'"
                assert await app.execute(touch) == "UPDATE 0"
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await app.execute(f"UPDATE {table} SET tenant_id = '{B}'")
        if await stock.may(table, "DELETE"):
            async with stock.as_tenant(A) as app:
                # Foreign keys are not the point here, so only B's row is tried.
                gone = f"DELETE FROM {table} WHERE tenant_id = '{B}'"
                assert await app.execute(gone) == "DELETE 0"
        both = await stock.admin.fetchval(f"SELECT count(*) FROM {table}")
        assert both == 2, table


async def test_what_is_append_only_is_so_for_the_service_itself(stock: Stock) -> None:
    for table in APPEND_ONLY[stock.service]:
        async with stock.as_tenant(A) as app:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(f"UPDATE {table} SET tenant_id = tenant_id")
        async with stock.as_tenant(A) as app:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(f"DELETE FROM {table}")
    for table in NO_UPDATE.get(stock.service, ()):
        assert not await stock.may(table, "UPDATE")
    for table in NOT_DELETED.get(stock.service, ()):
        assert not await stock.may(table, "DELETE")
    for privilege in ("UPDATE", "DELETE"):
        assert not await stock.may("public.tenant", privilege)
    assert not any([await stock.may("public.alembic_version", p) for p in ("SELECT", "INSERT")])


async def test_no_table_can_be_emptied_opened_or_taken(stock: Stock) -> None:
    for table in stock.tables:
        for statement in (
            f"TRUNCATE {table}",
            f"DROP TABLE {table}",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY open ON {table} USING (true)",
            f"ALTER TABLE {table} OWNER TO current_user",
        ):
            async with stock.as_tenant(A) as app:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await app.execute(statement)


async def test_the_session_cannot_lift_itself(stock: Stock) -> None:
    owner = await stock.owner.fetchval("SELECT current_user")
    for statement in (
        f"SET ROLE {owner}",
        f"SET SESSION AUTHORIZATION {owner}",
        "SET session_replication_role = replica",
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        f"ALTER ROLE {stock.app_role} BYPASSRLS",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/hostname')",
    ):
        async with stock.as_tenant(A) as app:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(statement)
    for table in stock.protected:
        async with stock.as_tenant(A) as app:
            await app.execute("SET LOCAL row_security = off")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.fetch(f"SELECT * FROM {table}")
