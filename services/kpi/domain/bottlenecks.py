"""Where a funnel is narrower than it usually is (method.md section 4, "Bottlenecks" 卡点).

A stage is a bottleneck of a period when its conversion is below its usual one, beyond chance.

- conversion: of the entries in the period, the share that has reached a later stage by today.
- usual: the same of the COMPARABLE periods of its kind before it, their entries taken together.
- like with like: young entries have not had the time to move on. So each earlier period is read as
  it stood as many days after its first day as have now passed since this one's: on 10 March,
  January counts its entries until 10 January, and of them those that had moved on by then.
- least volumes: LEAST_ENTERED entries in the period, LEAST_USUAL in the earlier ones.
- beyond chance: the drop is more than one standard deviation of so many draws at the usual rate;
  less is what two periods in three show by themselves.
- at stake: the amount of the period's entries × the drop: what would have moved on and did not.
  Rounded once to whole minor units, halves to even.

The costliest comes first, equal ones in the order of the stages.

>>> now = {"lead": Cohort(50, 20, 1_000_000), "talks": Cohort(20, 15, 900_000)}
>>> usual = {"lead": Cohort(200, 120, 0), "talks": Cohort(100, 76, 0)}
>>> [narrow] = bottlenecks(["lead", "talks"], now, usual)
>>> narrow.stage, str(narrow.conversion), str(narrow.usual), narrow.at_stake_minor
('lead', '40.0', '60.0', 200000)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from services.kit.period import Calendar, Period, PeriodInvalid, previous
from services.kpi.domain.figures import percent

COMPARABLE = 4
LEAST_ENTERED = 10
LEAST_USUAL = 20


class Cohort(NamedTuple):
    """Entries into a stage, those of them that moved on, and the amount that entered."""

    entered: int
    advanced: int
    entered_minor: int


class Window(NamedTuple):
    """An earlier period as it stood on a day: entries and advances up to `until` count."""

    first: date
    last: date
    until: date


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """Conversions in percent; the amount in minor units of the tenant's currency."""

    stage: str
    conversion: Decimal
    usual: Decimal
    drop: Decimal
    at_stake_minor: int


def windows(period: Period, today: date, calendar: Calendar) -> list[Window]:
    """The comparable periods before `period`, each as old as it is today; none before it began.

    >>> march = Period.parse("2026-03", Calendar())
    >>> [str(w.until) for w in windows(march, date(2026, 3, 10), Calendar())]
    ['2026-02-10', '2026-01-10', '2025-12-10', '2025-11-10']
    """
    age = today - period.first
    found: list[Window] = []
    if age < timedelta(0):
        return found
    earlier = period
    for _ in range(COMPARABLE):
        try:
            earlier = previous(earlier, calendar)
        except PeriodInvalid:  # before the first year there is
            break
        found.append(Window(earlier.first, earlier.last, earlier.first + age))
    return found


def bottlenecks(
    stages: Sequence[str], now: Mapping[str, Cohort], usual: Mapping[str, Cohort]
) -> list[Bottleneck]:
    """`stages`: the codes of the open ones in order; the period's entries and the earlier ones."""
    found = [
        _bottleneck(stage, now[stage], usual[stage])
        for stage in stages
        if stage in now and stage in usual and _is_narrow(now[stage], usual[stage])
    ]
    return sorted(found, key=lambda narrow: -narrow.at_stake_minor)


def _is_narrow(now: Cohort, usual: Cohort) -> bool:
    if now.entered < LEAST_ENTERED or usual.entered < LEAST_USUAL:
        return False
    rate = Fraction(usual.advanced, usual.entered)
    drop = rate - Fraction(now.advanced, now.entered)
    return drop > 0 and drop**2 * now.entered > rate * (1 - rate)


def _bottleneck(stage: str, now: Cohort, usual: Cohort) -> Bottleneck:
    conversion = percent(now.advanced, now.entered)
    before = percent(usual.advanced, usual.entered)
    assert conversion is not None
    assert before is not None
    drop = Fraction(usual.advanced, usual.entered) - Fraction(now.advanced, now.entered)
    return Bottleneck(
        stage, conversion, before, before - conversion, round(now.entered_minor * drop)
    )
