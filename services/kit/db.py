"""PostgreSQL by asyncpg: one request one transaction, and the tenant set inside it.

BEGIN and SET LOCAL travel as one simple-protocol message with the tenant's id as a validated
literal: a prepared statement per tenant would leak in the backend, and `set_config()` does not
reach the shards of a distributed database. Row-level security does the rest; without a tenant
there are no rows.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeAlias

import asyncpg

from services.kit import deadline, ids, limits
from services.kit.errors import Invalid, Unavailable

Connection: TypeAlias = Any
"""An asyncpg connection inside a transaction (asyncpg ships no types)."""
before_commit: ContextVar[Callable[[Connection], Awaitable[None]] | None] = ContextVar(
    "before_commit", default=None
)
"""What each write transaction of a tenant does last, in this context: it stands or falls with it."""
log = logging.getLogger(__name__)

# What a lost, starting, full or cancelled database raises; anything else is a fault of ours.
DATABASE_FAULTS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a statement on a connection whose end is not yet noticed
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)


async def _keep_session(_connection: object) -> None:
    """Nothing to reset: every transaction is ended here and sets only LOCAL values."""


async def _roll_back(connection: Connection) -> None:
    """Or end the session: what is still in a transaction must not serve the next request."""
    try:
        await connection.execute("ROLLBACK")
    except BaseException as fault:
        connection.terminate()
        if not isinstance(fault, DATABASE_FAULTS):
            raise


class Database:
    """A pool of one service's database under its app role."""

    def __init__(
        self,
        url: str,
        *,
        connections: int = limits.POOL_CONNECTIONS,
        statement_millis: int = limits.STATEMENT_MILLIS,
    ) -> None:
        self._url = url
        self._connections = connections
        self._statement_millis = statement_millis
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=self._connections,
            max_inactive_connection_lifetime=60,
            timeout=5,
            reset=_keep_session,
            server_settings={
                "application_name": "headwater",
                "timezone": "UTC",
                "statement_timeout": str(self._statement_millis),
                "lock_timeout": str(limits.LOCK_MILLIS),
                "idle_in_transaction_session_timeout": str(limits.IDLE_IN_TRANSACTION_MILLIS),
            },
        )

    async def close(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                await asyncio.wait_for(pool.close(), 5)
            except DATABASE_FAULTS:
                pool.terminate()

    @contextlib.asynccontextmanager
    async def write(self, tenant_id: str | None) -> AsyncIterator[Connection]:
        """One transaction for `tenant_id` (None: only tables that have no tenant)."""
        async with self._transaction("BEGIN", tenant_id) as connection:
            yield connection
            last = before_commit.get()
            if last is not None and tenant_id is not None:
                await last(connection)

    @contextlib.asynccontextmanager
    async def snapshot(self, tenant_id: str) -> AsyncIterator[Connection]:
        """A write transaction that sees one moment throughout, for rebuilding beside the live."""
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ"
        async with self._transaction(begin, tenant_id) as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def read(self, tenant_id: str | None) -> AsyncIterator[Connection]:
        """The same, but PostgreSQL refuses any write in it."""
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        millis = deadline.remaining_millis(self._statement_millis)
        if millis < self._statement_millis:
            begin = f"{begin}; SET LOCAL statement_timeout = {millis}"
        async with self._transaction(begin, tenant_id) as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def _transaction(self, begin: str, tenant_id: str | None) -> AsyncIterator[Connection]:
        if tenant_id is not None:
            if not ids.is_id(tenant_id):
                raise ValueError("the tenant's id is not a UUID")
            begin = f"{begin}; SET LOCAL app.tenant_id = '{tenant_id}'"
        if self._pool is None:
            raise Unavailable("the database is not open", retry_after_seconds=1)
        try:
            async with self._pool.acquire(timeout=5) as connection:
                try:
                    await connection.execute(begin)
                    yield connection
                    done = await connection.execute("COMMIT")
                except BaseException:
                    await _roll_back(connection)
                    raise
                # A statement failed and its error was passed over: PostgreSQL rolled back.
                assert done == "COMMIT", "an aborted transaction was about to be acknowledged"
        except asyncpg.CharacterNotInRepertoireError:
            # Bodies are read strictly, so it came in an address.
            raise Invalid("a text contains NUL, which nothing that is stored does") from None
        except DATABASE_FAULTS as fault:
            log.warning("database fault: %s: %s", type(fault).__name__, fault)
            raise Unavailable(
                "the database does not answer; nothing was acknowledged: try again",
                retry_after_seconds=1,
            ) from fault

    async def notify(self, channel: str, payload: str) -> None:
        """Wake listeners. Best effort: correctness never depends on it."""
        if self._pool is None:
            return
        with contextlib.suppress(*DATABASE_FAULTS):
            async with self._pool.acquire(timeout=5) as connection:
                await connection.execute("SELECT pg_notify($1, $2)", channel, payload)


class Listener:
    """One LISTEN connection, kept alive; calls back on each notification and after a reconnect."""

    def __init__(self, url: str, channels: dict[str, Callable[[str], None]]) -> None:
        self._url = url
        self._channels = channels
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._task = asyncio.create_task(self._keep_listening(), name="listener")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep_listening(self) -> None:
        while True:
            try:
                await self._listen()
            except DATABASE_FAULTS as fault:
                log.warning("listening again after: %s", fault)
                await asyncio.sleep(0.5)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._url, timeout=5)
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _connection: lost.set())
        try:
            for channel, call in self._channels.items():

                def heard(
                    _c: Any, _pid: int, _channel: str, payload: str, call: Any = call
                ) -> None:
                    call(payload)

                await connection.add_listener(channel, heard)
            # What was said while nobody listened is unknown: wake everyone once.
            for call in self._channels.values():
                call("")
            await lost.wait()
        finally:
            connection.terminate()
