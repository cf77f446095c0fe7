"""How far a projection is, and waiting for it: `min_offset` reads and long polls."""

import asyncio


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
        try:
            await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return
