"""How far a projection is: its cursor in the database, and waiting for it to move.

Cursor and effect are one transaction, so whatever crashes each entry takes effect exactly once
(architecture.md, "Projections").
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from services.kit import limits
from services.kit.db import Connection, Database
from services.kit.errors import ProjectionBehind


async def wait_for_event(event: asyncio.Event, seconds: float) -> None:
    """Return when `event` is set, or after `seconds`.

    `asyncio.wait_for` can lose a cancellation that comes just after the wake (Python 3.11).
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class Progress:
    """The last offset per tenant that this process heard of. A hint: readers check the cursor."""

    def __init__(self) -> None:
        self.is_closing = False
        """Long polls end now: the process is about to stop."""
        self._offsets: dict[str, int] = {}
        self._moved: dict[str, asyncio.Event] = {}

    def moved(self, tenant_id: str, offset: int) -> None:
        if offset > self._offsets.get(tenant_id, -1):
            self._offsets[tenant_id] = offset
            event = self._moved.pop(tenant_id, None)
            if event is not None:
                event.set()

    def heard(self, payload: str) -> None:
        """A notification `<tenant>:<offset>`; an empty one wakes everybody."""
        tenant_id, _, offset = payload.partition(":")
        if offset.isdigit():
            self.moved(tenant_id, int(offset))
            return
        waiting, self._moved = self._moved, {}
        for event in waiting.values():
            event.set()

    def close(self) -> None:
        """Let go of everybody who waits, and of who comes."""
        self.is_closing = True
        self.heard("")

    async def wait(self, tenant_id: str, seconds: float) -> None:
        """Return when the tenant moved, or after `seconds`."""
        if self.is_closing:
            return
        event = self._moved.setdefault(tenant_id, asyncio.Event())
        await wait_for_event(event, seconds)


async def lock_cursor(connection: Connection, tenant_id: str, projection: str) -> int | None:
    """The cursor, locked until the transaction ends; None while another worker holds it."""
    await connection.execute(
        "INSERT INTO projection_cursor (tenant_id, projection, log_offset) VALUES ($1, $2, 0) "
        "ON CONFLICT DO NOTHING",
        tenant_id, projection,
    )  # fmt: skip
    found: int | None = await connection.fetchval(
        "SELECT log_offset FROM projection_cursor WHERE tenant_id = $1 AND projection = $2 "
        "FOR UPDATE SKIP LOCKED",
        tenant_id, projection,
    )  # fmt: skip
    return found


async def set_cursor(connection: Connection, tenant_id: str, projection: str, offset: int) -> None:
    await connection.execute(
        "UPDATE projection_cursor SET log_offset = $3 WHERE tenant_id = $1 AND projection = $2",
        tenant_id, projection, offset,
    )  # fmt: skip


async def cursor(connection: Connection, tenant_id: str, projection: str) -> int:
    """The offset up to which everything is in the projection; 0 before the first entry."""
    return (
        await connection.fetchval(
            "SELECT log_offset FROM projection_cursor WHERE tenant_id = $1 AND projection = $2",
            tenant_id, projection,
        )
        or 0
    )  # fmt: skip


@contextlib.asynccontextmanager
async def reading(
    database: Database,
    progress: Progress,
    tenant_id: str,
    projection: str,
    min_offset: int | None = None,
) -> AsyncIterator[Connection]:
    """A read transaction in which the projection has reached `min_offset`, or ProjectionBehind."""
    if min_offset is not None:
        await _reach(database, progress, tenant_id, projection, min_offset)
    async with database.read(tenant_id) as connection:
        yield connection


async def _reach(
    database: Database, progress: Progress, tenant_id: str, projection: str, min_offset: int
) -> None:
    waited = 0.0
    while True:
        async with database.read(tenant_id) as connection:
            offset = await cursor(connection, tenant_id, projection)
        if offset >= min_offset:
            return
        if waited >= limits.MIN_OFFSET_WAIT_SECONDS:
            raise ProjectionBehind(
                f"the projection is at offset {offset}, not yet at {min_offset}: try again",
                path="min_offset", retry_after_seconds=1,
            )  # fmt: skip
        # A short look in between, so that a lost notification costs little.
        await progress.wait(tenant_id, 0.1)
        waited += 0.1
