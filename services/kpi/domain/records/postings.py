"""What records add to the figures of members and units (method.md 4).

The same postings and rollups as the funnel's, in no pipeline, on the record's business day and in
the units that its owners were in that day.

| measure | stage | count and amount |
| --- | --- | --- |
| activity | its kind | 1 |
| collected, refunded | | 1 and the amount |
| contract | its kind | 1 and the amount: on the day of signing, a difference on the day of the change |
| annual_fee | | the same of the annual fee; what has none adds nothing |
| due | | 1 and the amount of each schedule line, on the day it is due |

A contract that ends takes back its amount and fee on that day, and what would be due after it. Who
signed keeps the credit. Undated records fall on the day UNDATED, before every period.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from services.kit.organisation.whereabouts import Whereabouts
from services.kpi.domain.funnel import Key, Posting, effective_order, scopes
from services.kpi.domain.records import history
from services.kpi.domain.records.crediting import Owners
from services.kpi.domain.transitions import Conclusion

RECEIPTS = {history.COLLECTION_RECEIVED: "collected", history.COLLECTION_REFUNDED: "refunded"}


class _Line(NamedTuple):
    """What a record adds, before it is shared; `placed_on`: the day that decides on the units."""

    measure: str
    stage: str
    minor: int
    currency: str
    placed_on: date


class _Ledger:
    def __init__(self, owners: Owners, places: Whereabouts) -> None:
        self.owners, self.places = owners, places
        self.deals: Counter[tuple[Key, str]] = Counter()
        self.minor: Counter[tuple[Key, str]] = Counter()

    def post(
        self, line: _Line, day: date, event_id: str, *, sign: int = 1,
        effective_on: date | None = None,
    ) -> None:  # fmt: skip
        shared = scopes(self.owners, line.minor, line.placed_on, self.places)
        for scope, part in shared.items():
            key = Key(
                scope, line.measure, "", line.stage, "", "", line.currency, day,
                day if effective_on is None else effective_on,
            )  # fmt: skip
            self.deals[key, event_id] += sign
            self.minor[key, event_id] += sign * part

    def postings(self) -> list[Posting]:
        return [
            Posting(key, event_id, count, self.minor[key, event_id])
            for (key, event_id), count in self.deals.items()
            if count or self.minor[key, event_id]
        ]


def postings(
    conclusions: Iterable[Conclusion],
    owners: Owners,
    day_of: Callable[[Conclusion], date],
    places: Whereabouts,
) -> list[Posting]:
    """All postings of one record that belongs to `owners`, from its standing conclusions."""
    ledger = _Ledger(owners, places)
    events = sorted(conclusions, key=effective_order)
    if events and events[0].type in _OF_A_CONTRACT:
        _contract(ledger, events, day_of)
        return ledger.postings()
    for event in events:
        day, facts = day_of(event), event.payload
        if event.type == history.ACTIVITY_RECORDED:
            line = _Line("activity", facts["activity_kind"], 0, "", day)
            ledger.post(line, day, event.id)
        elif event.type in RECEIPTS:
            ledger.post(_money(RECEIPTS[event.type], "", facts["amount"], day), day, event.id)
    return ledger.postings()


_OF_A_CONTRACT = {history.CONTRACT_SIGNED, history.CONTRACT_CHANGED, history.CONTRACT_ENDED}


def _contract(
    ledger: _Ledger, events: Sequence[Conclusion], day_of: Callable[[Conclusion], date]
) -> None:
    signed_on = day = day_of(events[0])
    stands: list[_Line] = []
    due: list[_Line] = []
    for event in events:
        # Where a zone changes or a clock goes back over midnight, days must not.
        day = max(day_of(event), day)
        ended, facts = event.type == history.CONTRACT_ENDED, event.payload
        wanted = [] if ended else _standing(facts, signed_on)
        for sign, lines in ((-1, stands), (1, wanted)):
            for line in lines:
                ledger.post(line, day, event.id, sign=sign)
        lines_due = [line for line in due if line.placed_on <= day] if ended else _due(facts)
        for sign, lines in ((-1, due), (1, lines_due)):
            for line in lines:
                ledger.post(line, line.placed_on, event.id, sign=sign, effective_on=day)
        stands, due = wanted, lines_due


def _standing(facts: Mapping[str, Any], signed_on: date) -> list[_Line]:
    """Its amount and its fee count where the owners were when they signed."""
    found = [_money("contract", facts["contract_kind"], facts["amount"], signed_on)]
    if facts["annual_fee"] is not None:
        found.append(_money("annual_fee", "", facts["annual_fee"], signed_on))
    return found


def _due(facts: Mapping[str, Any]) -> list[_Line]:
    return [
        _money("due", "", line["amount"], date.fromisoformat(line["due_on"]))
        for line in facts["schedule"]
    ]


def _money(measure: str, stage: str, amount: Mapping[str, Any] | None, placed_on: date) -> _Line:
    if amount is None:
        return _Line(measure, stage, 0, "", placed_on)
    return _Line(measure, stage, amount["minor"], amount["currency"], placed_on)
