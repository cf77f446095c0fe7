"""Statements: what a member earned in a period of their plan, line by line (method.md 3.1, 3.10).

A member's statements follow from their credits, plans and closings alone; the order in which
anything became known plays no part. For each period:

- Credit won in the period and dated in it pays by the plan's bands: one line per component and
  band.
- Credit that is dated in the period but belongs to a win of an earlier one (a refund, a new amount)
  changes what that earlier period paid, at its own rates: the pay of all its credit up to now less
  the pay of all before. So a win and its refund come to nothing, across periods too.
- A closed statement stays as it was. What it would be by what is known now, less what was stated,
  stands as adjustments in the member's next open period. So all lines together are always what a
  calculation of the whole history afresh comes to.

>>> from services.incentives.domain.commission import Band
>>> from services.incentives.domain.plan import Terms
>>> flat = Terms("Sales", "quarter", "CNY", (Commission("commission", "marginal",
...     (Band(None, 1_000),), "CNY"),), frozenset(), frozenset())
>>> plan = ActivePlan("p", 1, flat, date(2026, 1, 1), None)
>>> win = lambda deal, day: Credit(deal, deal, "won", "ann", "CNY", day, day, 50_000)
>>> def told(closed, *credits_):
...     made = statements("ann", credits_, lambda _day: plan, closed, Calendar())
...     print([(one.period.code, [line.amount_minor for line in one.lines]) for one in made])
...     return made
>>> march = win("d1", date(2026, 3, 9))
>>> first = told([], march)
[('2026-Q1', [5000])]
>>> _ = told(first, march, win("d2", date(2026, 3, 10)))
[('2026-Q1', [5000]), ('2026-Q2', [5000])]
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

import orjson

from services.incentives.domain import lines
from services.incentives.domain.commission import Commission, NextBand
from services.incentives.domain.credits import Credit
from services.incentives.domain.lines import Key, Line
from services.incentives.domain.plan import ActivePlan
from services.kit.period import Calendar, Period

PlanOn = Callable[[date], ActivePlan | None]
_ONE_DAY = timedelta(days=1)


class Counted(NamedTuple):
    """A credit as a statement counted it."""

    deal: str
    event_id: str
    credited_on: str
    won_on: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Statement:
    """`credited_minor` is what fills the bands; `other_minor` what other lines come to."""

    member_id: str
    period: Period
    plan: ActivePlan
    lines: tuple[Line, ...]
    counted: tuple[Counted, ...]
    credited_minor: int

    @property
    def total_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)

    @property
    def other_minor(self) -> int:
        return sum(
            line.amount_minor
            for line in self.lines
            if line.rule in {lines.LATER_CHANGE, lines.ADJUSTMENT}
        )

    @property
    def next_band(self) -> NextBand | None:
        """Of the plan's first component."""
        return self.plan.terms.components[0].next_band(self.credited_minor)

    @property
    def hash(self) -> str:
        """Of plan, inputs and result, in hexadecimal: the same hash is the same statement."""
        content = {
            "member": self.member_id, "period": self.period.code, "plan": self.plan.id,
            "plan_version": self.plan.version, "counted": [list(one) for one in self.counted],
            "lines": [line.packed() for line in self.lines],
        }  # fmt: skip
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(slots=True)
class _Book:
    """What is calculated of one period, whether or not it is closed."""

    period: Period
    plan: ActivePlan
    credited_minor: int = 0
    lines: list[Line] = field(default_factory=list)
    counted: list[Counted] = field(default_factory=list)

    def own_first(self) -> list[Line]:
        return sorted(self.lines, key=lambda line: line.earned_in != self.period.code)


def empty(member_id: str, plan: ActivePlan, period: Period) -> Statement:
    """Of a member with a plan and no credit."""
    return Statement(member_id, period, plan, (), (), 0)


def statements(
    member_id: str, credited: Iterable[Credit], plan_on: PlanOn,
    closed: Iterable[Statement], calendar: Calendar,
) -> list[Statement]:  # fmt: skip
    """All statements of a member, in the order of their periods; `closed` ones as they are."""
    frozen = {one.period.first: one for one in sorted(closed, key=lambda one: one.period.first)}

    def plan_at(day: date) -> ActivePlan | None:
        """A closed period keeps the plan that it was closed under."""
        for one in frozen.values():
            if one.period.contains(day):
                return one.plan
        return plan_on(day)

    books = _calculate(credited, plan_at, calendar)
    adjusted: dict[date, list[Line]] = defaultdict(list)
    for one in frozen.values():
        found = _adjustments(one, books.get(one.period.first), frozen.values())
        if found:
            taking = _next_open(one, plan_at, frozen, books, calendar)
            if taking.plan.terms.currency == one.plan.terms.currency:
                adjusted[taking.period.first] += found
    made = list(frozen.values())
    for first, book in books.items():
        if first not in frozen:
            made.append(
                Statement(
                    member_id, book.period, book.plan,
                    (*book.own_first(), *adjusted[first]),
                    tuple(sorted(book.counted)), book.credited_minor,
                )
            )  # fmt: skip
    return sorted(made, key=lambda one: one.period.first)


def _calculate(
    credited: Iterable[Credit], plan_at: PlanOn, calendar: Calendar
) -> dict[date, _Book]:
    """Every period's lines as if none were closed, by its first day."""
    by_win: dict[date, tuple[ActivePlan, Period, list[Credit]]] = {}
    for credit in credited:
        plan = plan_at(credit.won_on)
        if plan is None or plan.terms.currency != credit.currency:
            continue  # nobody promised to pay for it
        then = plan_at(credit.credited_on)
        if then is not None and then.terms.currency != credit.currency:
            continue  # a statement is in one currency, and no rate is known
        period = plan.period(credit.won_on, calendar)
        by_win.setdefault(period.first, (plan, period, []))[2].append(credit)
    books: dict[date, _Book] = {}
    for _, (plan, period, won) in sorted(by_win.items()):
        dated: dict[date, list[Credit]] = defaultdict(list)
        for credit in sorted(won, key=_filling_order):
            within = plan_at(credit.credited_on) or plan
            book = _book(books, within, within.period(credit.credited_on, calendar))
            dated[book.period.first].append(credit)
            book.counted.append(_counted(credit))
        _pay(books, plan, period, dated)
    return dict(sorted(books.items()))


def _filling_order(credit: Credit) -> tuple[date, str, str, date]:
    """By credit date, then deal id."""
    return credit.credited_on, credit.deal, credit.event_id, credit.won_on


def _book(books: dict[date, _Book], plan: ActivePlan, period: Period) -> _Book:
    return books.setdefault(period.first, _Book(period, plan))


def _pay(
    books: Mapping[date, _Book], plan: ActivePlan, period: Period,
    dated: Mapping[date, Sequence[Credit]],
) -> None:  # fmt: skip
    """Lines for what was won in one period, in it and in the later ones that change it."""
    credited = 0
    for first, new in sorted(dated.items()):
        before, credited = credited, credited + sum(one.amount_minor for one in new)
        if first == period.first:
            books[first].credited_minor = credited
            for commission in plan.terms.components:
                books[first].lines += _earned(commission, period.code, credited, new)
            continue
        events = _events(new)
        for commission in plan.terms.components:
            books[first].lines += _changed(commission, period.code, before, credited, events)


def _earned(
    commission: Commission, period: str, credited_minor: int, new: Sequence[Credit]
) -> list[Line]:
    filled = commission.fill([one.amount_minor for one in new])
    return [
        lines.earned(
            commission, period, credited_minor, slice_,
            _events([new[place] for place in filled[slice_.band]]),
        )
        for slice_ in commission.slices(credited_minor)
    ]  # fmt: skip


def _changed(
    commission: Commission, earned_in: str, before_minor: int, after_minor: int,
    events: Sequence[str],
) -> list[Line]:  # fmt: skip
    before = {slice_.band: slice_ for slice_ in commission.slices(before_minor)}
    after = {slice_.band: slice_ for slice_ in commission.slices(after_minor)}
    return [
        lines.later_change(commission, earned_in, band, before.get(band), after.get(band), events)
        for band in sorted(before.keys() | after.keys())
        if before.get(band) != after.get(band)
    ]


def _adjustments(
    closed: Statement, book: _Book | None, all_closed: Iterable[Statement]
) -> list[Line]:
    """What the closed statement would have to say now, less what was stated of it so far."""
    period = closed.period.code
    stated: dict[Key, int] = defaultdict(int)
    known = {line.key: line for line in closed.lines if line.corrects is None}
    told: set[str] = set()
    for line in known.values():
        stated[line.key] += line.amount_minor
    for other in all_closed:
        for line in other.lines:
            if line.corrects == period:
                stated[line.key] += line.amount_minor
                known.setdefault(line.key, line)
                told.update(line.event_ids)
    calculated = {line.key: line for line in book.lines} if book else {}
    known |= calculated
    now = {key: line.amount_minor for key, line in calculated.items()}
    changed = set(book.counted if book else ()) ^ set(closed.counted)
    fresh = sorted(one for one in changed if one.event_id not in told) or sorted(changed)
    days = [date.fromisoformat(one.credited_on) for one in fresh]
    # Where its own credits are as they were, an adjustment in between is taken back, or what an
    # earlier period's credit came to has changed what a refund of it takes back.
    events = list(dict.fromkeys(one.event_id for one in fresh)) or sorted(told)
    return [
        lines.adjustment(
            key, known[key].rate_bp, period, max(days, default=closed.period.last),
            now.get(key, 0), stated[key], closed.plan.terms.currency,
            events or known[key].event_ids,
        )
        for key in sorted(known)
        if now.get(key, 0) != stated[key]
    ]  # fmt: skip


def _next_open(
    closed: Statement, plan_at: PlanOn, frozen: Mapping[date, Statement],
    books: dict[date, _Book], calendar: Calendar,
) -> _Book:  # fmt: skip
    """The first period after it that is not closed; by its own plan where the member has none."""
    period, plan = closed.period, closed.plan
    while period.first in frozen:
        plan = frozen[period.first].plan
        day = period.last + _ONE_DAY
        plan = plan_at(day) or plan
        period = plan.period(day, calendar)
    return _book(books, plan, period)


def _counted(credit: Credit) -> Counted:
    return Counted(
        credit.deal, credit.event_id, credit.credited_on.isoformat(), credit.won_on.isoformat(),
        credit.amount_minor,
    )  # fmt: skip


def _events(credited: Iterable[Credit]) -> list[str]:
    return list(dict.fromkeys(one.event_id for one in credited))


def packed(statement: Statement) -> dict[str, Any]:
    """Lines and counted credits as plain JSON values."""
    return {
        "lines": [line.packed() for line in statement.lines],
        "counted": [list(one) for one in statement.counted],
    }
