"""Who waits for which subject: one long poll per tenant and service while it has subscribers.

A watch starts at the streams' position, so whatever changes after it is heard. After a failure a
poll goes on from the last offset it answered, with jittered pauses, so nothing is missed; a service
that is away stops the others' changes in no way. A watcher that is slow finds one change waiting,
the latest: changes collapse, they never queue.
"""

import asyncio
import contextlib
import logging
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a subject, as the schema's events have it."""

    subject: str
    offset: int
    watch: Watch

    @property
    def row(self) -> Mapping[str, Any]:
        return {"subject": self.subject, "offset": self.offset}


class Hub:
    def __init__(self, polls: Mapping[str, Poll], backoff: Backoff | None = None) -> None:
        """`polls` by service; the first is the one without which nothing starts in peace."""
        self._polls = polls
        self._backoff = backoff or Backoff()
        self._tenants: dict[str, _Tenant] = {}

    @property
    def watching(self) -> int:
        return sum(tenant.watching for tenant in self._tenants.values())

    @contextlib.asynccontextmanager
    async def watch(self, tenant: str, subject: str) -> AsyncIterator[Watch]:
        """A watch that moves at once, and then after every change of the subject."""
        mine = self._tenants.get(tenant)
        if mine is None:
            mine = self._tenants[tenant] = _Tenant(tenant, self._polls, self._backoff)
        watch = Watch(self._backoff)
        mine.watches[subject].add(watch)
        try:
            watch.mark(await mine.position())
            yield watch
        finally:
            watch.close()
            mine.watches[subject].discard(watch)
            if not mine.watches[subject]:
                del mine.watches[subject]
            if not mine.watches:
                if self._tenants.get(tenant) is mine:
                    del self._tenants[tenant]
                await mine.stop()

    async def close(self) -> None:
        tenants, self._tenants = list(self._tenants.values()), {}
        for tenant in tenants:
            for watch in [watch for group in tenant.watches.values() for watch in group]:
                watch.close()
            await tenant.stop()


class _Tenant:
    """One tenant's watches and the streams that move them."""

    def __init__(self, tenant: str, polls: Mapping[str, Poll], backoff: Backoff) -> None:
        self.watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._first = next(iter(polls))
        self._settled = asyncio.Event()
        self._known = asyncio.Event()
        self._streams = [
            _Stream(service, tenant, poll, backoff, self._take) for service, poll in polls.items()
        ]

    @property
    def watching(self) -> int:
        return sum(len(group) for group in self.watches.values())

    async def position(self) -> int:
        """Up to here nothing is news: known when every service answered once, or a while is over
        and one of them has.
        """
        for event, seconds in (
            (self._settled, limits.GRAPHQL_SECONDS / 2),
            (self._known, limits.GRAPHQL_SECONDS / 2),
        ):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await event.wait()
                if self._known.is_set():
                    return self._offset
        raise unavailable(self._first)

    async def stop(self) -> None:
        for stream in self._streams:
            await stream.stop()

    @property
    def _offset(self) -> int:
        return max(stream.offset for stream in self._streams)

    def _take(self, changes: Changes | None, *, is_start: bool, is_behind: bool) -> None:
        """What a stream answered, or None that it did not."""
        if all(stream.is_settled for stream in self._streams):
            self._settled.set()
        if changes is None:
            return
        # A stream that answers late for the first time may have missed any change before.
        late = is_start and self._known.is_set()
        if changes.subjects is None or is_behind or late:
            moved = [watch for group in self.watches.values() for watch in group]
        else:
            moved = [watch for one in changes.subjects for watch in self.watches.get(one, ())]
        self._known.set()
        for watch in moved:
            watch.mark(changes.offset if is_behind else max(changes.offset, watch.offset))


class _Stream:
    """One service's poll for one tenant."""

    def __init__(
        self, service: str, tenant: str, poll: Poll, backoff: Backoff, take: Callable[..., None]
    ) -> None:
        self.offset = -1
        self.is_settled = False
        self._service = service
        self._tenant = tenant
        self._poll = poll
        self._backoff = backoff
        self._take = take
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                changes = await self._poll(self._tenant, self.offset)
            except Exception as fault:  # noqa: BLE001 - whatever it is, the subscribers stay
                failures += 1
                log.warning("changes of %s in %s: %s", self._tenant, self._service, fault)
                self.is_settled = True
                self._take(None, is_start=self.offset < 0, is_behind=False)
                await asyncio.sleep(self._backoff.pause(failures))
                continue
            failures = 0
            self.take(changes)

    def take(self, changes: Changes) -> None:
        is_start = self.offset < 0
        is_behind = changes.offset < self.offset  # another log than before: a restored database
        self.offset = changes.offset
        self.is_settled = True
        self._take(changes, is_start=is_start, is_behind=is_behind)
