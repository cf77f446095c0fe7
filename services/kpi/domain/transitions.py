"""The fold: from everything observed about a deal to its dated history (method.md section 4).

The history is a pure function of the *set* of observations, ordered by (effective time, object
version, place in its item, source). Nothing depends on the order of arrival: after each append the
history is computed anew and compared with the conclusions that stand; what is no longer true is
superseded, what is new is appended. Rules:

- The first sight of a deal concludes `deal.created` in the stage it is seen in and invents no
  earlier stage. Undated observations come before all dated ones.
- A stage change concludes `deal.stage_changed`, and `deal.won`, `deal.lost` or `deal.reopened` when
  the kind of stage changes. Changes of amount, owners and details conclude their own events first.
  A stage that only moved in its pipeline's order is the same stage.
- After `deleted`, updates are kept but do not revive the deal; `restored` shows it as it then is,
  for the first time if it was never seen, won or lost if it became so meanwhile.
- A `notice` says that something changed but not what: the stage path is marked incomplete.
- A retraction takes back what its source said, whether that came before it or comes after.

>>> from datetime import datetime, timezone
>>> at = lambda day: datetime(2026, 1, day, tzinfo=timezone.utc)
>>> stage = lambda code, kind, n: {"pipeline": "sales", "code": code, "kind": kind, "position": n}
>>> seen = [Observed("o2", "b", "delta", at(9), "instant", {"stage": stage("won", "won", 2)}),
...         Observed("o1", "a", "delta", at(5), "instant", {"stage": stage("lead", "open", 0)})]
>>> [(c.type, c.effective_at.day) for c in history(seen)]
[('deal.created.v1', 5), ('deal.stage_changed.v1', 9), ('deal.won.v1', 9)]
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from services.kit import strictjson
from services.kpi.domain.observation import Kind, Precision

CREATED = "deal.created.v1"
STAGE_CHANGED = "deal.stage_changed.v1"
WON = "deal.won.v1"
LOST = "deal.lost.v1"
REOPENED = "deal.reopened.v1"
AMOUNT_CHANGED = "deal.amount_changed.v1"
OWNER_CHANGED = "deal.owner_changed.v1"
DETAILS_CHANGED = "deal.details_changed.v1"
DELETED = "deal.deleted.v1"
RESTORED = "deal.restored.v1"
SUPERSEDED = "conclusions.superseded.v1"
DEAL_CONCLUSIONS = (
    CREATED, STAGE_CHANGED, WON, LOST, REOPENED, AMOUNT_CHANGED, OWNER_CHANGED, DETAILS_CHANGED,
    DELETED, RESTORED,
)  # fmt: skip

_EMPTY: dict[str, Any] = {
    "stage": None, "amount": None, "owners": [], "product": None, "channel": None, "account": None,
}  # fmt: skip
_DETAILS = ("product", "channel", "account")
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Observed:
    """An observation with its owners and stage resolved.

    `fields` as Draft's, but `owners` are `[{"member": id, "share_bp": int}]` and `stage` is
    `{pipeline, code, kind, position}`.
    """

    id: str
    source: str
    kind: Kind
    effective_at: datetime | None
    precision: Precision
    fields: Mapping[str, Any]
    version: int = 0
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What follows from the observations: an event of the log. `order` counts within one instant."""

    type: str
    effective_at: datetime | None
    payload: Mapping[str, Any]
    cause: str
    order: int = 0
    id: str = ""


History = Callable[[Iterable[Observed]], list[Conclusion]]
"""How a kind of record's observations become its events: the same set gives the same list."""


@dataclass(slots=True)
class State:
    """What the engine keeps of one record: the standing observations and conclusions.

    `retracted` names sources that were taken back: what of theirs comes later does not count.
    """

    observations: list[Observed] = field(default_factory=list)
    conclusions: list[Conclusion] = field(default_factory=list)
    retracted: frozenset[str] = frozenset()


def effective_order(seen: Observed) -> tuple[datetime, int, int, str]:
    """By effective time, object version, place in its item, source; undated ones first."""
    return (seen.effective_at or _BEFORE_ALL, seen.version, seen.ordinal, seen.source)


class _Deal:
    """The deal while its observations are walked through in effective order."""

    def __init__(self) -> None:
        self.now: dict[str, Any] | None = None
        self.deleted = False
        self.kind_when_deleted: str | None = None
        self.incomplete = False
        self.events: list[Conclusion] = []
        self._instant: datetime | None = None
        self._count = 0

    def emit(self, type_: str, seen: Observed, **more: Any) -> None:
        assert self.now is not None
        if seen.effective_at != self._instant:
            self._instant, self._count = seen.effective_at, 0
        payload = {**self.now, "precision": seen.precision, "incomplete": self.incomplete, **more}
        self.events.append(Conclusion(type_, seen.effective_at, payload, seen.id, self._count))
        self._count += 1

    def apply(self, seen: Observed) -> None:
        if seen.kind == "notice":
            self.incomplete = True
        elif seen.kind == "deleted":
            if self.now is not None and not self.deleted:
                self.emit(DELETED, seen)
                self.kind_when_deleted = _kind(self.now)
            self.deleted = True
        elif seen.kind == "restored":
            was, self.deleted = self.deleted, False
            if was and self.now is not None:
                self.emit(RESTORED if self.events else CREATED, seen)
                self._closed(seen, self.kind_when_deleted)
        else:
            self._update(seen)

    def _update(self, seen: Observed) -> None:
        base = _EMPTY if self.now is None or seen.kind == "snapshot" else self.now
        before, self.now = self.now, {**base, **seen.fields}
        if self.deleted:
            return
        if before is None:
            self.emit(CREATED, seen)
            self._closed(seen, None)
            return
        if any(before[name] != self.now[name] for name in _DETAILS):
            self.emit(DETAILS_CHANGED, seen)
        if before["owners"] != self.now["owners"]:
            self.emit(OWNER_CHANGED, seen, from_owners=before["owners"])
        if before["amount"] != self.now["amount"]:
            self.emit(AMOUNT_CHANGED, seen, from_amount=before["amount"])
        if _place(before) != _place(self.now):
            was, now = _kind(before), _kind(self.now)
            if was in {"won", "lost"} and now not in {"won", "lost"}:
                self.emit(REOPENED, seen, from_stage=before["stage"])
            self.emit(STAGE_CHANGED, seen, from_stage=before["stage"])
            self._closed(seen, was)

    def _closed(self, seen: Observed, was: str | None) -> None:
        assert self.now is not None
        kind = _kind(self.now)
        if kind == "won" != was:
            self.emit(WON, seen)
        elif kind == "lost" != was:
            self.emit(LOST, seen)


def _kind(fields: Mapping[str, Any]) -> str | None:
    return fields["stage"]["kind"] if fields["stage"] else None


def _place(fields: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """What makes two stages the same; `position` changes when others are put between them."""
    stage = fields["stage"]
    return (stage["pipeline"], stage["code"], stage["kind"]) if stage else None


def history(observations: Iterable[Observed]) -> list[Conclusion]:
    """The deal's events in effective order; the same set gives the same list."""
    deal = _Deal()
    for seen in sorted(observations, key=effective_order):
        deal.apply(seen)
    return deal.events


@dataclass(frozen=True, slots=True)
class Folded:
    """What one append changes about a record."""

    state: State
    replaced_observations: Mapping[str, Sequence[str]]
    """New observation's id → ids of the observations of the same source that it supersedes."""
    superseded: Sequence[str]
    concluded: Sequence[Conclusion]


def fold(
    state: State,
    new: Sequence[Observed],
    retracted: Iterable[str] = (),
    *,
    follow: History = history,
) -> Folded:
    """`state` with `new` observations, without those from `retracted` sources.

    `follow` is the history of the record's kind: a deal's, or one of domain/records.

    Observations of one item share their source: an item replaces what an earlier item of the same
    source said. The conclusions that fell and those that are new come back without ids.
    """
    fresh_sources = {seen.source for seen in new}
    gone = state.retracted.union(retracted)
    replaced: dict[str, list[str]] = {}
    for source in fresh_sources:
        old = [seen.id for seen in state.observations if seen.source == source]
        if old:
            first = next(seen for seen in new if seen.source == source)
            replaced[first.id] = old
    kept = [seen for seen in state.observations if seen.source not in fresh_sources]
    observations = [seen for seen in (*kept, *new) if seen.source not in gone]
    wanted = follow(observations)
    standing = Counter(map(_identity, state.conclusions))
    concluded = []
    for conclusion in wanted:
        identity = _identity(conclusion)
        if standing[identity]:
            standing[identity] -= 1
        else:
            concluded.append(conclusion)
    fallen = []
    remaining = []
    for conclusion in reversed(state.conclusions):
        identity = _identity(conclusion)
        if standing[identity]:
            standing[identity] -= 1
            fallen.append(conclusion.id)
        else:
            remaining.append(conclusion)
    return Folded(State(observations, remaining[::-1], gone), replaced, fallen[::-1], concluded)


def _identity(conclusion: Conclusion) -> tuple[Any, ...]:
    payload = strictjson.dumps_canonical(conclusion.payload)
    return conclusion.type, conclusion.effective_at, conclusion.order, payload
