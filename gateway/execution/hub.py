"""Who waits for which subject: one long poll per tenant while it has subscribers.

A watch starts at the stream's position, so whatever changes after it is heard. After a failure the
poll goes on from the last offset it answered, with jittered pauses, so nothing is missed. A
watcher that is slow finds one change waiting, the latest: changes collapse, they never queue.
"""

import asyncio
import contextlib
import logging
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.errors import unavailable
from services.kit import limits

log = logging.getLogger(__name__)


class Changes(NamedTuple):
    """`subjects` changed up to `offset`; None means that any of them may have."""

    offset: int
    subjects: Sequence[str] | None


Poll = Callable[[str, int], Awaitable[Changes]]
"""`poll(tenant, after)`: changes after an offset, when there are some; -1 asks for the offset."""


@dataclass(frozen=True, slots=True)
class Backoff:
    first_seconds: float = 0.1
    most_seconds: float = 5.0

    def pause(self, failures: int) -> float:
        """Between half and all of a pause that doubles: replicas must not return together."""
        seconds = min(self.most_seconds, self.first_seconds * 2 ** min(failures - 1, 16))
        return random.uniform(seconds / 2, seconds)  # noqa: S311 - no secret hangs on it


class Watch:
    """One subscriber's ear for one subject: iterate over the offsets of its changes."""

    def __init__(self, backoff: Backoff) -> None:
        self.offset = -1
        self._backoff = backoff
        self._failures = 0
        self._moved = asyncio.Event()
        self._closed = False
        self._retry: asyncio.TimerHandle | None = None

    def mark(self, offset: int) -> None:
        self.offset = offset
        self._moved.set()

    def again(self) -> None:
        """The last change could not be shown in full: bring it up again in a while."""
        self._failures += 1
        self._retry = asyncio.get_running_loop().call_later(
            self._backoff.pause(self._failures), self._moved.set
        )

    def settled(self) -> None:
        self._failures = 0

    def close(self) -> None:
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        self._moved.set()

    def __aiter__(self) -> "Watch":
        return self

    async def __anext__(self) -> int:
        await self._moved.wait()
        if self._closed:
            raise StopAsyncIteration
        self._moved.clear()
        return self.offset


class Hub:
    def __init__(self, poll: Poll, backoff: Backoff | None = None) -> None:
        self._poll = poll
        self._backoff = backoff or Backoff()
        self._streams: dict[str, _Stream] = {}

    @property
    def watching(self) -> int:
        return sum(stream.watching for stream in self._streams.values())

    @contextlib.asynccontextmanager
    async def watch(self, tenant: str, subject: str) -> AsyncIterator[Watch]:
        """A watch that moves at once, and then after every change of the subject."""
        stream = self._streams.get(tenant)
        if stream is None:
            stream = self._streams[tenant] = _Stream(tenant, self._poll, self._backoff)
        watch = Watch(self._backoff)
        stream.watches[subject].add(watch)
        try:
            watch.mark(await stream.position())
            yield watch
        finally:
            watch.close()
            stream.watches[subject].discard(watch)
            if not stream.watches[subject]:
                del stream.watches[subject]
            if not stream.watches:
                if self._streams.get(tenant) is stream:
                    del self._streams[tenant]
                await stream.stop()

    async def close(self) -> None:
        streams, self._streams = list(self._streams.values()), {}
        for stream in streams:
            for watch in [watch for group in stream.watches.values() for watch in group]:
                watch.close()
            await stream.stop()


class _Stream:
    """One tenant's poll."""

    def __init__(self, tenant: str, poll: Poll, backoff: Backoff) -> None:
        self.watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._tenant = tenant
        self._poll = poll
        self._backoff = backoff
        self._offset = -1
        self._known = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    @property
    def watching(self) -> int:
        return sum(len(group) for group in self.watches.values())

    async def position(self) -> int:
        """Up to here nothing is news; known as soon as kpi answered once."""
        try:
            async with asyncio.timeout(limits.GRAPHQL_SECONDS):
                await self._known.wait()
        except TimeoutError:
            raise unavailable("kpi") from None
        return self._offset

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                changes = await self._poll(self._tenant, self._offset)
            except Exception as fault:  # noqa: BLE001 - whatever it is, the subscribers stay
                failures += 1
                log.warning("changes of %s: %s", self._tenant, fault)
                await asyncio.sleep(self._backoff.pause(failures))
                continue
            failures = 0
            self._take(changes)

    def _take(self, changes: Changes) -> None:
        behind = changes.offset < self._offset  # another log than before: a restored database
        known = self._known.is_set()
        if changes.subjects is None or (behind and known):
            moved = [watch for group in self.watches.values() for watch in group]
        else:
            moved = [watch for one in changes.subjects for watch in self.watches.get(one, ())]
        self._offset = changes.offset
        self._known.set()
        for watch in moved:
            watch.mark(changes.offset)
