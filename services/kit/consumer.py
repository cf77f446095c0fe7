"""Following kpi's log: each tenant's entries in order, their effect and the cursor in one commit.

One request per process waits for heads that moved; for each tenant that did, pages are pulled after
its own cursor. Replicas share the work: a tenant's cursor is taken with SKIP LOCKED. No transaction
is open while kpi is asked. kpi being away delays and never loses.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from services.kit import projection
from services.kit.db import Connection, Database
from services.kit.errors import Refusal
from services.kit.feed import Feed
from services.kit.lag import Lag
from services.kit.projection import Progress
from services.kit.standing import Entry

log = logging.getLogger(__name__)
_RETRY_SECONDS = 0.5

Take = Callable[[Connection, str, Sequence[Entry], int], Awaitable[None]]
"""`take(connection, tenant_id, entries, offset)`: the effect of a page that ends at `offset`."""


class Consumer:
    """Feeds one projection of a service: `take` sees every entry of `types`, exactly once."""

    def __init__(
        self,
        *,
        projection: str,
        database: Database,
        feed: Feed,
        take: Take,
        types: Sequence[str] = (),
        moved: Callable[[str, int], None] | None = None,
    ) -> None:
        """`moved(tenant_id, offset)` is called after each commit, beside `progress`."""
        self.progress = Progress()
        self.lag = Lag()
        self._projection = projection
        self._database = database
        self._feed = feed
        self._take = take
        self._types = types
        self._moved = moved
        self._known: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"{self._projection} consumer")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        mark = -1
        while True:
            try:
                mark, finished = await self._follow(mark)
            except Refusal as refusal:
                log.info("%s waits: %s", self._projection, refusal.message)
                finished = False
            except Exception:  # whatever it is, the log must be followed on
                log.exception("%s failed and goes on", self._projection)
                finished = False
            if not finished:
                mark = -1
                await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self, mark: int) -> tuple[int, bool]:
        """Take all that is there once anything moved; the new mark, and whether all was taken."""
        try:
            heads = await self._feed.heads(mark)
        except Exception:
            self.lag.lost()
            raise
        self.lag.heard(heads.offsets)
        finished = True
        for tenant_id, head in self.lag.behind():
            finished &= await self._catch_up(tenant_id, heads.tenants[tenant_id], head)
        return heads.mark, finished

    async def _catch_up(self, tenant_id: str, short_name: str, head: int) -> bool:
        try:
            await self._introduce(tenant_id, short_name)
            while self.lag.done(tenant_id) < head:
                if not await self._step(tenant_id, short_name):
                    return False
        except Refusal as refusal:  # such as a statement of this tenant that took too long
            log.warning("%s of tenant %s waits: %s", self._projection, tenant_id, refusal.message)
            return False
        except Exception:  # one tenant's fault must not stop the others
            log.exception("%s of tenant %s failed", self._projection, tenant_id)
            return False
        return True

    async def _step(self, tenant_id: str, short_name: str) -> bool:
        """One page; False where another worker holds the tenant."""
        async with self._database.read(tenant_id) as connection:
            after = await projection.cursor(connection, tenant_id, self._projection)
        page = await self._feed.page(short_name, tenant_id, after, self._types)
        if page.next_after > after:
            async with self._database.write(tenant_id) as connection:
                held = await projection.lock_cursor(connection, tenant_id, self._projection)
                if held is None:
                    return False
                if held != after:  # another worker took this page meanwhile
                    return True
                if page.entries:
                    await self._take(connection, tenant_id, page.entries, page.next_after)
                await projection.set_cursor(
                    connection, tenant_id, self._projection, page.next_after
                )
            self.progress.moved(tenant_id, page.next_after)
            if self._moved is not None:
                self._moved(tenant_id, page.next_after)
        self.lag.reached(tenant_id, max(page.next_after, after))
        return True

    async def _introduce(self, tenant_id: str, short_name: str) -> None:
        """The tenant's row, by which tokens find it."""
        if tenant_id not in self._known:
            async with self._database.write(None) as connection:
                await connection.execute(
                    "INSERT INTO tenant (id, short_name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    tenant_id, short_name,
                )  # fmt: skip
            self._known.add(tenant_id)
