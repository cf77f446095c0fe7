"""Reads of the funnel, of deals and of quarantine: what a viewer may see, at which offset."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from services.kit import projection
from services.kit.auth import Viewer
from services.kit.chart import Charts, look
from services.kit.db import Connection
from services.kit.errors import Invalid, NotFound
from services.kit.period import Period, business_day
from services.kpi.actions import outlook
from services.kpi.actions.outlook import Outlook, Slice
from services.kpi.domain import figures, policy
from services.kpi.domain.figures import Figures
from services.kpi.domain.metrics import Metric
from services.kpi.domain.observation import Pipeline
from services.kpi.store import connections
from services.kpi.store import funnel as store


@dataclass(frozen=True, slots=True)
class Board:
    """Funnels by scope, all at one offset."""

    offset: int
    period: Period
    pipeline: Pipeline
    currency: str
    funnels: Mapping[str, Figures]
    outlooks: Mapping[str, Outlook]


async def board(
    connection: Connection,
    tenant_id: str,
    viewer: Viewer,
    scopes: Sequence[str],
    period_code: str,
    part: Slice,
    *,
    charts: Charts,
    now: datetime,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    parts: Collection[str] = outlook.PARTS,
    sales: Metric | None = None,
) -> Board:
    """The funnels of the scopes that the viewer may see; the others are absent.

    `parts` of the outlook are of now: the past is read without them. `sales` is the metric whose
    target is to be covered.
    """
    chart = await charts.get(connection, tenant_id)
    tenant = chart.settings
    period = Period.parse(period_code, tenant.calendar)
    pipelines = await connections.pipelines(connection, tenant_id)
    pipeline = pipelines.get(part.pipeline or next(iter(pipelines), ""))
    if pipeline is None and part.pipeline is not None:
        raise Invalid(f"no pipeline {part.pipeline}", path="pipeline")
    pipeline = pipeline or Pipeline("", "", ())
    today = business_day(now, tenant.zone)
    sight = await look(connection, chart, viewer.member_id, scopes, today)
    visible = policy.visible_scopes(viewer.role, sight, scopes)
    offset = await projection.cursor(connection, tenant_id, store.PROJECTION)
    where = (
        visible, pipeline.code, period.first, period.last, part.product, part.channel,
    )  # fmt: skip
    if as_of is None and known_at is None:
        rows = await store.figures(connection, tenant_id, *where)
    else:
        until = business_day(as_of, tenant.zone) if as_of else date.max
        if known_at is not None:
            offset = min(offset, await store.offset_known_at(connection, tenant_id, known_at))
        last = min(period.last, until)
        rows = await store.past_figures(
            connection, tenant_id, visible, pipeline.code, period.first, last, part.product,
            part.channel, until, offset,
        )  # fmt: skip
    found = figures.of(rows, pipeline)
    funnels = {scope: found.get(scope) or figures.empty(pipeline) for scope in visible}
    ahead: Mapping[str, Outlook] = {}
    if as_of is None and known_at is None:
        asked = replace(part, pipeline=pipeline.code)
        ahead = await outlook.outlooks(
            connection, tenant_id, chart, asked, period, funnels, parts, sales
        )
    return Board(offset, period, pipeline, tenant.currency, funnels, ahead)


async def deals(
    connection: Connection, tenant_id: str, *, undated: bool, after: str | None, limit: int
) -> list[Any]:
    """Deals by subject; `undated` lists those that no period counts."""
    return await store.deals(connection, tenant_id, undated=undated, after=after, limit=limit)


async def deal_history(connection: Connection, tenant_id: str, subject: str) -> dict[str, Any]:
    """A deal with its standing conclusions and how many observations stand behind them."""
    row = await store.deal(connection, tenant_id, subject)
    if row is None:
        raise NotFound(f"no deal {subject}", path="deal")
    events = await store.standing(connection, tenant_id, subject)
    return {**dict(row), "events": events}
