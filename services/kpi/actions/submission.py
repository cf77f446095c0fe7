"""What is handed to the append and what it answers, and the append's own working notes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from services.kit import strictjson
from services.kpi.actions.facts import Fact
from services.kpi.domain.intake import Retraction
from services.kpi.domain.observation import Draft
from services.kpi.domain.reading import Reader
from services.kpi.domain.transitions import State
from services.kpi.store.log import Delivery, Entry, Held

Status = Literal["accepted", "duplicate", "quarantined", "rejected", "conflict"]


@dataclass(frozen=True, slots=True)
class Item:
    key: str
    raw: Any


@dataclass(frozen=True, slots=True)
class Submission:
    """What one request hands to the writer. `connection_id` scopes the items' keys."""

    tenant_id: str
    connection_id: str
    reader: Reader | None = None
    items: Sequence[Item] = ()
    delivery: Delivery | None = None
    facts: Sequence[Fact] = ()
    strict: bool = False
    """Our own API: an unusable item is rejected with its reason instead of quarantined."""
    release: Sequence[str] = ()
    """Quarantined items to try again."""
    causes: Sequence[str] = ()
    """What has come that quarantined items wait for: an earlier append's `causes_left`."""

    @property
    def size(self) -> int:
        return max(1, len(self.items) + len(self.facts) + len(self.release))

    @property
    def body_bytes(self) -> int:
        return len(self.delivery.body) if self.delivery is not None else 0


@dataclass(slots=True)
class Result:
    status: Status
    code: str | None = None
    message: str | None = None


@dataclass(slots=True)
class Outcome:
    """Per item, in the order given; `offset` is the log's last offset after the append."""

    results: list[Result]
    offset: int = 0
    causes_left: Sequence[str] = ()
    """For these more may wait than one append takes: submit them again."""

    def count(self, *statuses: Status) -> int:
        return sum(result.status in statuses for result in self.results)


@dataclass(slots=True)
class Piece:
    """One new item on its way through the append."""

    submission: Submission
    item: Item
    delivery_id: str
    result: Result
    digest: bytes
    held_id: str | None = None
    connection_id: str = ""
    reader: Reader | None = None
    drafts: Sequence[Draft] = ()
    retraction: Retraction | None = None


@dataclass(slots=True)
class Plan:
    """What this append will write."""

    head: int
    now: datetime
    entries: list[Entry] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)


def digest_of(raw: Any) -> bytes:
    """The item's hash: the same content has the same hash whatever its spelling."""
    return hashlib.sha256(strictjson.dumps_canonical(raw)).digest()
