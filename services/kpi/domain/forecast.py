"""What a period will bring: weighted, run rate, and a range (method.md section 4).

- weighted: what is won in the period, and of every stage its open amount × the chance that a deal
  which has been in the stage is won. The chance is counted over the deals that closed in the 365
  days up to today: won ÷ (won + lost) of those that had been in the stage, so nothing young and
  undecided is in it. A scope's own count speaks from LEAST_CLOSED closings on, below that the
  tenant's; a stage that nothing ever closed from has no chance and counts nothing. No open deal is
  promised for a date: the weighted figure says what the open pipeline is worth, whenever it closes.
- run rate: what is won, carried to the period's end by business days: won ÷ days begun × all days.
  A day has begun from its day.started on, and then counts in full.
- low and high: the weighted figure less and plus 1.28 standard deviations, which holds four times
  in five. Each open deal is a draw with its stage's chance, deals of a stage taken as equal in
  amount (A ÷ n), and the chance itself is an estimate from m closings; so the variance of a stage
  is A² × p (1 − p) × (1/n + 1/m), with p = (won + 1) ÷ (m + 2) here, so that five wins of five are
  no certainty. A stage without a chance adds nothing to low and all its amount to high. Never below
  what is won nor above that with everything open.
- coverage: what is open, in percent of what the period's sales target still lacks; nothing where
  there is no target or nothing is lacking.
- a closed period is over: all four are what was won. One that has not begun has no run rate.

Each figure is rounded once to whole minor units, halves to even; the deviation is rounded down.

>>> lead, talks = Standing("lead", 4, 40_000), Standing("talks", 2, 60_000)
>>> known = {"lead": Chance(10, 40, "own"), "talks": Chance(30, 40, "own")}
>>> january = Span(date(2026, 1, 1), date(2026, 1, 31), date(2026, 1, 10))
>>> forecast(50_000, [lead, talks], known, january)
Forecast(weighted_minor=105000, run_rate_minor=155000, low_minor=77835, high_minor=132165)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import isqrt
from typing import Literal, NamedTuple

from services.kpi.domain.figures import percent

LEAST_CLOSED = 20
HISTORY_DAYS = 365
_DEVIATIONS = Fraction(128, 100)
Basis = Literal["own", "tenant", "none"]


class Span(NamedTuple):
    """A period's first and last day, and the last business day that has begun (None: none yet)."""

    first: date
    last: date
    today: date | None

    @property
    def is_over(self) -> bool:
        return self.today is not None and self.today > self.last


class Standing(NamedTuple):
    """What is open in a stage."""

    stage: str
    deals: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Chance:
    """Of `closed` deals that had been in a stage, those won; whose closings were counted."""

    won: int
    closed: int
    basis: Basis

    @property
    def share(self) -> Fraction:
        return Fraction(self.won, self.closed) if self.closed > 0 else Fraction(0)


UNKNOWN = Chance(0, 0, "none")


@dataclass(frozen=True, slots=True)
class Forecast:
    """Amounts in minor units of the tenant's currency."""

    weighted_minor: int
    run_rate_minor: int | None
    low_minor: int
    high_minor: int


def chance(own: tuple[int, int], tenant: tuple[int, int]) -> Chance:
    """The chance of a stage from (won, lost) closings of the scope, else of the tenant.

    >>> chance((12, 8), (90, 10)), chance((3, 1), (90, 10)), chance((0, 0), (0, 0))
    (Chance(won=12, closed=20, basis='own'), Chance(won=90, closed=100, basis='tenant'), \
Chance(won=0, closed=0, basis='none'))
    """
    if is_enough(own):
        return Chance(own[0], sum(own), "own")
    # What was only taken back (a win of last year reopened) is no history.
    won, lost = max(tenant[0], 0), max(tenant[1], 0)
    return Chance(won, won + lost, "tenant") if won + lost else UNKNOWN


def is_enough(own: tuple[int, int]) -> bool:
    """Whether a scope's own closings say something about its chance."""
    return min(own) >= 0 and sum(own) >= LEAST_CLOSED


def forecast(
    won_minor: int, standing: Iterable[Standing], chances: Mapping[str, Chance], span: Span
) -> Forecast:
    """`won_minor` of the period, and what stands open now, by stage."""
    if span.is_over:
        return Forecast(won_minor, won_minor, won_minor, won_minor)
    expected, variance, unknown, everything = Fraction(0), Fraction(0), 0, 0
    for stage, deals, amount in standing:
        known = chances.get(stage, UNKNOWN)
        everything += amount
        if known.closed == 0:
            unknown += amount
            continue
        expected += amount * known.share
        p = Fraction(known.won + 1, known.closed + 2)
        draws = Fraction(1, max(deals, 1)) + Fraction(1, known.closed)
        variance += amount**2 * p * (1 - p) * draws
    weighted = won_minor + round(expected)
    margin = isqrt(int(variance * _DEVIATIONS**2))
    low = max(weighted - margin, won_minor)
    high = min(weighted + margin + unknown, won_minor + everything)
    # Amounts below zero (credits) may put the bounds on the wrong side of what is expected.
    return Forecast(weighted, run_rate(won_minor, span), min(low, weighted), max(high, weighted))


def coverage(open_minor: int, target_minor: int | None, won_minor: int) -> Decimal | None:
    """Open amounts ÷ what is lacking, in percent with one decimal.

    >>> coverage(900, 1_000, 400), coverage(900, 1_000, 1_000), coverage(900, None, 0)
    (Decimal('150.0'), None, None)
    """
    return None if target_minor is None else percent(open_minor, target_minor - won_minor)


def run_rate(won_minor: int, span: Span) -> int | None:
    """`won_minor` carried to the end; None before the period begins.

    >>> run_rate(900, Span(date(2026, 1, 1), date(2026, 1, 31), date(2026, 1, 9)))
    3100
    """
    if span.today is None or span.today < span.first:
        return None
    days = (span.last - span.first).days + 1
    begun = (min(span.today, span.last) - span.first).days + 1
    return round(Fraction(won_minor * days, begun))
