"""Closing periods: what each metric came to when a month, quarter or year had ended.

A period closes with the first business day after it, at the offset of that day.started: the values
are those of the postings until there, so whoever works them out, and however late, finds the same.
What arrives afterwards changes the actuals and never what was closed, which is what pay reads
(architecture.md, "Between services"). Only periods that end after the tenant's first day.started
close, so that imported history floods nothing.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import orjson

from services.kit import ids, projection
from services.kit.chart import Settings
from services.kit.db import Connection
from services.kit.limits import ARRAY_ITEMS
from services.kit.period import Calendar, Period, local_midnight, parent
from services.kpi.actions.facts import Fact
from services.kpi.domain import events
from services.kpi.domain.metrics import Metric, from_payload
from services.kpi.store import attainments, funnel
from services.kpi.store import closings as store

_SCOPES_AT_ONCE = 500


class Closing(NamedTuple):
    """A period of a metric that is to be closed, with what was known at an offset."""

    metric: Metric
    period: Period
    offset: int


class Due(NamedTuple):
    """What is to be closed, and the last business day up to which that is all."""

    closings: Sequence[Closing]
    until: date | None


def ended(days: Sequence[tuple[date, int]], calendar: Calendar) -> Iterator[tuple[Period, int]]:
    """Months, quarters and years that ended between two of the days, with the later one's offset.

    >>> started = [(date(2026, 3, 31), 7), (date(2026, 4, 1), 9), (date(2026, 4, 2), 12)]
    >>> [(period.code, offset) for period, offset in ended(started, Calendar())]
    [('2026-03', 9), ('2026-Q1', 9)]
    """
    for (before, _), (day, offset) in pairwise(days):
        month = Period.parse(f"{before:%Y-%m}", calendar)
        while month.last < day:
            period: Period | None = month
            while period is not None and period.last == month.last:
                yield period, offset
                period = parent(period, calendar)
            following = month.last + timedelta(days=1)
            month = Period.parse(f"{following:%Y-%m}", calendar)


async def due(connection: Connection, tenant_id: str, calendar: Calendar) -> Due:
    """Periods that ended until where the projection is, of metrics that were declared then."""
    reached = await projection.cursor(connection, tenant_id, funnel.PROJECTION)
    days = await store.started_days(connection, tenant_id, reached)
    if not days:
        return Due([], None)
    # The last one is looked at again: not all of its metrics may have been closed.
    since = await store.last_closed_on(connection, tenant_id) or date.min
    found = [
        Closing(metric, period, offset)
        for period, offset in ended(days, calendar)
        if period.last >= since
        for metric in await _declared(connection, tenant_id, offset)
    ]
    first_ids = [closed_id(tenant_id, closing, 1) for closing in found]
    done = await store.logged(connection, tenant_id, first_ids)
    open_ = [closing for closing, id_ in zip(found, first_ids, strict=True) if id_ not in done]
    return Due(open_, days[-1][0])


async def facts(
    connection: Connection, tenant_id: str, closing: Closing, settings: Settings
) -> list[Fact]:
    """The closing's facts: one append takes them all, so that none is there without the others."""
    metric, period = closing.metric, closing.period
    values = [value async for value in _values(connection, tenant_id, closing)]
    parts = [values[n : n + ARRAY_ITEMS] for n in range(0, len(values), ARRAY_ITEMS)] or [[]]
    common = {
        "metric": metric.code, "period": period.code, "first_on": period.first.isoformat(),
        "last_on": period.last.isoformat(), "unit": metric.unit,
        "currency": settings.currency if metric.unit == "money" else None, "parts": len(parts),
    }  # fmt: skip
    at = local_midnight(period.last + timedelta(days=1), settings.zone)
    return [
        Fact(
            closed_id(tenant_id, closing, number), events.METRIC_CLOSED,
            f"metric:{metric.code}:{period.code}", at,
            {**common, "values": part, "part": number},
        )
        for number, part in enumerate(parts, 1)
    ]  # fmt: skip


def closed_id(tenant_id: str, closing: Closing, part: int) -> str:
    """The same id for the same part, whoever closes it."""
    name = f"{events.METRIC_CLOSED}/{closing.metric.code}/{closing.period.code}/{part}"
    return ids.derived(tenant_id, name)


async def _declared(connection: Connection, tenant_id: str, offset: int) -> list[Metric]:
    """The catalogue as the log had it at an offset."""
    rows = await funnel.facts_until(connection, tenant_id, [events.METRIC_DECLARED], offset)
    declared = (from_payload(orjson.loads(row["payload"])) for row in rows)
    return list({metric.code: metric for metric in declared}.values())


async def _values(
    connection: Connection, tenant_id: str, closing: Closing
) -> AsyncIterator[dict[str, Any]]:
    """Of every scope that had something to count, by id."""
    metric, period, offset = closing
    scopes = await store.scopes(connection, tenant_id)
    for n in range(0, len(scopes), _SCOPES_AT_ONCE):
        some = scopes[n : n + _SCOPES_AT_ONCE]
        for row in await attainments.known(connection, tenant_id, some, metric, period, offset):
            above, below = int(row["above"] or 0), int(row["below"] or 0)
            if above or below:
                yield {
                    "scope": row["scope"],
                    "numerator": above,
                    "denominator": below if metric.denominator is not None else None,
                }
