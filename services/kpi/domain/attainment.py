"""Pace, attainment and lights (method.md 1.7), exact: no figure is rounded before it is shown.

- **Pace** is the plan's own time split to now: the finest cells of the plan that are over, in full,
  and the linear part, by days, of the one that runs. The business day that has started counts in
  full. Rates and scores have no pace but their target.
- **Attainment** is actual ÷ target; where lower is better 2 − actual ÷ target, at least 0. A zero
  target has no ratio.
- **Light**: amounts and counts of which more is better compare actual ÷ pace, everything else its
  attainment. None before 10 % of the period's pace is due.

20 visits a week, planned on its five working days:

>>> visits = Yardstick("higher", is_rate=False, lights=Lights())
>>> wednesday = Split(target=20, over=12)  # three days of four visits have started
>>> visits.pace(wednesday), visits.light(Fraction(15), wednesday)
(Fraction(12, 1), 'green')
>>> end = Split(target=20, over=20)
>>> visits.attainment(Fraction(15), end), visits.light(Fraction(15), end)
(Fraction(3, 4), 'yellow')

A complaint rate of at most 2 %, in hundredths of a percent:

>>> complaints = Yardstick("lower", is_rate=True, lights=Lights())
>>> month = Split(target=200, over=200)
>>> [percent(complaints.attainment(Fraction(actual), month)) for actual in (250, 300, 700)]
[Decimal('75.0'), Decimal('50.0'), Decimal('0.0')]
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple, Self

from services.kpi.domain.metrics import Direction, Lights, Metric, rounded

Light = Literal["green", "yellow", "red"]
FIRST_LIGHT = Fraction(1, 10)
"""The part of the period's pace before which no light is shown."""
_WHOLE_BP = 10_000


@dataclass(frozen=True, slots=True)
class Split:
    """What a plan asks in a span of days, and how its time split stands after a business day.

    `target` is the total of the coarsest cells that tile the span; of its finest cells, `over` is
    the sum of those that ended, and `running` the target of the one in which the day lies, of
    whose `running_days` days `started_days` have started. All in the metric's whole numbers. A
    rate's cells do not add up: its split is its target over the span's days.
    """

    target: int
    over: int
    running: int = 0
    started_days: int = 0
    running_days: int = 1

    @property
    def due(self) -> Fraction:
        """The target's part that is due: whole cells, and the running one by days."""
        return self.over + Fraction(self.running * self.started_days, self.running_days)


@dataclass(frozen=True, slots=True)
class Yardstick:
    """How a metric is compared with its target."""

    direction: Direction
    is_rate: bool
    lights: Lights

    @classmethod
    def of(cls, metric: Metric) -> Self:
        return cls(metric.direction, metric.is_rate, metric.lights)

    def pace(self, split: Split) -> Fraction:
        """What should be done by now; for a rate, its target."""
        return Fraction(split.target) if self.is_rate else split.due

    def attainment(self, actual: Fraction | None, split: Split) -> Fraction | None:
        return self._ratio(actual, Fraction(split.target))

    @property
    def against_pace(self) -> bool:
        """Whether a light compares with what is due by now, and not with the whole target."""
        return self.direction == "higher" and not self.is_rate

    def standard(self, split: Split) -> Fraction:
        """What a light compares the actual with."""
        return split.due if self.against_pace else Fraction(split.target)

    def score(self, actual: Fraction | None, split: Split) -> Fraction | None:
        """The ratio that a light is of; None where there is no light yet."""
        if split.target <= 0 or split.due < FIRST_LIGHT * split.target:
            return None
        return self._ratio(actual, self.standard(split))

    def light(self, actual: Fraction | None, split: Split) -> Light | None:
        ratio = self.score(actual, split)
        if ratio is None:
            return None
        if ratio * _WHOLE_BP < self.lights.red_below_bp:
            return "red"
        return "yellow" if ratio * _WHOLE_BP < self.lights.yellow_below_bp else "green"

    def _ratio(self, actual: Fraction | None, target: Fraction) -> Fraction | None:
        if actual is None or target <= 0:
            return None
        ratio = actual / target
        return ratio if self.direction == "higher" else max(2 - ratio, Fraction(0))


def percent(ratio: Fraction) -> Decimal:
    """A ratio in percent with one decimal, halves away from zero.

    >>> percent(Fraction(2, 3)), percent(Fraction(1))
    (Decimal('66.7'), Decimal('100.0'))
    """
    return Decimal(rounded(ratio * 1000)).scaleb(-1)


class CellsCross(ValueError):
    """Two cells of one plan share days, and neither lies within the other."""


class Cell(NamedTuple):
    """A target of an owner in a period of a plan, as `target.set.v1` states it."""

    id: str
    period: str
    first_on: date
    last_on: date
    floor: int | None
    target: int
    stretch: int | None

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Self:
        return cls(
            payload["id"], payload["period"], date.fromisoformat(payload["first_on"]),
            date.fromisoformat(payload["last_on"]), payload.get("floor"), payload["target"],
            payload.get("stretch"),
        )  # fmt: skip


class Placed(NamedTuple):
    """A cell among its plan's others: whether none lies within it, and the span it lies within."""

    cell: Cell
    finest: bool
    above: tuple[date, date] | None


def nested(cells: Iterable[Cell]) -> list[Placed]:
    """One owner's, metric's and plan's cells by day, the coarser first; a one-day week holds its
    day.

    >>> year = Cell("y", "2026", date(2026, 1, 1), date(2026, 12, 31), None, 100, None)
    >>> q1 = Cell("q", "2026-Q1", date(2026, 1, 1), date(2026, 3, 31), None, 20, None)
    >>> [(placed.cell.period, placed.finest) for placed in nested([q1, year])]
    [('2026', False), ('2026-Q1', True)]
    """
    ordered = sorted(cells, key=lambda c: (c.first_on, -c.last_on.toordinal(), "W" not in c.period))
    above: list[Cell | None] = []
    has_parts: set[int] = set()
    open_: list[int] = []
    for number, cell in enumerate(ordered):
        while open_ and ordered[open_[-1]].last_on < cell.first_on:
            open_.pop()
        upper = ordered[open_[-1]] if open_ else None
        if upper is not None and upper.last_on < cell.last_on:
            raise CellsCross(f"{upper.period} and {cell.period} share days")
        above.append(upper)
        has_parts.update(open_[-1:])
        open_.append(number)
    return [
        Placed(cell, number not in has_parts, upper and (upper.first_on, upper.last_on))
        for number, (cell, upper) in enumerate(zip(ordered, above, strict=True))
    ]
