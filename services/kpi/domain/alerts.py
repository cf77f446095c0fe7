"""Alerts: a target of the running period whose light is not green (method.md 1.7; 4, "Alerts").

- **One cause, one alert.** The cause is one target cell, and its alert's id follows from the
  cell's. So that one shortfall does not open five alerts, one cell of an owner and metric speaks at
  a time: of the cells around the business day the month's, where there is none the quarter's, where
  there is none the week's; the newest plan's. Years and days open none.
- It **opens** when the light turns yellow or red, its light **follows**, and it is **resolved**
  when the light is green again, when the period is over, or when the target is taken back.
- **No flapping**: what turns yellow again is the same alert, opened again, never a second one; and
  an acknowledgement holds until the light is worse than the one that was acknowledged.
- The figures in it are those of the moment in which its light last changed.

Everything follows from the log: the day is that of the last day.started, instants are those at
which an entry was recorded.

>>> week = Watch("c1", "ann", VISITS, "2026-03-W2", date(2026, 3, 2), date(2026, 3, 8), 20, None,
...              ((date(2026, 3, 2), date(2026, 3, 8), 20),), above=8)
>>> friday = Stamp(41, datetime(2026, 3, 6, 9), date(2026, 3, 6))
>>> alert = follow(None, week, friday, "alert/{}".format)
>>> alert.light, alert.status, alert.actual, alert.standard
('red', 'open', 8, 14)
>>> week.above = 15
>>> follow(alert, week, friday, "alert/{}".format).status
'resolved'
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fractions import Fraction
from math import ceil
from typing import Literal, NamedTuple

from services.kit.money import WHOLE_BP
from services.kit.quantity import Unit
from services.kpi.domain.attainment import Light, Split, Yardstick
from services.kpi.domain.funnel import Posting
from services.kpi.domain.metrics import CATALOGUE, Metric, Term, rounded

VISITS = next(metric for metric in CATALOGUE if metric.code == "visits")
Status = Literal["open", "acknowledged", "resolved"]
Resolution = Literal["green", "over", "withdrawn"]
Comparison = Literal["pace", "target", "ceiling"]
"""What `standard` is: what is due by now, a target to reach, or one not to pass."""
_RANK: dict[Light, int] = {"green": 0, "yellow": 1, "red": 2}


class Stamp(NamedTuple):
    """An entry of the log: its offset, when it was recorded, and the business day there."""

    offset: int
    at: datetime
    on: date


@dataclass(frozen=True, slots=True)
class Alert:
    """Values in whole numbers of the unit; `attained` in tenths of a percent."""

    id: str
    target_id: str
    scope: str
    metric: str
    period: str
    unit: Unit
    currency: str | None
    comparison: Comparison
    light: Light
    actual: int
    standard: int
    attained: int
    measured_on: date
    status: Status
    opened_at: datetime
    opened_on: date
    log_offset: int
    acknowledged_light: Light | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    resolution: Resolution | None = None


class _Day(NamedTuple):
    """What holds all business day; `bounds`: the least that is not red, that is not yellow."""

    day: date
    split: Split
    has_light: bool
    bounds: tuple[int, int] | None


@dataclass(slots=True)
class Watch:
    """The cell that speaks for an owner and a metric, with what was achieved in it so far.

    `parts` are the plan's finest cells within it: first day, last day, target.
    """

    target_id: str
    scope: str
    metric: Metric
    period: str
    first_on: date
    last_on: date
    target: int
    currency: str | None
    parts: Sequence[tuple[date, date, int]]
    above: int = 0
    below: int = 0
    _day: "_Day | None" = field(default=None, repr=False, compare=False)

    @property
    def terms(self) -> list[tuple[Term, bool]]:
        """The metric's terms, and whether they are below the line."""
        below = self.metric.denominator or ()
        return [*((term, False) for term in self.metric.numerator), *((t, True) for t in below)]

    def counts_like(self, other: "Watch") -> bool:
        """Whether both sum the same postings."""
        mine, theirs = (
            (w.scope, w.metric, w.first_on, w.last_on) for w in (self, other)
        )  # fmt: skip
        return mine == theirs

    def count(self, posting: Posting, term: Term, *, is_below: bool) -> bool:
        """Add a posting of the term's measure; whether it belongs here."""
        key = posting.key
        if not (
            self.first_on <= key.day <= self.last_on
            and term.stage in (None, key.stage)
            and term.pipeline in (None, key.pipeline)
            and term.product in (None, key.product)
            and term.channel in (None, key.channel)
        ):
            return False
        value = term.sign * (posting.amount_minor if term.value == "amount" else posting.deals)
        if is_below:
            self.below += value
        else:
            self.above += value
        return value != 0

    def light(self, day: date) -> Light | None:
        """The light on a day. Asked after every posting, so the usual case is two compares."""
        today = self._on(day)
        if not today.has_light:
            return None
        if today.bounds is None:
            value = self.metric.value(self.above, self.below)
            return Yardstick.of(self.metric).light(value, today.split)
        red, yellow = today.bounds
        return "red" if self.above < red else "yellow" if self.above < yellow else "green"

    def split(self, day: date) -> Split:
        """How the time split stands; linear where the finest cells do not add up to the target."""
        return self._on(day).split

    def _on(self, day: date) -> "_Day":
        if self._day is None or self._day.day != day:
            split, yardstick = self._split_on(day), Yardstick.of(self.metric)
            has_light = yardstick.score(Fraction(0), split) is not None
            bounds = None
            if has_light and yardstick.against_pace:
                lines = (self.metric.lights.red_below_bp, self.metric.lights.yellow_below_bp)
                red, yellow = (ceil(split.due * line / WHOLE_BP) for line in lines)
                bounds = (red, yellow)
            self._day = _Day(day, split, has_light, bounds)
        return self._day

    def _split_on(self, day: date) -> Split:
        parts = self.parts
        if self.metric.is_rate or sum(target for _, _, target in parts) != self.target:
            parts = [(self.first_on, self.last_on, self.target)]
        over = 0 if self.metric.is_rate else sum(t for _, last, t in parts if last <= day)
        for first, last, target in parts:
            if first <= day < last or (self.metric.is_rate and last <= day):
                days = (last - first).days + 1
                return Split(self.target, over, target, min((day - first).days + 1, days), days)
        return Split(self.target, over)


def follow(
    alert: Alert | None, watch: Watch, stamp: Stamp, id_of: Callable[[str], str]
) -> Alert | None:
    """What becomes of a cell's alert as its figures and the day now stand; itself if nothing.

    `id_of` names the alert of a target.
    """
    light = watch.light(stamp.on)
    if alert is None or alert.status == "resolved":
        if light is None or light == "green":
            return alert
    elif light == alert.light:
        return alert
    elif light is None:
        return resolve(alert, "withdrawn", stamp)
    yardstick, split = Yardstick.of(watch.metric), watch.split(stamp.on)
    actual = watch.metric.value(watch.above, watch.below)
    score = yardstick.score(actual, split)
    assert actual is not None
    assert score is not None
    assert light is not None
    after = _opened(alert, watch, stamp, id_of, yardstick)
    after = replace(
        after, light=light, actual=rounded(actual), standard=rounded(yardstick.standard(split)),
        attained=rounded(score * 1000), measured_on=stamp.on, log_offset=stamp.offset,
    )  # fmt: skip
    if light == "green":
        return resolve(after, "green", stamp)
    if after.acknowledged_light is None or _RANK[light] > _RANK[after.acknowledged_light]:
        return replace(
            after, status="open", acknowledged_light=None, acknowledged_at=None,
            acknowledged_by=None,
        )  # fmt: skip
    return replace(after, status="acknowledged")


def _opened(
    alert: Alert | None, watch: Watch, stamp: Stamp, id_of: Callable[[str], str],
    yardstick: Yardstick,
) -> Alert:  # fmt: skip
    """The alert as it is open, from now on unless it was."""
    if alert is not None and alert.status != "resolved":
        return alert
    if alert is not None:
        return replace(
            alert, opened_at=stamp.at, opened_on=stamp.on, resolved_at=None, resolution=None
        )
    metric = watch.metric
    comparison: Comparison = "pace" if yardstick.against_pace else "target"
    if metric.direction == "lower":
        comparison = "ceiling"
    return Alert(
        id_of(watch.target_id), watch.target_id, watch.scope, metric.code, watch.period,
        metric.unit, watch.currency, comparison, "red", 0, 0, 0, stamp.on, "open", stamp.at,
        stamp.on, stamp.offset,
    )  # fmt: skip


def resolve(alert: Alert, resolution: Resolution, stamp: Stamp) -> Alert:
    return replace(
        alert, status="resolved", resolution=resolution, resolved_at=stamp.at,
        log_offset=stamp.offset,
    )  # fmt: skip


def acknowledge(alert: Alert, light: Light, by: str, stamp: Stamp) -> Alert:
    """Somebody has seen it at `light`; itself if that is nothing new, or it is worse by now."""
    if alert.status != "open" or _RANK[alert.light] > _RANK[light]:
        return alert
    return replace(
        alert, status="acknowledged", acknowledged_light=alert.light, acknowledged_at=stamp.at,
        acknowledged_by=by, log_offset=stamp.offset,
    )  # fmt: skip
