"""Runs the funnel projection: wakes when a tenant's head moves, and looks every second anyway.

Replicas share the work: a tenant's cursor is taken with SKIP LOCKED.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from services.kit import projection
from services.kit.db import Database
from services.kit.errors import Refusal
from services.kit.lag import Lag
from services.kit.projection import wait_for_event
from services.kpi.actions.project import advance
from services.kpi.actions.world import World
from services.kpi.store import funnel

log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
VERSIONS_CHANNEL = "subject_version"


class Projector:
    def __init__(self, database: Database, *, moved: Callable[[str, int], None]) -> None:
        """`moved(tenant_id, offset)` is called after each commit."""
        self._database = database
        self._moved = moved
        self.lag = Lag()
        self._worlds: dict[str, World] = {}
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def wake(self, _tenant_id: str = "") -> None:
        self._woken.set()

    async def open(self) -> None:
        self._task = asyncio.create_task(self._run(), name="funnel projector")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self.catch_up()
            except Refusal as refusal:
                log.warning("the projector waits: %s", refusal.message)
            except Exception:  # without it nothing would become visible any more
                log.exception("the projector failed and goes on")
            await wait_for_event(self._woken, _LOOK_SECONDS)

    async def catch_up(self) -> None:
        """Take every tenant whose head moved to its head, a batch each in turn."""
        while behind := await self._behind():
            progress = False
            for tenant_id, head in behind:
                progress |= await self._step(tenant_id, head)
            if not progress:
                return

    async def _behind(self) -> list[tuple[str, int]]:
        async with self._database.read(None) as connection:
            heads = await connection.fetch("SELECT tenant_id::text, log_offset FROM log_head")
        self.lag.heard({row[0]: row[1] for row in heads if row[1] > 0})
        return self.lag.behind()

    async def _step(self, tenant_id: str, head: int) -> bool:
        """One batch of one tenant; whether anything was done."""
        world = self._worlds.pop(tenant_id, None)  # a failed batch may leave it half changed
        try:
            async with self._database.write(tenant_id) as connection:
                moved = await advance(connection, tenant_id, world)
                offset = (
                    moved[0]
                    if moved
                    else await projection.cursor(connection, tenant_id, funnel.PROJECTION)
                )
        except Refusal as refusal:  # such as a statement of this tenant that took too long
            log.warning("projecting tenant %s waits: %s", tenant_id, refusal.message)
            return False
        except Exception:  # one tenant's fault must not stop the others
            log.exception("projecting tenant %s failed", tenant_id)
            return False
        if moved is not None:
            self._worlds[tenant_id] = moved[1]
            self._moved(tenant_id, offset)
        self.lag.reached(tenant_id, offset)
        # Neither moved nor there: another worker holds the cursor.
        return moved is not None or offset >= head
