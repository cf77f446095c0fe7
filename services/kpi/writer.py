"""Group commit: requests hand in their items, one flush per tenant stores what waits.

A few tenants are flushed at once over the small pool; within a tenant flushes are serial, so a
noisy tenant delays itself. A request is answered after the commit of its own items.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from services.kit import limits
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.errors import Refusal, Unavailable
from services.kpi.actions.append import append
from services.kpi.actions.submission import Outcome, Submission

log = logging.getLogger(__name__)
HEAD_CHANNEL = "log_head"


@dataclass(slots=True)
class _Lane:
    """What waits for one tenant."""

    waiting: deque[tuple[Submission, asyncio.Future[Outcome]]] = field(default_factory=deque)
    flushing: bool = False


class Writer:
    """One per process. Several processes meet only at the tenant's head row."""

    def __init__(self, database: Database, clock: Clock, *, flushes: int = 2) -> None:
        self._database = database
        self._clock = clock
        self._lanes: dict[str, _Lane] = {}
        self._items = 0
        self._bytes = 0
        self._flushes = asyncio.Semaphore(flushes)
        self._tasks: set[asyncio.Task[None]] = set()
        self._notices: set[tuple[str, str]] = set()

    @property
    def waiting(self) -> int:
        """Items handed in and not yet committed."""
        return self._items

    async def submit(self, submission: Submission) -> Outcome:
        """Store `submission`; returns after the commit, or raises and has stored nothing of it."""
        if (
            self._items + submission.size > limits.WRITER_QUEUE_ITEMS
            or self._bytes + submission.body_bytes > limits.WRITER_QUEUE_BYTES
        ):
            raise Unavailable("too much waits to be written: try again", retry_after_seconds=1)
        lane = self._lanes.setdefault(submission.tenant_id, _Lane())
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        lane.waiting.append((submission, future))
        self._count(submission, 1)
        if not lane.flushing:
            lane.flushing = True
            self._start(self._drain(submission.tenant_id, lane))
        return await future

    async def close(self) -> None:
        """Finish what was handed in."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _count(self, submission: Submission, sign: int) -> None:
        self._items += sign * submission.size
        self._bytes += sign * submission.body_bytes

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, tenant_id: str, lane: _Lane) -> None:
        try:
            while lane.waiting:
                async with self._flushes:
                    await self._flush(tenant_id, self._take(lane))
        finally:
            lane.flushing = False
            if not lane.waiting:
                self._lanes.pop(tenant_id, None)

    @staticmethod
    def _take(lane: _Lane) -> list[tuple[Submission, asyncio.Future[Outcome]]]:
        taken = [lane.waiting.popleft()]
        size = taken[0][0].size
        while lane.waiting and size + lane.waiting[0][0].size <= limits.FLUSH_ITEMS:
            taken.append(lane.waiting.popleft())
            size += taken[-1][0].size
        return taken

    async def _flush(
        self, tenant_id: str, batch: list[tuple[Submission, asyncio.Future[Outcome]]]
    ) -> None:
        submissions = [submission for submission, _ in batch]
        try:
            async with self._database.write(tenant_id) as connection:
                outcomes = await append(connection, tenant_id, submissions, self._clock.now())
        except Exception as fault:  # noqa: BLE001 — every waiting request must get an answer
            await self._fail(tenant_id, batch, fault)
        else:
            self.announce(HEAD_CHANNEL, tenant_id)
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)
        finally:
            for submission in submissions:
                self._count(submission, -1)

    async def _fail(
        self,
        tenant_id: str,
        batch: list[tuple[Submission, asyncio.Future[Outcome]]],
        fault: Exception,
    ) -> None:
        """A fault that is not the database's may be one request's alone: flush each by itself."""
        if len(batch) > 1 and not isinstance(fault, Unavailable):
            log.error("a flush failed; its requests are tried one by one", exc_info=fault)
            for entry in batch:
                self._count(entry[0], 1)
                await self._flush(tenant_id, [entry])
            return
        for _, future in batch:
            if not future.done():
                future.set_exception(fault)

    def announce(self, channel: str, payload: str) -> None:
        """Notify after a commit, coalesced: inside the transaction it costs a tenth of the rate."""
        if (channel, payload) not in self._notices:
            self._notices.add((channel, payload))
            self._start(self._send_notice(channel, payload))

    async def _send_notice(self, channel: str, payload: str) -> None:
        await asyncio.sleep(0)
        self._notices.discard((channel, payload))
        with contextlib.suppress(Refusal):
            await self._database.notify(channel, payload)
