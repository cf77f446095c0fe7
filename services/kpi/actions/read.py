"""Reads of the funnel, of deals and of quarantine: what a viewer may see, at which offset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from services.kit.auth import Viewer
from services.kit.db import Connection
from services.kit.errors import Invalid, NotFound
from services.kit.period import Calendar, Period, business_day
from services.kpi.domain import figures, policy
from services.kpi.domain.figures import Figures
from services.kpi.domain.observation import Pipeline
from services.kpi.domain.places import Span, Whereabouts
from services.kpi.store import connections, organisation
from services.kpi.store import funnel as store


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of the funnel: a pipeline's code (None: the default), a product, a channel."""

    pipeline: str | None = None
    product: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """Funnels by scope, all at one offset."""

    offset: int
    period: Period
    pipeline: Pipeline
    currency: str
    funnels: Mapping[str, Figures]


@dataclass(frozen=True, slots=True)
class Tenant:
    """Settings in force."""

    zone: ZoneInfo
    currency: str
    calendar: Calendar


async def tenant_settings(connection: Connection, tenant_id: str) -> Tenant:
    rows = await organisation.settings(connection, tenant_id)
    if not rows:
        raise NotFound("the tenant is not configured yet")
    row = rows[-1]
    calendar = Calendar(row["fiscal_start_month"], row["week_rule"])
    return Tenant(ZoneInfo(row["zone"]), row["currency"], calendar)


async def board(
    connection: Connection,
    tenant_id: str,
    viewer: Viewer,
    scopes: Sequence[str],
    period_code: str,
    part: Slice,
    *,
    now: datetime,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
) -> Board:
    """The funnels of the scopes that the viewer may see; the others are absent."""
    tenant = await tenant_settings(connection, tenant_id)
    period = Period.parse(period_code, tenant.calendar)
    pipelines = await connections.pipelines(connection, tenant_id)
    pipeline = pipelines.get(part.pipeline or next(iter(pipelines), ""))
    if pipeline is None and part.pipeline is not None:
        raise Invalid(f"no pipeline {part.pipeline}", path="pipeline")
    pipeline = pipeline or Pipeline("", "", ())
    today = business_day(now, tenant.zone)
    visible = await _visible(connection, tenant_id, viewer, scopes, today)
    offset = await store.cursor(connection, tenant_id)
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
    return Board(offset, period, pipeline, tenant.currency, funnels)


async def _visible(
    connection: Connection, tenant_id: str, viewer: Viewer, scopes: Sequence[str], today: date
) -> list[str]:
    known = await store.known_scopes(connection, tenant_id, scopes)
    if viewer.role in policy.WHOLE_TENANT:
        return policy.visible_scopes(viewer.role, None, scopes, {}, (), known)
    members = await organisation.members_by_reference(
        connection, tenant_id, [*scopes, viewer.member_id or ""]
    )
    me = members.get(viewer.member_id or "")  # the token may say the external id
    people = sorted(set(members.values()))
    whereabouts, managers = await _organisation(connection, tenant_id, people)
    managed = {unit for unit, spans in managers.items() if _managed_by(spans, me, today)}
    above = {
        person: {
            unit
            for direct, _ in whereabouts.units_on(person, today)
            for unit in whereabouts.chain(direct, today)
        }
        for person in people
    }
    if me is not None:
        # Everybody sees the totals of the own team, and nobody those of the units above it.
        above[me] = {unit for unit, _ in whereabouts.units_on(me, today)}
    chains = {unit: whereabouts.chain(unit, today) for unit in scopes if unit in managers}
    return policy.visible_scopes(viewer.role, me, scopes, {**chains, **above}, managed, known)


def _managed_by(spans: Sequence[Mapping[str, Any]], me: str | None, today: date) -> bool:
    return me is not None and any(
        span.get("manager_id") == me
        and span["starts_on"] <= today.isoformat()
        and (span["ends_on"] is None or today.isoformat() < span["ends_on"])
        for span in spans
    )


async def _organisation(
    connection: Connection, tenant_id: str, people: Sequence[str]
) -> tuple[Whereabouts, dict[str, list[dict[str, Any]]]]:
    """Where `people` stand, and each unit's placements with their managers."""
    placements: dict[str, list[dict[str, Any]]] = {
        row["unit_id"]: orjson.loads(row["placements"])
        for row in await organisation.units(connection, tenant_id)
    }
    memberships: dict[str, list[Span]] = {}
    for row in await organisation.memberships(connection, tenant_id, list(people)):
        span = Span(row["unit_id"], row["starts_on"], row["ends_on"], row["share_bp"])
        memberships.setdefault(row["member_id"], []).append(span)
    spans = {
        unit: [
            Span(
                place["parent_id"],
                date.fromisoformat(place["starts_on"]),
                date.fromisoformat(place["ends_on"]) if place["ends_on"] else None,
            )
            for place in places
        ]
        for unit, places in placements.items()
    }
    return Whereabouts(memberships, spans), placements


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
