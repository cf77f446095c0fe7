"""Transactions: ended whatever happens to the request, and never acknowledged when they failed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from headwater.postgres import Server
from services.kit import ids
from services.kit.db import Database
from services.kit.errors import Invalid, Unavailable
from tests.support.gate import until

INSERT = "INSERT INTO day (tenant_id, started_on) VALUES ($1, '2026-01-01')"


@pytest.fixture
async def url(emptied: Callable[[str], Awaitable[str]]) -> str:
    return await emptied("kpi")


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """With a single connection, so that the next request gets the one that was left behind."""
    database = Database(url, connections=1)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def admin(url: str, server: Server) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(server.url(url.rpartition("/")[2]))
    yield connection
    await connection.close()


async def days(admin: Any) -> int:
    return int(await admin.fetchval("SELECT count(*) FROM day"))


async def in_transaction(admin: Any) -> int:
    return int(
        await admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND state LIKE 'idle in transaction%'"
        )
    )


async def test_the_tenant_ends_with_the_transaction(database: Database) -> None:
    tenant = "SELECT nullif(current_setting('app.tenant_id', true), '')"
    one, two = ids.new(), ids.new()
    for tenant_id in (one, two):
        async with database.write(tenant_id) as connection:
            assert await connection.fetchval(tenant) == tenant_id
        async with database.read(None) as connection:
            assert await connection.fetchval(tenant) is None


async def test_only_the_shape_of_an_id_reaches_the_statement(database: Database) -> None:
    for wrong in ("", "x", "'; DROP TABLE day; --", ids.new().upper(), ids.new() + "'"):
        with pytest.raises(ValueError, match="not a UUID"):
            async with database.write(wrong):
                pass


async def test_a_reader_cannot_write(database: Database, admin: Any) -> None:
    tenant_id = ids.new()
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with database.read(tenant_id) as connection:
            await connection.execute(INSERT, tenant_id)
    assert await days(admin) == 0


async def insert_and_fail(database: Database, tenant_id: str) -> None:
    async with database.write(tenant_id) as connection:
        await connection.execute(INSERT, tenant_id)
        raise ZeroDivisionError


async def test_a_fault_rolls_back(database: Database, admin: Any) -> None:
    tenant_id = ids.new()
    with pytest.raises(ZeroDivisionError):
        await insert_and_fail(database, tenant_id)
    async with database.write(tenant_id) as connection:
        await connection.execute(INSERT, tenant_id)
    assert await days(admin) == 1


@pytest.mark.parametrize("again", [False, True])
async def test_a_cancelled_request_leaves_no_open_transaction(
    database: Database, admin: Any, again: bool
) -> None:
    tenant_id, reached = ids.new(), asyncio.Event()

    async def request() -> None:
        async with database.write(tenant_id) as connection:
            await connection.execute(INSERT, tenant_id)
            reached.set()
            await connection.execute("SELECT pg_sleep(0.5)")

    async def nobody_is_inside() -> bool:
        return not await admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
        )

    for _ in range(3):
        reached.clear()
        asked = asyncio.create_task(request())
        await reached.wait()
        await asyncio.sleep(0)
        asked.cancel()
        if again:  # while it rolls back
            await asyncio.sleep(0)
            asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        if not again:
            assert await in_transaction(admin) == 0
        async with database.write(ids.new()) as connection:
            await connection.execute("SELECT 1")
        # A session that was ended goes as soon as its statement does.
        await until(nobody_is_inside)
        assert await days(admin) == 0


async def test_a_rollback_that_fails_ends_the_session(
    database: Database, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is half done must not be committed by the next request."""
    execute = asyncpg.Connection.execute

    async def no_rollback(connection: Any, statement: str, *more: Any, **named: Any) -> Any:
        if statement == "ROLLBACK":
            raise asyncpg.QueryCanceledError("canceling statement due to user request")
        return await execute(connection, statement, *more, **named)

    monkeypatch.setattr(asyncpg.Connection, "execute", no_rollback)
    with pytest.raises(ZeroDivisionError):
        await insert_and_fail(database, ids.new())
    monkeypatch.undo()
    async with database.write(ids.new()) as connection:
        await connection.execute("SELECT 1")
    assert await days(admin) == 0


async def test_an_aborted_transaction_is_not_acknowledged(database: Database, admin: Any) -> None:
    tenant_id = ids.new()

    async def insert_twice() -> None:
        async with database.write(tenant_id) as connection:
            await connection.execute(INSERT, tenant_id)
            with contextlib.suppress(asyncpg.UniqueViolationError):
                await connection.execute(INSERT, tenant_id)

    with pytest.raises(AssertionError, match="aborted"):
        await insert_twice()
    assert await days(admin) == 0


async def test_a_lost_session_is_unavailable_and_the_next_one_works(
    database: Database, admin: Any
) -> None:
    tenant_id = ids.new()

    async def lose() -> None:
        async with database.write(tenant_id) as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await admin.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
            await connection.execute(INSERT, tenant_id)

    with pytest.raises(Unavailable) as refused:
        await lose()
    assert refused.value.retry_after_seconds == 1
    async with database.write(tenant_id) as connection:
        await connection.execute(INSERT, tenant_id)
    assert await days(admin) == 1


async def test_what_is_stopped_by_a_lock_is_unavailable(url: str, admin: Any) -> None:
    database = Database(url, statement_millis=50)
    await database.open()
    async with admin.transaction():
        await admin.execute("LOCK TABLE day")
        with pytest.raises(Unavailable):
            async with database.read(ids.new()) as connection:
                await connection.fetchval("SELECT count(*) FROM day")
    await database.close()


async def test_nul_in_a_parameter_is_invalid_and_no_outage(database: Database) -> None:
    with pytest.raises(Invalid):
        async with database.read(None) as connection:
            await connection.fetchval("SELECT 1 FROM tenant WHERE short_name = $1", "a\0b")


async def test_before_it_is_open_and_after_it_is_closed_it_is_unavailable(url: str) -> None:
    database = Database(url)
    for _ in range(2):
        with pytest.raises(Unavailable):
            async with database.read(None):
                pass
        await database.open()
        async with database.read(None) as connection:
            assert await connection.fetchval("SELECT 1") == 1
        await database.close()


async def test_a_listener_hears_and_listens_again_after_a_loss(url: str, admin: Any) -> None:
    from services.kit.db import Listener

    heard: list[str] = []
    listener = Listener(url, {"log_head": heard.append})
    await listener.open()

    async def woken() -> bool:
        return "" in heard

    await until(woken)
    heard.clear()
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await until(woken)  # what was said while nobody listened is unknown
    await admin.execute("SELECT pg_notify('log_head', 'it')")

    async def told() -> bool:
        return "it" in heard

    await until(told)
    await listener.close()
