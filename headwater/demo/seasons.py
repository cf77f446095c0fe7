"""The demo company's calendar: how busy a day is, and how its year is planned over time.

The plan's shares are in the shapes of method.md 1.2 and 1.3: a year as 20/25/25/30, a quarter as
30/35/35, a month in four declared weeks of equal weight.

>>> round(due(date(2026, 1, 14)), 4)  # two of January's four weeks, and 30 % of the quarter
0.15
>>> due(date(2026, 3, 31))
1.0
"""

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from services.kit.period import Calendar, Period, children

HISTORY_DAYS = 548
"""18 months: how far back the company's data reach."""
CALENDAR = Calendar(week_rule="month_quarters")
QUARTER_SHARES = (20, 25, 25, 30)
MONTH_SHARES = (30, 35, 35)
_WORKING = 0.5

# The first day of the lunar year; the festival moves, so it is not in the calendar.
_SPRING_FESTIVALS = {
    2024: (2, 10), 2025: (1, 29), 2026: (2, 17), 2027: (2, 6), 2028: (1, 26), 2029: (2, 13),
    2030: (2, 3), 2031: (1, 23), 2032: (2, 11), 2033: (1, 31), 2034: (2, 19), 2035: (2, 8),
}  # fmt: skip


def start_of(today: date) -> date:
    """The first day of which the company has data."""
    return today - timedelta(days=HISTORY_DAYS)


def quarter_of(day: date) -> Period:
    return Period.parse(f"{day.year}-Q{(day.month - 1) // 3 + 1}", CALENDAR)


def quarter_share(quarter: Period) -> int:
    """What part of its year a quarter carries, in percent."""
    return QUARTER_SHARES[int(quarter.code[-1]) - 1]


def quarters(first: date, last: date) -> Iterator[Period]:
    """The quarters that hold any of these days."""
    while first <= last:
        quarter = quarter_of(first)
        yield quarter
        first = quarter.last + timedelta(days=1)


def season(day: date) -> float:
    """How busy a day is; 1 is a usual working day."""
    festival = _SPRING_FESTIVALS.get(day.year, (2, 5))
    after = (day - date(day.year, *festival)).days
    if -7 <= after <= 9:
        return 0.06
    if day.month == 10 and day.day <= 7:
        return 0.03
    peak = 1.3 if day.month % 3 == 0 else 1.0
    return peak * (1.0 if day.weekday() < 5 else 0.05)


def is_working(day: date) -> bool:
    return season(day) >= _WORKING


def working_day(day: date, step: int = 1) -> date:
    """The day itself, or the next working one in the direction of `step`."""
    while not is_working(day):
        day += timedelta(days=step)
    return day


def due(day: date) -> float:
    """What part of its quarter's target the plan has due by the end of a day."""
    quarter = quarter_of(day)
    done = 0.0
    for month, share in zip(children(quarter, CALENDAR), MONTH_SHARES, strict=True):
        weeks = children(month, CALENDAR)
        for week in weeks:
            passed = (min(day, week.last) - week.first).days + 1
            done += share / 100 / len(weeks) * max(0, passed) / week.days
    return round(done, 9)


def spread(chance: random.Random, first: date, last: date, count: int) -> list[date]:
    """Days for `count` things between two days, evenly over the busy ones, in order."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [_at_share(days, (n + chance.random()) / count) for n in range(count)]


def _at_share(days: Sequence[date], share: float) -> date:
    """The day by which that share of all work between is done."""
    weights = [season(day) for day in days]
    left = share * sum(weights)
    for day, weight in zip(days, weights, strict=True):
        left -= weight
        if left < 0:
            return day
    return days[-1]
