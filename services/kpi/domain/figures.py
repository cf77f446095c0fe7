"""From sums to what a board shows: conversion, win rate, medians (method.md section 4).

- conversion of a stage: of the entries in the period, the share that has since reached a later
  stage (a cohort rate; lost is not later).
- win rate: won ÷ closed in the period, or won ÷ all (closed in the period and open at its end).
- cycle days: mean days from first sight to win of the deals won, where both have a date; median
  days: of the stays that ended in the period, both over whole business days.
- a period that only takes back earlier wins or losses shows them as negative counts; in rates and
  means they count nothing.

Percentages have one decimal, halves rounded up.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from services.kpi.domain.funnel import UNKNOWN_DAYS
from services.kpi.domain.observation import Pipeline, Stage

_TENTH = Decimal("0.1")


@dataclass(slots=True)
class StageFigures:
    stage: Stage
    entered: int
    entered_minor: int
    open: int
    undated: int
    open_minor: int
    advanced: int
    conversion: Decimal | None
    median_days: Decimal | None


@dataclass(slots=True)
class Figures:
    """One scope's funnel in a period; amounts in minor units of the tenant's currency."""

    stages: list[StageFigures]
    created: int
    undated: int
    won: int
    won_minor: int
    lost: int
    lost_minor: int
    win_rate: Decimal | None
    win_rate_all: Decimal | None
    cycle_days: Decimal | None


@dataclass(slots=True)
class _Sums:
    deals: Counter[tuple[str, str]] = field(default_factory=Counter)
    minor: Counter[tuple[str, str]] = field(default_factory=Counter)
    days: dict[tuple[str, str], Counter[int]] = field(default_factory=lambda: defaultdict(Counter))


def percent(part: int, whole: int) -> Decimal | None:
    """`part` of `whole` in percent with one decimal.

    >>> percent(4238, 6711), percent(1, 0)
    (Decimal('63.2'), None)
    """
    if whole <= 0:
        return None
    return (Decimal(part) * 100 / whole).quantize(_TENTH, ROUND_HALF_UP)


def median(histogram: Mapping[int, int]) -> Decimal | None:
    """The median of a histogram value → count; the mean of the middle two where it is even.

    >>> median({1: 2, 4: 2}), median({3: 1})
    (Decimal('2.5'), Decimal('3.0'))
    """
    values = sorted((value, count) for value, count in histogram.items() if count > 0)
    total = sum(count for _, count in values)
    if total == 0:
        return None

    def at(rank: int) -> int:
        for value, count in values:
            rank -= count
            if rank < 0:
                return value
        raise AssertionError("the rank lies within the total")

    middle = at((total - 1) // 2) + at(total // 2)
    return (Decimal(middle) / 2).quantize(_TENTH, ROUND_HALF_UP)


def mean(histogram: Mapping[int, int]) -> Decimal | None:
    """The mean of a histogram value → count; what is below 0 was taken back from elsewhere.

    >>> mean({10: 1, 15: 2}), mean({40: -1})
    (Decimal('13.3'), None)
    """
    counted = {value: count for value, count in histogram.items() if count > 0}
    total = sum(counted.values())
    if total == 0:
        return None
    whole = sum(value * count for value, count in counted.items())
    return (Decimal(whole) / total).quantize(_TENTH, ROUND_HALF_UP)


def of(rows: Iterable[Mapping[str, Any]], pipeline: Pipeline) -> dict[str, Figures]:
    """Figures by scope from sums per (scope, measure, stage, days)."""
    sums: dict[str, _Sums] = defaultdict(_Sums)
    for row in rows:
        mine, key = sums[row["scope"]], (row["measure"], row["stage"])
        mine.deals[key] += row["deals"]
        mine.minor[key] += row["amount"]
        if row["measure"] in {"left", "won"} and row["days"] != UNKNOWN_DAYS:
            histogram = mine.days[row["measure"], row["stage"] if row["measure"] == "left" else ""]
            histogram[row["days"]] += row["deals"]
    return {scope: _figures(mine, pipeline) for scope, mine in sums.items()}


def empty(pipeline: Pipeline) -> Figures:
    return _figures(_Sums(), pipeline)


def _figures(sums: _Sums, pipeline: Pipeline) -> Figures:
    def total(counter: Counter[tuple[str, str]], measure: str) -> int:
        return sum(value for (name, _), value in counter.items() if name == measure)

    won, lost = total(sums.deals, "won"), total(sums.deals, "lost")
    standing = total(sums.deals, "open")
    wins, closed = max(won, 0), max(won, 0) + max(lost, 0)
    return Figures(
        stages=[_stage(stage, sums) for stage in pipeline.stages],
        created=total(sums.deals, "created"),
        undated=total(sums.deals, "undated"),
        won=won,
        won_minor=total(sums.minor, "won"),
        lost=lost,
        lost_minor=total(sums.minor, "lost"),
        win_rate=percent(wins, closed),
        win_rate_all=percent(wins, closed + standing),
        cycle_days=mean(sums.days["won", ""]),
    )


def _stage(stage: Stage, sums: _Sums) -> StageFigures:
    entered = sums.deals["entered", stage.code]
    advanced = sums.deals["advanced", stage.code]
    return StageFigures(
        stage=stage,
        entered=entered,
        entered_minor=sums.minor["entered", stage.code],
        open=sums.deals["open", stage.code],
        undated=sums.deals["undated", stage.code],
        open_minor=sums.minor["open", stage.code],
        advanced=advanced,
        conversion=percent(advanced, entered) if stage.kind == "open" else None,
        median_days=median(sums.days["left", stage.code]),
    )
