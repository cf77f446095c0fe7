"""Planning classes: key, new, existing, prospect (method.md section 2).

Exclusive, tested in that order, fixed at the period's start: what counts is what had happened
before the first day, seen on it. What arrives late but happened before is counted; what happens
during the period changes nothing until the next one.

- key 大客户: in the strategic tier on the first day, or marked in the policy of that day;
- new: the first contract or win within twelve months before it;
- existing: an older one;
- prospect: none yet (its first deal counts as new business).

>>> from services.customers.domain.records import Span
>>> from services.customers.domain.tiers import default_policy
>>> first = date(2026, 4, 1)
>>> relation = [Span(date(2025, 4, 2), None, 0, "contract:erp:1", "contract")]
>>> class_on(Book(relation=relation), [default_policy("CNY")], "acme", first)
'new'
>>> class_on(Book(relation=relation), [default_policy("CNY")], "acme", date(2026, 7, 1))
'existing'
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Literal, NamedTuple, get_args

from services.customers.domain.days import Wall, year_later
from services.customers.domain.records import Book, book
from services.customers.domain.tiers import Planning, TierPolicy, in_force, tier_on
from services.kit.period import Calendar, Period, parent
from services.kit.standing import Entry

PlanningClass = Literal["key", "new", "existing", "prospect"]
CLASSES: tuple[PlanningClass, ...] = get_args(PlanningClass)


class ClassFix(NamedTuple):
    period: str
    effective_on: date
    planning_class: PlanningClass


def class_on(
    known: Book, policies: Sequence[TierPolicy], account: str, first: date
) -> PlanningClass:
    """The class for a period that begins on `first`, of what was `known` before it."""
    policy = in_force(policies, first)
    if account in policy.key_accounts or tier_on(known, policies, first) == "strategic":
        return "key"
    began = [span.starts_on for span in known.relation if span.covers(first)]
    if not began:
        return "prospect"
    return "new" if first < year_later(min(began)) else "existing"


def planning_periods(
    policies: Sequence[TierPolicy], calendar: Calendar, since: date, until: date
) -> list[Period]:
    """The planning periods from the one that holds `since` to the one that holds `until`.

    The kind of period is the policy's; after a change of it, the class that is fixed stays until
    a period of the new kind begins.
    """
    found = [_containing(in_force(policies, since).planning_period, since, calendar)]
    day = since
    while (day := next_start(policies, calendar, day)) <= until:
        found.append(_containing(in_force(policies, day).planning_period, day, calendar))
    return found


def next_start(policies: Sequence[TierPolicy], calendar: Calendar, after: date) -> date:
    """The first day after `after` on which a period of the kind then in force begins."""
    day = after
    while True:
        kind = in_force(policies, day).planning_period
        candidate = _containing(kind, day, calendar).last + timedelta(days=1)
        changes = [policy.effective_on for policy in policies if day < policy.effective_on]
        turn = min(changes, default=None)
        if turn is None or candidate < turn:
            return candidate
        if _containing(in_force(policies, turn).planning_period, turn, calendar).first == turn:
            return turn
        day = turn


def classes(
    records: Mapping[str, Sequence[Entry]],
    wall: Wall,
    currency: str | None,
    policies: Sequence[TierPolicy],
    account: str,
    periods: Sequence[Period],
) -> list[ClassFix]:
    """The class of each period; a customer that came during one was a prospect at its start."""
    days = {
        entry.id: wall.day_of(entry.effective_at)
        for standing in records.values()
        for entry in standing
    }
    found, counted, known = [], -1, Book()
    for period in periods:
        count = sum(day < period.first for day in days.values())
        if count != counted:
            before = {
                subject: [entry for entry in standing if days[entry.id] < period.first]
                for subject, standing in records.items()
            }
            counted, known = count, book(before, wall, currency)
        found.append(
            ClassFix(period.code, period.first, class_on(known, policies, account, period.first))
        )
    return found


def _containing(kind: Planning, day: date, calendar: Calendar) -> Period:
    period = Period.parse(day.isoformat()[:7], calendar)
    while period.kind != kind:
        above = parent(period, calendar)
        assert above is not None, "a month lies in a quarter, a quarter in a year"
        period = above
    return period
