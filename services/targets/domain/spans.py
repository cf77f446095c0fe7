"""The periods of a plan: years, quarters, months and weeks, which tile each other.

Money stops at weeks (method.md 1.3, "Time"): days carry no targets.

>>> january = Period.parse("2026-01", Calendar(week_rule="month_quarters"))
>>> [piece.code for piece in within(january, "week", Calendar(week_rule="month_quarters"))]
['2026-01-W1', '2026-01-W2', '2026-01-W3', '2026-01-W4']
>>> year = Period.parse("2026", Calendar(fiscal_start_month=4))
>>> [month.code for month in within(year, "month", Calendar(fiscal_start_month=4))][-1]
'2027-03'
"""

from collections.abc import Sequence
from functools import lru_cache

from services.kit import period as periods
from services.kit.period import Calendar, Period
from services.targets.domain.cascade import SplitInvalid
from services.targets.domain.plan import LEVELS, Level

_KEPT = 4_096


@lru_cache(_KEPT)
def parse(code: str, calendar: Calendar) -> Period:
    return Period.parse(code, calendar)


@lru_cache(_KEPT)
def below(period: Period, calendar: Calendar) -> tuple[Period, ...]:
    """One level down; a week has nothing below it."""
    return () if period.kind not in LEVELS[:-1] else periods.children(period, calendar)


@lru_cache(_KEPT)
def above(period: Period, calendar: Calendar) -> Period | None:
    return periods.parent(period, calendar)


def within(period: Period, level: Level, calendar: Calendar) -> Sequence[Period]:
    """All periods of a finer level in a period, in order."""
    if period.kind not in LEVELS or LEVELS.index(level) <= LEVELS.index(period.kind):
        raise SplitInvalid(f"{period} ({period.kind}) has no {level}s in it", path="into")
    found: Sequence[Period] = (period,)
    while found[0].kind != level:
        found = [finer for one in found for finer in below(one, calendar)]
    return found


def next_level(period: Period) -> Level | None:
    """The level right below a period's own."""
    if period.kind not in LEVELS[:-1]:
        return None
    return LEVELS[LEVELS.index(period.kind) + 1]


def check_plannable(period: Period) -> Period:
    if period.kind not in LEVELS:
        raise SplitInvalid(f"a plan is for a year, quarter, month or week, not {period}",
                           path="period")  # fmt: skip
    return period
