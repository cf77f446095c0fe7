"""How far a projection is, and waiting for it: `min_offset` reads and long polls."""

import asyncio
import contextlib


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

    async def wait(self, tenant_id: str, seconds: float) -> None:
        """Return when the tenant moved, or after `seconds`."""
        event = self._moved.setdefault(tenant_id, asyncio.Event())
        await wait_for_event(event, seconds)
