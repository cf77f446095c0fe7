"""Alerts as a viewer reads them, and their acknowledgement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from services.kit import ids, projection
from services.kit.auth import Viewer
from services.kit.chart import Chart, Charts, look
from services.kit.db import Connection
from services.kit.errors import NotFound
from services.kit.period import business_day
from services.kpi.actions.catalogue import Catalogue
from services.kpi.actions.facts import Fact
from services.kpi.domain import alerts as domain
from services.kpi.domain import events, policy
from services.kpi.domain.alert_text import message
from services.kpi.domain.alerts import Alert, Stamp, Status
from services.kpi.store import alerts as store
from services.kpi.store.funnel import PROJECTION


@dataclass(frozen=True, slots=True)
class Read:
    """An alert with what the catalogue and the organisation say of it today."""

    alert: Alert
    message: Mapping[str, str]
    owner_id: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """The newest alerts by asked scope, one more than asked for where there are more."""

    offset: int
    items: Mapping[str, Sequence[Read]]


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The alert as it will be, and the fact that makes it so: none where it is so already."""

    offset: int
    read: Read
    facts: Sequence[Fact]


async def page(
    connection: Connection, tenant_id: str, viewer: Viewer, scopes: Sequence[str], *,
    below: bool, statuses: Sequence[Status] | None, after: tuple[datetime, str] | None, limit: int,
    charts: Charts, catalogue: Catalogue, now: datetime,
) -> Page:  # fmt: skip
    """Of the scopes that the viewer may see, the others are absent; with `below`, of all there."""
    chart = await charts.get(connection, tenant_id)
    today = business_day(now, chart.settings.zone)
    asked = list(dict.fromkeys(scopes))
    sight = await look(connection, chart, viewer.member_id, asked, today)
    visible = policy.alert_scopes(viewer.role, sight, asked)
    pairs = [(scope, scope) for scope in visible]
    if below:
        pairs += await _below(connection, tenant_id, chart, visible, today)
    found = await store.page(connection, tenant_id, pairs, statuses, after, limit)
    await chart.meet(connection, {alert.scope for _, alert in found})
    offset = await projection.cursor(connection, tenant_id, PROJECTION)
    items: dict[str, list[Read]] = {scope: [] for scope in visible}
    for scope, alert in found:
        items[scope].append(_read(alert, catalogue, chart, today))
    return Page(offset, items)


async def acknowledgement(
    connection: Connection, tenant_id: str, viewer: Viewer, alert_id: str, *, charts: Charts,
    catalogue: Catalogue, now: datetime,
) -> Acknowledgement:  # fmt: skip
    """What acknowledging comes to; who may not see the alert is told that there is none."""
    chart = await charts.get(connection, tenant_id)
    today = business_day(now, chart.settings.zone)
    found = await store.one(connection, tenant_id, alert_id)
    sight = await look(connection, chart, viewer.member_id, [found.scope] if found else [], today)
    if found is None or not policy.alert_scopes(viewer.role, sight, [found.scope]):
        raise NotFound(f"no alert {alert_id}", path="alert")
    policy.need_acknowledging(viewer.role, sight, found.scope)
    offset = await projection.cursor(connection, tenant_id, PROJECTION)
    by = sight.me or viewer.role
    after = domain.acknowledge(found, found.light, by, Stamp(offset, now, today))
    facts = []
    if after is not found:
        # One state of an alert is acknowledged once by somebody, however often they click.
        name = f"{events.ALERT_ACKNOWLEDGED}/{found.id}/{found.log_offset}/{by}"
        payload = {"alert_id": found.id, "light": found.light, "by": by}
        facts = [
            Fact(
                ids.derived(tenant_id, name), events.ALERT_ACKNOWLEDGED, f"alert:{found.id}", now,
                payload,
            )
        ]  # fmt: skip
    return Acknowledgement(offset, _read(after, catalogue, chart, today), facts)


async def _below(
    connection: Connection, tenant_id: str, chart: Chart, units: Sequence[str], today: date
) -> list[tuple[str, str]]:
    """Each asked unit with the units and members below it."""
    lower = {unit: sorted(chart.below([unit], today)) for unit in units if unit in chart.placements}
    everywhere = sorted({unit for units in lower.values() for unit in units})
    members: dict[str, list[str]] = {}
    for unit, member in await store.members_of(connection, tenant_id, everywhere, today):
        members.setdefault(unit, []).append(member)
    return [
        (asked, scope)
        for asked, units in lower.items()
        for unit in units
        for scope in (*members.get(unit, ()), *([unit] if unit != asked else ()))
    ]


def _read(alert: Alert, catalogue: Catalogue, chart: Chart, today: date) -> Read:
    metric = catalogue.metrics.get(alert.metric)
    names = metric.name if metric else {"en": alert.metric, "zh": alert.metric}
    return Read(alert, message(alert, names), supervisor(chart, alert.scope, today))


def supervisor(chart: Chart, scope: str, on: date) -> str | None:
    """Who steps in: the nearest manager above a member or a unit who is not responsible for it.

    At the top, where nobody is above, the unit's own manager.
    """

    def manager(unit: str) -> str | None:
        posts = chart.posts.get(unit, ())
        return next(
            (p.manager_id for p in posts
             if p.starts_on <= on and (p.ends_on is None or on < p.ends_on)),
            None,
        )  # fmt: skip

    if scope in chart.placements:
        own, *above = chart.whereabouts.chain(scope, on)
        responsible, units = manager(own), above
    else:
        responsible = scope
        units = [u for unit, _ in chart.whereabouts.units_on(scope, on)
                 for u in chart.whereabouts.chain(unit, on)]  # fmt: skip
    found = (manager(unit) for unit in units)
    nearest = next((who for who in found if who not in (None, responsible)), None)
    return nearest or (responsible if scope in chart.placements else None)
