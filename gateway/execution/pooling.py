"""Loads that differ in their ids alone travel together: who comes while one is away rides in the next.

As a writer commits what waited while it wrote, a lane sends what came while its calls were away: at
rest nobody waits, and under load one call answers for many requests. The key says who may share: as
with equal loads (execution.coalescing) it has tenant and viewer's scope, for an answer holds what
that viewer may see. Each gets the items of the own ids and no others.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import ServiceRefused
from gateway.execution.coalescing import LoadKey
from services.kit import limits

Send = Callable[[Sequence[str], float], Awaitable[Mapping[str, Any]]]
"""One call for these ids within these seconds: an answer with `items`."""
_AWAY_MOST = 4
_PATIENCE_SECONDS = 0.05
"""Whoever waits for a call to come back longer than this sends the next one beside it, for it may
hang; of a lane's calls there are _AWAY_MOST at once.
"""


@dataclass(frozen=True, slots=True, eq=False)
class _Rider:
    ids: frozenset[str]
    send: Send
    ends: float
    answer: asyncio.Future[Mapping[str, Any]]


@dataclass(slots=True)
class _Lane:
    """`by` is what an item is known by: the id under that name, or the ids in a list there."""

    by: str
    away: int = 0
    waiting: list[_Rider] = field(default_factory=list)
    impatience: asyncio.TimerHandle | None = None

    def boarding(self) -> list[_Rider]:
        """As many as one call may ask for; those who gave up are left behind."""
        riders: list[_Rider] = []
        ids: set[str] = set()
        while self.waiting and len(ids | self.waiting[0].ids) <= limits.PAGE_MOST:
            rider = self.waiting.pop(0)
            if not rider.answer.done():
                riders.append(rider)
                ids |= rider.ids
        return riders


class Pools:
    def __init__(self) -> None:
        self._lanes: dict[LoadKey, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.pooled = 0
        """Loads that travelled with another one."""

    async def read(
        self, key: LoadKey, ids: Iterable[str], by: str, send: Send, seconds: float
    ) -> Mapping[str, Any]:
        """The answer for `ids` (limits.PAGE_MOST at most); `key` is of all but them."""
        lane = self._lanes.setdefault(key, _Lane(by))
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        lane.waiting.append(_Rider(frozenset(ids), send, time.monotonic() + seconds, answer))
        if not lane.away or lane.impatience is None:
            self._depart(key, lane)
        return await answer

    def _depart(self, key: LoadKey, lane: _Lane, *, beside: bool = False) -> None:
        """Send who waits: where nothing is away, or `beside` what has been away too long."""
        if (not lane.away or (beside and lane.away < _AWAY_MOST)) and (riders := lane.boarding()):
            lane.away += 1
            self.pooled += len(riders) - 1
            task = asyncio.create_task(self._ride(key, lane, riders))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if lane.impatience is not None:
            lane.impatience.cancel()
            lane.impatience = None
        if lane.waiting:
            lane.impatience = asyncio.get_running_loop().call_later(
                _PATIENCE_SECONDS, lambda: self._depart(key, lane, beside=True)
            )
        elif not lane.away and self._lanes.get(key) is lane:
            del self._lanes[key]

    async def _ride(self, key: LoadKey, lane: _Lane, riders: Sequence[_Rider]) -> None:
        try:
            await _carry(riders, lane.by)
        finally:
            lane.away -= 1
            self._depart(key, lane)


async def _carry(riders: Sequence[_Rider], by: str) -> None:
    ids = sorted(frozenset().union(*(rider.ids for rider in riders)))
    seconds = max(rider.ends for rider in riders) - time.monotonic()
    try:
        answer = await riders[0].send(ids, seconds)
        items = _by_id(answer["items"], by)
    except ServiceRefused as refusal:
        if len(riders) > 1:  # one's fault is not the others'
            await asyncio.gather(*(_carry([rider], by) for rider in riders))
        else:
            _fail(riders, refusal)
    except Exception as fault:  # noqa: BLE001 - each of them shows it at its own place
        _fail(riders, fault)
    else:
        for rider in riders:
            if not rider.answer.done():
                own = [item for id_ in sorted(rider.ids) for item in items.get(id_, ())]
                rider.answer.set_result({**answer, "items": own})


def _by_id(items: Iterable[Any], by: str) -> Mapping[str, Sequence[Any]]:
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for item in items:
        known = item[by]
        for id_ in known if isinstance(known, list) else (known,):
            found[id_].append(item)
    return found


def _fail(riders: Iterable[_Rider], fault: Exception) -> None:
    for rider in riders:
        if not rider.answer.done():
            rider.answer.set_exception(fault)
