"""How far a reader of the log is behind it, as its process knows: what /metrics shows.

A tenant that is behind and does not move is what hurts, be it a fault in one entry or a lock that
nobody lets go; so its seconds count from the last time that it moved. Who cannot ask where the heads
are is behind as well, however little it knows of.

>>> now = 100.0
>>> lag = Lag(lambda: now)
>>> lag.heard({"acme": 7, "bolt": 3})
>>> lag.reached("acme", 7)
>>> now = 130.0
>>> lag.entries, lag.seconds, lag.behind()
(3, 30.0, [('bolt', 3)])
"""

import time
from collections.abc import Callable, Mapping

_HEADS = ""
"""Stands among tenants for the heads themselves."""


class Lag:
    """The last offset of each tenant's log, and up to which it was taken."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._heads: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._since: dict[str, float] = {}

    def lost(self) -> None:
        """Nobody says where the heads are."""
        self._since.setdefault(_HEADS, self._monotonic())

    def heard(self, heads: Mapping[str, int]) -> None:
        self._since.pop(_HEADS, None)
        self._heads.update(heads)
        for tenant_id in heads:
            self._note(tenant_id)

    def reached(self, tenant_id: str, offset: int) -> None:
        if offset > self._done.get(tenant_id, -1):
            self._done[tenant_id] = offset
            self._since.pop(tenant_id, None)
        self._note(tenant_id)

    def done(self, tenant_id: str) -> int:
        """-1 for a tenant that was never looked at."""
        return self._done.get(tenant_id, -1)

    def behind(self) -> list[tuple[str, int]]:
        """Tenants with something to take, and their heads."""
        return [(name, head) for name, head in self._heads.items() if head > self.done(name)]

    @property
    def entries(self) -> int:
        return sum(head - max(self.done(name), 0) for name, head in self.behind())

    @property
    def seconds(self) -> float:
        """Of the tenant that stands still the longest with something to take, or of the heads."""
        return self._monotonic() - min(self._since.values()) if self._since else 0.0

    def _note(self, tenant_id: str) -> None:
        if self._heads.get(tenant_id, -1) > self.done(tenant_id):
            self._since.setdefault(tenant_id, self._monotonic())
        else:
            self._since.pop(tenant_id, None)
