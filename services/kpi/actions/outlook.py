"""What lies ahead of funnels: coverage by the target, bottlenecks and forecast by the own past.

A statement for the targets and one for the past of all scopes of a batch, and one more where a
scope has too few closings of its own and the tenant's stand in. `day.started` says which day it
is, so an answer does not change between two entries of the log.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from services.kit.chart import Chart
from services.kit.db import Connection
from services.kit.period import Period
from services.kpi.domain import bottlenecks as narrow
from services.kpi.domain import forecast as ahead
from services.kpi.domain.bottlenecks import Bottleneck, Cohort
from services.kpi.domain.figures import Figures
from services.kpi.domain.forecast import Chance, Forecast, Span, Standing
from services.kpi.domain.metrics import Metric
from services.kpi.store import attainments, history

PARTS = frozenset({"coverage", "bottlenecks", "forecast"})
"""What a caller may leave out."""
Counts = Mapping[tuple[str, str], int]
"""Deals by measure and stage."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of the funnel: a pipeline's code (None: the default), a product, a channel."""

    pipeline: str | None = None
    product: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """None is a part that was not asked for; and a coverage of what no target lacks."""

    coverage: Decimal | None = None
    bottlenecks: list[Bottleneck] | None = None
    forecast: Forecast | None = None
    chances: Mapping[str, Chance] = field(default_factory=dict)


async def outlooks(
    connection: Connection, tenant_id: str, chart: Chart, part: Slice, period: Period,
    funnels: Mapping[str, Figures], parts: Collection[str], sales: Metric | None,
) -> dict[str, Outlook]:  # fmt: skip
    """By scope; `part` names its pipeline, `sales` is the metric whose target is to be covered."""
    covered: dict[str, Decimal | None] = {}
    if "coverage" in parts and sales is not None:
        covered = await _coverages(connection, tenant_id, chart, part, period, funnels, sales)
    span = Span(period.first, period.last, chart.day)
    windows = []
    if "bottlenecks" in parts and chart.day is not None:
        windows = narrow.windows(period, chart.day, chart.settings.calendar)
    closed = None
    if "forecast" in parts and not span.is_over and chart.day is not None:
        closed = (chart.day - timedelta(days=ahead.HISTORY_DAYS - 1), chart.day)
    past: dict[str, Counts] = {}
    if closed or windows:
        past = _by_scope(
            await history.history(
                connection, tenant_id, list(funnels), part.pipeline or "", part.product,
                part.channel, closed=closed, windows=windows,
            )
        )  # fmt: skip
    tenant: Counts = {}
    if closed is not None and any(
        _needs_tenant(figures, past.get(scope, {})) for scope, figures in funnels.items()
    ):
        tenant = await _of_tenant(connection, tenant_id, chart, part, closed)
    return {
        scope: Outlook(
            coverage=covered.get(scope),
            bottlenecks=_bottlenecks(figures, past.get(scope, {}))
            if "bottlenecks" in parts
            else None,
            **_forecast(figures, past.get(scope, {}), tenant, span) if "forecast" in parts else {},
        )
        for scope, figures in funnels.items()
    }


async def _coverages(
    connection: Connection, tenant_id: str, chart: Chart, part: Slice, period: Period,
    funnels: Mapping[str, Figures], sales: Metric,
) -> dict[str, Decimal | None]:  # fmt: skip
    """By scope; a target is of all products and channels, so it is not compared with some."""
    if part.product is not None or part.channel is not None or sales.is_rate:
        return {}
    rows = await attainments.board(
        connection, tenant_id, list(funnels), [sales], period, (), chart.settings.currency
    )
    return {
        row["scope"]: ahead.coverage(
            sum(stage.open_minor for stage in funnels[row["scope"]].stages),
            int(row["target"]), int(row["above"] or 0),
        )
        for row in rows
        if row["scope"] is not None and row["target"] is not None
    }  # fmt: skip


async def _of_tenant(
    connection: Connection, tenant_id: str, chart: Chart, part: Slice, closed: tuple[date, date]
) -> Counts:
    """The closings of all units that have none above them."""
    roots = [
        unit for unit in chart.placements if chart.whereabouts.chain(unit, closed[1]) == (unit,)
    ]
    rows = await history.history(
        connection, tenant_id, roots, part.pipeline or "", part.product, part.channel,
        closed=closed, windows=(),
    )  # fmt: skip
    total: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        total[row["measure"], row["stage"]] += row["deals"]
    return total


def _by_scope(rows: Sequence[Any]) -> dict[str, Counts]:
    found: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for row in rows:
        found[row["scope"]][row["measure"], row["stage"]] += row["deals"]
    return dict(found)


def _closings(counts: Counts, stage: str) -> tuple[int, int]:
    return counts.get(("won_from", stage), 0), counts.get(("lost_from", stage), 0)


def _needs_tenant(figures: Figures, past: Counts) -> bool:
    return any(
        stage.open and not ahead.is_enough(_closings(past, stage.stage.code))
        for stage in figures.stages
    )


def _forecast(figures: Figures, past: Counts, tenant: Counts, span: Span) -> dict[str, Any]:
    stages = [stage for stage in figures.stages if stage.stage.kind == "open"]
    chances = {
        stage.stage.code: ahead.chance(
            _closings(past, stage.stage.code), _closings(tenant, stage.stage.code)
        )
        for stage in stages
    }
    standing = [Standing(stage.stage.code, stage.open, stage.open_minor) for stage in stages]
    return {
        "forecast": ahead.forecast(figures.won_minor, standing, chances, span),
        "chances": {} if span.is_over else chances,
    }


def _bottlenecks(figures: Figures, past: Counts) -> list[Bottleneck]:
    stages = {stage.stage.code: stage for stage in figures.stages if stage.stage.kind == "open"}
    now = {
        code: Cohort(stage.entered, stage.advanced, stage.entered_minor)
        for code, stage in stages.items()
    }
    usual = {
        code: Cohort(past.get(("entered", code), 0), past.get(("advanced", code), 0), 0)
        for code in stages
    }
    return narrow.bottlenecks(list(stages), now, usual)
