"""Equal loads in flight are one load: whoever asks meanwhile waits for the same answer.

The key says who may share: tenant, viewer's scope, service, field and arguments. A key without
tenant and scope would show one viewer what another may see. Nothing is kept after the answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.execution.deadlines import Deadline


class LoadKey(NamedTuple):
    tenant: str
    scope: str
    service: str
    field: str
    arguments: Hashable


@dataclass(slots=True)
class _Flight:
    task: asyncio.Task[Any]
    waiters: int = 0


class Flights:
    def __init__(self) -> None:
        self._flights: dict[LoadKey, _Flight] = {}
        self.shared = 0

    async def share(
        self, key: LoadKey, load: Callable[[], Awaitable[Any]], deadline: Deadline
    ) -> Any:
        """The answer of `load`, or of an equal one under way; TimeoutError at the deadline.

        The load outlives a waiter that gives up, but not the last one.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = _Flight(asyncio.create_task(_run(load)))
            self._flights[key] = flight
            flight.task.add_done_callback(lambda task: self._landed(key, task))
        else:
            self.shared += 1
        flight.waiters += 1
        try:
            async with asyncio.timeout(deadline.remaining_seconds):
                return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if flight.waiters == 0 and not flight.task.done():
                self._landed(key, flight.task)  # who comes now starts anew
                flight.task.cancel()

    def _landed(self, key: LoadKey, task: asyncio.Task[Any]) -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:
            del self._flights[key]
        if task.done() and not task.cancelled():
            task.exception()  # looked at here, so that a load nobody waits for stays quiet


async def _run(load: Callable[[], Awaitable[Any]]) -> Any:
    return await load()
