"""The funnel: a deal's conclusions become postings, postings add up to what a period shows.

method.md section 4. A posting adds a count and an amount to one key; a rollup is the sum of the
postings of its key, so every figure can be explained to the event. Keys name a scope (a member, or
a unit with everything below it), a measure, stage, slice and business day.

| measure | day | count |
| --- | --- | --- |
| created | of the first sight | deals created |
| entered | of the entry | entries into the stage, also again |
| open | of the change | +1 and −1 as open deals come and go: the sum up to a day stands that day |
| undated | as open | the same for those of them that have no date at all |
| left | of leaving | `days` spent in the stage, a histogram: exact medians |
| advanced | of the *entry* | entries that later reached a later stage (not lost), after `days` |
| won, lost | of closing | `days` since creation; reversed on the day of reopening or deletion |
| won_from, lost_from | as won, lost | the closing once for each open stage the deal had been in |

A deal counts once in every scope however many are credited; amounts follow the owners' shares and
add up exactly. Credit stays with who owned the deal when it closed, also when it is deleted and
restored; an open deal follows its owner to another unit. What happens in a pipeline is posted to
that pipeline. Undated events fall on the day UNDATED, before every period.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from services.kit.money import allocate
from services.kit.organisation.whereabouts import Whereabouts
from services.kpi.domain import transitions
from services.kpi.domain.transitions import Conclusion

UNDATED = date.min
UNKNOWN_DAYS = -1
"""The duration of a deal that has no first or no last day."""
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class Key(NamedTuple):
    """What a posting adds to. `days` is 0 where the measure has no duration."""

    scope: str
    measure: str
    pipeline: str
    stage: str
    product: str
    channel: str
    currency: str
    day: date
    effective_on: date
    days: int = 0


class Posting(NamedTuple):
    key: Key
    event_id: str
    deals: int
    amount_minor: int


class _Position(NamedTuple):
    """What an open deal adds to `open`: it is posted out and in again when any of it changes."""

    undated: bool
    pipeline: str
    stage: str
    product: str
    channel: str
    currency: str
    scopes: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class _Entry:
    stage: Mapping[str, Any]
    day: date
    facts: Mapping[str, Any]


def scopes(
    owners: Sequence[Mapping[str, Any]], amount_minor: int, day: date, places: Whereabouts
) -> dict[str, int]:
    """Every scope a deal counts in on a day, with its part of the amount."""
    found: dict[str, int] = {}
    for member, part in _shares(amount_minor, [(o["member"], o["share_bp"]) for o in owners]):
        found[member] = found.get(member, 0) + part
        for unit, share in _shares(part, places.units_on(member, day)):
            for above in places.chain(unit, day):
                found[above] = found.get(above, 0) + share
    return found


def _shares(total: int, weights: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """`total` by weights, exact; the one-owner case needs no arithmetic."""
    if len(weights) < 2:
        return [(name, total) for name, _ in weights]
    names = [name for name, _ in weights]
    parts = allocate(total, [weight for _, weight in weights], names)
    return list(zip(names, parts, strict=True))


def _minor(facts: Mapping[str, Any]) -> int:
    return facts["amount"]["minor"] if facts["amount"] else 0


class _Ledger:
    """Collects postings; `pipeline` is of deals that are in no stage yet."""

    def __init__(self, pipeline: str, places: Whereabouts) -> None:
        self.pipeline = pipeline
        self.places = places
        self.sums: dict[tuple[Key, str], list[int]] = defaultdict(lambda: [0, 0])

    def post(
        self, measure: str, stage: str, facts: Mapping[str, Any], day: date, event_id: str, *,
        effective_on: date | None = None, days: int = 0, sign: int = 1,
        at: dict[str, int] | None = None,
    ) -> None:  # fmt: skip
        currency = facts["amount"]["currency"] if facts["amount"] else ""
        pipeline = facts["stage"]["pipeline"] if facts["stage"] else self.pipeline
        if at is None:
            at = scopes(facts["owners"], _minor(facts), day, self.places)
        for scope, part in at.items():
            key = Key(
                scope, measure, pipeline, stage, facts["product"] or "",
                facts["channel"] or "", currency, day, effective_on or day, days,
            )  # fmt: skip
            total = self.sums[key, event_id]
            total[0] += sign
            total[1] += sign * part

    def postings(self) -> list[Posting]:
        return [
            Posting(key, event_id, count, amount)
            for (key, event_id), (count, amount) in self.sums.items()
            if count or amount
        ]


def effective_order(conclusion: Conclusion) -> tuple[datetime, int]:
    """A deal's events in the order in which they happened; undated ones first."""
    return (conclusion.effective_at or _BEFORE_ALL, conclusion.order)


def postings(
    conclusions: Iterable[Conclusion], day_of: Callable[[Conclusion], date], places: Whereabouts
) -> list[Posting]:
    """All postings of one deal, from its standing conclusions in effective order."""
    events = sorted(conclusions, key=effective_order)
    pipeline = next((c.payload["stage"]["pipeline"] for c in events if c.payload["stage"]), "")
    ledger = _Ledger(pipeline, places)
    walk = _Walk(ledger)
    for event in events:
        # Where a zone changes or a clock goes back over midnight, days must not: sums stand per day.
        day = max(day_of(event), walk.last_day)
        walk.follow_moves(day)
        walk.take(event, day)
    walk.follow_moves(None)
    return ledger.postings()


class _Closing(NamedTuple):
    """A win or a loss as it was posted; `passed` are the open stages that led there."""

    measure: str
    facts: Mapping[str, Any]
    day: date
    days: int
    passed: tuple[str, ...]


class _Walk:
    """One pass over a deal's events."""

    def __init__(self, ledger: _Ledger) -> None:
        self.ledger = ledger
        self.position: tuple[_Position, dict[str, int], Mapping[str, Any]] | None = None
        self.last_day = UNDATED
        self.event_id = ""
        self.undated = True
        self.stage = ("", "")
        self.entered_on = UNDATED
        self.entries: list[_Entry] = []
        self.passed: dict[tuple[str, str], None] = {}
        self.created: tuple[date, Mapping[str, Any]] | None = None
        self.closed: _Closing | None = None
        self.deleted: _Closing | None = None

    def follow_moves(self, until: date | None) -> None:
        """An open deal follows its owners from unit to unit between two events."""
        if self.position is None:
            return
        facts = self.position[2]
        days = {
            move
            for owner in facts["owners"]
            for move in self.ledger.places.moves(owner["member"])
            if move > self.last_day and (until is None or move <= until)
        }
        for day in sorted(days):
            self.stand(facts, day)

    def stand(self, facts: Mapping[str, Any] | None, day: date) -> None:
        """Post the open position out of where it was and into where it is."""
        self.last_day = day
        new = None
        if facts is not None:
            at = scopes(facts["owners"], _minor(facts), day, self.ledger.places)
            currency = facts["amount"]["currency"] if facts["amount"] else ""
            stage = facts["stage"]
            shape = _Position(
                self.undated, stage["pipeline"], stage["code"], facts["product"] or "",
                facts["channel"] or "", currency, tuple(sorted(at.items())),
            )  # fmt: skip
            new = (shape, at, facts)
        if self.position is not None and new is not None and self.position[0] == new[0]:
            self.position = new
            return
        for sign, position in ((-1, self.position), (1, new)):
            if position is not None:
                shape, at, was = position
                for measure in ("open", "undated") if shape.undated else ("open",):
                    self.ledger.post(
                        measure, shape.stage, was, day, self.event_id, sign=sign, at=at
                    )
        self.position = new

    def take(self, event: Conclusion, day: date) -> None:
        facts, ledger = event.payload, self.ledger
        self.event_id = event.id
        self.undated = self.undated and day == UNDATED
        if event.type == transitions.CREATED:
            self.created = (day, facts)
            ledger.post("created", "", facts, day, event.id)
            self.enter(event, day)
        elif event.type == transitions.STAGE_CHANGED:
            self.leave(facts.get("from_stage"), day, facts)
            self.enter(event, day)
        elif event.type in {transitions.WON, transitions.LOST}:
            self.reverse_close(day)
            self.close(event, day)
        elif event.type == transitions.REOPENED:
            self.reverse_close(day)
        elif event.type == transitions.DELETED:
            self.delete(day)
            return
        elif event.type == transitions.RESTORED:
            self.restore(event, day)
        elif event.type == transitions.AMOUNT_CHANGED:
            self.change_closed_amount(facts, day)
        is_open = facts["stage"] is not None and facts["stage"]["kind"] == "open"
        self.stand(facts if is_open else None, day)

    def enter(self, event: Conclusion, day: date) -> None:
        facts, stage = event.payload, event.payload["stage"]
        if stage is None:
            return
        self.ledger.post("entered", stage["code"], facts, day, event.id)
        if stage["kind"] != "lost":
            reached = [
                entry
                for entry in self.entries
                if entry.stage["pipeline"] == stage["pipeline"]
                and entry.stage["position"] < stage["position"]
            ]
            for entry in reached:
                days = UNKNOWN_DAYS if entry.day == UNDATED else (day - entry.day).days
                self.ledger.post(
                    "advanced", entry.stage["code"], entry.facts, entry.day, event.id,
                    effective_on=day, days=days,
                )  # fmt: skip
            self.entries = [e for e in self.entries if e not in reached]
        if stage["kind"] == "open":
            self.entries.append(_Entry(stage, day, facts))
            self.passed[stage["pipeline"], stage["code"]] = None
        self.stage, self.entered_on = (stage["pipeline"], stage["code"]), day

    def leave(self, stage: Mapping[str, Any] | None, day: date, facts: Mapping[str, Any]) -> None:
        if stage is None or stage["kind"] != "open" or UNDATED in (self.entered_on, day):
            return
        days = (day - self.entered_on).days
        left = {**facts, "stage": stage}
        self.ledger.post("left", stage["code"], left, day, self.event_id, days=days)

    def close(self, event: Conclusion, day: date) -> None:
        assert self.created is not None
        since = self.created[0]
        days = UNKNOWN_DAYS if UNDATED in (since, day) else (day - since).days
        stage = event.payload["stage"]
        passed = tuple(code for line, code in self.passed if line == stage["pipeline"])
        self.closed = _Closing(stage["kind"], event.payload, day, days, passed)
        self.post_close(self.closed, day)

    def reverse_close(self, day: date) -> None:
        if self.closed is None:
            return
        self.post_close(self.closed, day, sign=-1)
        self.closed = None

    def post_close(self, closing: _Closing, day: date, sign: int = 1) -> None:
        """A closing, on its own day or another, to who closed it."""
        at = self.at(closing.facts, closing.day)
        self.ledger.post(
            closing.measure, closing.facts["stage"]["code"], closing.facts, day, self.event_id,
            days=closing.days, sign=sign, at=at,
        )  # fmt: skip
        counted = dict.fromkeys(at, 0)
        for stage in closing.passed:
            self.ledger.post(
                f"{closing.measure}_from", stage, closing.facts, day, self.event_id,
                sign=sign, at=counted,
            )  # fmt: skip

    def change_closed_amount(self, facts: Mapping[str, Any], day: date) -> None:
        """A closed deal's new amount is posted on the day of the change, to who closed it."""
        if self.closed is None:
            return
        was = self.closed
        self.reverse_close(day)
        self.closed = was._replace(facts={**was.facts, "amount": facts["amount"]})
        self.post_close(self.closed, day)

    def delete(self, day: date) -> None:
        self.deleted = self.closed
        self.reverse_close(day)
        self.count_created(day, -1)
        self.stand(None, day)

    def restore(self, event: Conclusion, day: date) -> None:
        self.count_created(day, 1)
        stage, was = event.payload["stage"], self.deleted
        if stage is not None and (stage["pipeline"], stage["code"]) != self.stage:
            self.enter(event, day)
        if was is not None and stage is not None and stage["kind"] == was.measure:
            self.closed = was._replace(facts={**was.facts, "amount": event.payload["amount"]})
            self.post_close(self.closed, day)

    def count_created(self, day: date, sign: int) -> None:
        assert self.created is not None
        created_on, facts = self.created
        at = self.at(facts, created_on)
        self.ledger.post("created", "", facts, day, self.event_id, sign=sign, at=at)

    def at(self, facts: Mapping[str, Any], day: date) -> dict[str, int]:
        return scopes(facts["owners"], _minor(facts), day, self.ledger.places)
