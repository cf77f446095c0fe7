"""Attainment, pace and lights of members and units, and leaderboards (method.md 1.7).

Everything in an answer stands at one offset: actuals and cells as projected there, and the business
day that had started there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from services.kit import projection
from services.kit.auth import Viewer
from services.kit.chart import Charts, look
from services.kit.db import Connection
from services.kit.errors import NotFound
from services.kit.period import Period, business_day, children
from services.kpi.actions.catalogue import Catalogue
from services.kpi.domain import policy
from services.kpi.domain.attainment import Light, Split, Yardstick, percent
from services.kpi.domain.metrics import Metric, MetricUnknown, rounded
from services.kpi.store import attainments as store
from services.kpi.store.funnel import PROJECTION


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric of a scope in a period; values in the unit's whole numbers."""

    period: Period
    target: int | None
    actual: int | None
    attainment: Decimal | None
    pace: int | None
    light: Light | None


@dataclass(frozen=True, slots=True)
class Attainment:
    scope: str
    metric: Metric
    whole: Reading
    parts: Sequence[Reading]


@dataclass(frozen=True, slots=True)
class Board:
    """Attainments of scopes by metrics, all at one offset."""

    offset: int
    period: Period
    currency: str
    items: Sequence[Attainment]


@dataclass(frozen=True, slots=True)
class Rank:
    rank: int
    member_id: str
    value: int


@dataclass(frozen=True, slots=True)
class Ranking:
    offset: int
    period: Period
    metric: Metric
    currency: str
    items: Sequence[Rank]


@dataclass(slots=True)
class _Sums:
    """What the statement found of one scope and metric, by span."""

    actuals: dict[int, tuple[int, int]] = field(default_factory=dict)
    splits: dict[int, Split] = field(default_factory=dict)


async def board(
    connection: Connection, tenant_id: str, viewer: Viewer, scopes: Sequence[str],
    period_code: str, codes: Iterable[str] | None, *, with_parts: bool, charts: Charts,
    catalogue: Catalogue, now: datetime,
) -> Board:  # fmt: skip
    """Attainments of the scopes that the viewer may see, by the metrics that are known."""
    chart = await charts.get(connection, tenant_id)
    settings = chart.settings
    period = Period.parse(period_code, settings.calendar)
    sight = await look(
        connection, chart, viewer.member_id, scopes, business_day(now, settings.zone)
    )
    visible = policy.visible_scopes(viewer.role, sight, list(dict.fromkeys(scopes)))
    metrics = catalogue.chosen(codes)
    parts = children(period, settings.calendar) if with_parts else ()
    rows = await store.board(
        connection, tenant_id, visible, metrics, period, parts, settings.currency
    )
    found = _sums(rows, {metric.code: metric for metric in metrics}, [period, *parts])
    items = [
        _attainment(scope, metric, found.get((scope, metric.code)) or _Sums(), period, parts)
        for scope in visible
        for metric in metrics
    ]
    return Board(rows[0]["log_offset"], period, settings.currency, items)


async def ranking(
    connection: Connection, tenant_id: str, unit: str, period_code: str, code: str, limit: int, *,
    charts: Charts, catalogue: Catalogue, now: datetime,
) -> Ranking:  # fmt: skip
    """The best of those who stand in the unit or below it today; public within the tenant."""
    chart = await charts.get(connection, tenant_id)
    settings = chart.settings
    period = Period.parse(period_code, settings.calendar)
    metric = catalogue.metrics.get(code)
    if metric is None:
        raise MetricUnknown(f"no metric {code!r}", path="metric")
    if unit not in chart.placements:
        raise NotFound("no such unit", path="unit")
    today = business_day(now, settings.zone)
    units = sorted(chart.below([unit], today))
    rows = await store.ranks(connection, tenant_id, units, today, metric, period, limit)
    offset = await projection.cursor(connection, tenant_id, PROJECTION)
    items = [Rank(row["rank"], row["scope"], int(row["value"])) for row in rows]
    return Ranking(offset, period, metric, settings.currency, items)


def _sums(
    rows: Iterable[Mapping[str, Any]], metrics: Mapping[str, Metric], spans: Sequence[Period]
) -> dict[tuple[str, str], _Sums]:
    found: dict[tuple[str, str], _Sums] = {}
    for row in rows:
        if row["scope"] is None:
            continue
        sums = found.setdefault((row["scope"], row["metric"]), _Sums())
        number = row["number"]
        sums.actuals[number] = int(row["above"] or 0), int(row["below"] or 0)
        split = _split(row, metrics[row["metric"]], spans[number])
        if split is not None:
            sums.splits[number] = split
    return found


def _split(row: Mapping[str, Any], metric: Metric, span: Period) -> Split | None:
    """How the plan splits its target over the span; None where it says nothing about it."""
    if row["target"] is None:
        return None
    if metric.is_rate:
        # Rates do not add up: several cells stand for the span only where they all say the same.
        if row["lowest"] != row["highest"]:
            return None
        return Split(row["highest"], 0, row["highest"], _begun(span, row["day"]), span.days)
    over = int(row["over"] or 0)
    if row["running"] is None:
        return Split(int(row["target"]), over)
    return Split(
        int(row["target"]), over, row["running"], row["started_days"], row["running_days"]
    )  # fmt: skip


def _begun(span: Period, day: date | None) -> int:
    """Days of the span that have started."""
    return 0 if day is None else min(max((day - span.first).days + 1, 0), span.days)


def _attainment(
    scope: str, metric: Metric, sums: _Sums, period: Period, parts: Sequence[Period]
) -> Attainment:
    yardstick = Yardstick.of(metric)

    def reading(span: Period, number: int, numerator: int, denominator: int) -> Reading:
        actual = metric.value(numerator, denominator)
        return _reading(span, yardstick, actual, sums.splits.get(number))

    whole = [sum(values) for values in zip(*sums.actuals.values(), strict=True)] or [0, 0]
    return Attainment(
        scope,
        metric,
        reading(period, 0, *whole),
        [
            reading(part, number, *sums.actuals.get(number, (0, 0)))
            for number, part in enumerate(parts, 1)
        ],
    )


def _reading(
    span: Period, yardstick: Yardstick, actual: Fraction | None, split: Split | None
) -> Reading:
    whole = None if actual is None else rounded(actual)
    if split is None:
        return Reading(span, None, whole, None, None, None)
    ratio = yardstick.attainment(actual, split)
    return Reading(
        span,
        split.target,
        whole,
        None if ratio is None else percent(ratio),
        rounded(yardstick.pace(split)),
        yardstick.light(actual, split),
    )
