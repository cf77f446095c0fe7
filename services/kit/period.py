"""Periods have codes, and codes read the same for everyone in a tenant.

Rule (method.md 1.3, "Time"): `2026` and `2026-Q1` are fiscal, named by the calendar year they
start in; `2026-01` is a calendar month; `2026-01-W1` is a piece of that month by the tenant's week
rule; `2026-01-15` is a day; `2026-W03` is an ISO week, for reading sums only, so no period is cut
into ISO weeks. Every period but an ISO week is tiled by its children, without gap or overlap.

>>> january = Period.parse("2026-01", Calendar())
>>> [(piece.code, piece.days) for piece in pieces(january, Calendar())][:2]
[('2026-01-W1', 4), ('2026-01-W2', 7)]
>>> [piece.days for piece in pieces(january, Calendar(week_rule="month_quarters"))]
[7, 7, 7, 10]
>>> april = Calendar(fiscal_start_month=4)
>>> print(*Period.parse("2026-Q4", april).span)
2027-01-01 2027-03-31
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, Self
from zoneinfo import ZoneInfo

from services.kit.errors import Invalid

FIRST_YEAR, LAST_YEAR = 1900, 2200
Kind = Literal["year", "quarter", "month", "week", "iso_week", "day"]
WeekRule = Literal["iso_clipped", "month_quarters"]

_ONE_DAY = timedelta(days=1)
_FORMS = "2026 · 2026-Q1 · 2026-01 · 2026-01-W1 · 2026-W03 · 2026-01-15"
_CODE = re.compile(
    r"(?P<year>[0-9]{4})"
    r"(?:-Q(?P<quarter>[0-9])|-W(?P<iso_week>[0-9]{2})"
    r"|-(?P<month>[0-9]{2})(?:-W(?P<week>[0-9])|-(?P<day>[0-9]{2}))?)?"
)


class PeriodInvalid(Invalid):
    """A code that names no period."""

    code = "period_invalid"


@dataclass(frozen=True, slots=True)
class Calendar:
    """A tenant's choices: where its year starts and how it cuts a month into weeks."""

    fiscal_start_month: int = 1
    week_rule: WeekRule = "iso_clipped"

    def __post_init__(self) -> None:
        if self.fiscal_start_month not in range(1, 13):
            raise PeriodInvalid("fiscal_start_month is 1 (January) to 12 (December)")
        if self.week_rule not in ("iso_clipped", "month_quarters"):
            raise PeriodInvalid("week_rule is iso_clipped or month_quarters")


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included."""

    code: str
    kind: Kind
    first: date
    last: date

    @classmethod
    def parse(cls, code: str, calendar: Calendar) -> Self:
        match = _CODE.fullmatch(code)
        if match is None:
            raise PeriodInvalid(f"{code[:40]!r} is not a period; write one of {_FORMS}")
        field = {name: int(text) for name, text in match.groupdict().items() if text is not None}
        try:
            kind, first, last = _read(field, calendar)
        except ValueError as wrong:
            raise PeriodInvalid(
                f"{code} is not a period: {wrong}; the forms are {_FORMS}"
            ) from None
        if first.year < FIRST_YEAR or last.year > LAST_YEAR:
            raise PeriodInvalid(f"{code} is not a period: its days leave {FIRST_YEAR}–{LAST_YEAR}")
        return cls(code, kind, first, last)

    @property
    def span(self) -> tuple[date, date]:
        return self.first, self.last

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def dates(self) -> Iterator[date]:
        return (self.first + timedelta(days=n) for n in range(self.days))

    def contains(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return self.code


def children(period: Period, calendar: Calendar) -> tuple[Period, ...]:
    """One level down: year, quarters, months, pieces, days. A day has none."""
    match period.kind:
        case "year":
            codes = [f"{period.code}-Q{n}" for n in range(1, 5)]
        case "quarter":
            codes = [_months_later(period.first, n).isoformat()[:7] for n in range(3)]
        case "month":
            return pieces(period, calendar)
        case "week" | "iso_week":
            codes = [day.isoformat() for day in period.dates()]
        case "day":
            codes = []
    return tuple(Period.parse(code, calendar) for code in codes)


def parent(period: Period, calendar: Calendar) -> Period | None:
    """One level up; a year and an ISO week, which belongs to no month, have none."""
    month_start = period.first.replace(day=1)
    since_start = (month_start.month - calendar.fiscal_start_month) % 12
    match period.kind:
        case "day":
            starts = _piece_starts(month_start, calendar)
            number = sum(start <= period.first for start in starts)
            code = f"{period.code[:7]}-W{number}"
        case "week":
            code = period.code[:7]
        case "month":
            start = _months_later(month_start, -since_start)
            code = f"{start.year:04d}-Q{since_start // 3 + 1}"
        case "quarter":
            code = period.code[:4]
        case "year" | "iso_week":
            return None
    return Period.parse(code, calendar)


def previous(period: Period, calendar: Calendar) -> Period:
    """The period of the same kind just before.

    >>> [previous(Period.parse(code, Calendar()), Calendar()).code
    ...  for code in ("2026", "2026-Q1", "2026-01", "2026-01-W1", "2026-W01", "2026-03-01")]
    ['2025', '2025-Q4', '2025-12', '2025-12-W5', '2025-W52', '2026-02-28']
    """
    if period.first <= date(FIRST_YEAR, 1, 1):
        raise PeriodInvalid(f"nothing comes before {period.code}")
    day = period.first - _ONE_DAY
    match period.kind:
        case "day":
            code = day.isoformat()
        case "iso_week":
            year, week, _ = day.isocalendar()
            code = f"{year:04d}-W{week:02d}"
        case "week":
            starts = _piece_starts(day.replace(day=1), calendar)
            code = f"{day.isoformat()[:7]}-W{sum(start <= day for start in starts)}"
        case "month":
            code = day.isoformat()[:7]
        case "quarter":
            start = _months_later(period.first, -3)
            number = (start.month - calendar.fiscal_start_month) % 12 // 3 + 1
            code = f"{_months_later(start, -3 * (number - 1)).year:04d}-Q{number}"
        case "year":
            code = f"{int(period.code) - 1:04d}"
    return Period.parse(code, calendar)


def pieces(month: Period, calendar: Calendar) -> tuple[Period, ...]:
    """The week pieces of a month, in order."""
    assert month.kind == "month", "only a month has week pieces"
    count = len(_piece_starts(month.first, calendar))
    return tuple(Period.parse(f"{month.code}-W{n}", calendar) for n in range(1, count + 1))


def business_day(instant: datetime, zone: ZoneInfo) -> date:
    """The date on the tenant's wall at a UTC instant."""
    if instant.utcoffset() != timedelta(0):
        raise PeriodInvalid(f"{instant.isoformat()} is not an instant in UTC")
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise PeriodInvalid(f"{instant.isoformat()} is outside {FIRST_YEAR} to {LAST_YEAR}")
    return instant.astimezone(zone).date()


def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """The UTC instant at which a day starts on the tenant's wall.

    A midnight that happens twice counts the first time; where clocks jump over it (or over the
    whole day) the day starts at the first instant after the jump.
    """
    wall = datetime.combine(day, time())
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if _wall(instant, zone) == wall:
        return instant
    # In a gap fold=1 reads the offset after the jump, an instant before it: search between the two.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    too_early, late_enough = 0, int((instant - before).total_seconds())
    while late_enough - too_early > 1:
        middle = (too_early + late_enough) // 2
        if _wall(before + timedelta(seconds=middle), zone) < wall:
            too_early = middle
        else:
            late_enough = middle
    return before + timedelta(seconds=late_enough)


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _read(field: dict[str, int], calendar: Calendar) -> tuple[Kind, date, date]:
    """What the numbers of a code name; ValueError says which of them names nothing."""
    year = field["year"]
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"years are {FIRST_YEAR} to {LAST_YEAR}")
    fiscal_start = date(year, calendar.fiscal_start_month, 1)
    if "iso_week" in field:
        weeks = date(year, 12, 28).isocalendar().week  # 28 December is always in the last week
        _within("ISO weeks of that year", field["iso_week"], weeks)
        monday = date.fromisocalendar(year, field["iso_week"], 1)
        return "iso_week", monday, monday + 6 * _ONE_DAY
    if "quarter" in field:
        _within("quarters", field["quarter"], 4)
        first = _months_later(fiscal_start, 3 * (field["quarter"] - 1))
        return "quarter", first, _months_later(first, 3) - _ONE_DAY
    if "month" not in field:
        return "year", fiscal_start, _months_later(fiscal_start, 12) - _ONE_DAY
    _within("months", field["month"], 12)
    first = date(year, field["month"], 1)
    last = _months_later(first, 1) - _ONE_DAY
    if "week" in field:
        starts = _piece_starts(first, calendar)
        _within(f"week pieces by {calendar.week_rule}", field["week"], len(starts))
        starts.append(last + _ONE_DAY)
        return "week", starts[field["week"] - 1], starts[field["week"]] - _ONE_DAY
    if "day" in field:
        _within("days of that month", field["day"], last.day)
        day = first.replace(day=field["day"])
        return "day", day, day
    return "month", first, last


def _within(what: str, number: int, most: int) -> None:
    if not 1 <= number <= most:
        raise ValueError(f"{what} are 1 to {most}, not {number}")


def _piece_starts(month_start: date, calendar: Calendar) -> list[date]:
    if calendar.week_rule == "month_quarters":
        return [month_start.replace(day=day) for day in (1, 8, 15, 22)]
    month_days = (_months_later(month_start, 1) - month_start).days
    next_monday = 8 - month_start.weekday()  # the first one after day 1, itself maybe a Monday
    return [month_start.replace(day=day) for day in (1, *range(next_monday, month_days + 1, 7))]


def _months_later(month_start: date, months: int) -> date:
    count = month_start.year * 12 + month_start.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)
