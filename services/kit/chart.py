"""Who stands where: the directory held in memory, and a viewer's place in it.

A chart is current in every process, because the directory's head is asked in the same transaction;
units are held whole, members as they are met, so a large organisation costs what is asked of it.
What a viewer may do with their place is each service's domain/policy.py.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from services.kit import directory
from services.kit.db import Connection
from services.kit.errors import TenantNotConfigured
from services.kit.organisation.whereabouts import Span, Whereabouts
from services.kit.period import Calendar

_TENANTS_KEPT = 64
_MEMBERS_KEPT = 20_000


class Settings(NamedTuple):
    """What the tenant chose, in force now."""

    zone: ZoneInfo
    currency: str
    calendar: Calendar


class _Post(NamedTuple):
    """Who manages a unit, on [starts_on, ends_on)."""

    manager_id: str
    starts_on: date
    ends_on: date | None


def newest(dated: Sequence[Any]) -> Settings | None:
    """The last of a tenant's dated settings, as directory.settings gives them."""
    if not dated:
        return None
    row = dated[-1]
    calendar = Calendar(row["fiscal_start_month"], row["week_rule"])
    return Settings(ZoneInfo(row["zone"]), row["currency"], calendar)


@dataclass(slots=True)
class Chart:
    """One tenant's organisation as of an offset; spans as services.kit.organisation has them."""

    tenant_id: str
    offset: int
    day: date | None
    """The last business day that the log has started."""
    chosen: Settings | None
    placements: Mapping[str, list[Span]]
    posts: Mapping[str, list[_Post]]
    memberships: dict[str, list[Span]] = field(default_factory=dict)
    references: dict[str, str | None] = field(default_factory=dict)
    """Member ids by every name they were asked by; None where there is no such member."""
    whereabouts: Whereabouts = field(init=False)

    def __post_init__(self) -> None:
        self.whereabouts = Whereabouts(self.memberships, self.placements)

    @property
    def settings(self) -> Settings:
        if self.chosen is None:
            raise TenantNotConfigured("configure the tenant first: PUT /targets/v1/tenants/…")
        return self.chosen

    async def meet(self, connection: Connection, references: Iterable[str]) -> None:
        """Have these members at hand, by our id or an external one, in one look-up."""
        missing = [name for name in references if name not in self.references]
        if not missing:
            return
        found = await directory.members_by_reference(connection, self.tenant_id, missing)
        spans: dict[str, list[Span]] = {member: [] for member in found.values()}
        for row in await directory.memberships(connection, self.tenant_id, sorted(spans)):
            span = Span(row["unit_id"], row["starts_on"], row["ends_on"], row["share_bp"])
            spans[row["member_id"]].append(span)
        # From here on without a pause: who asks meanwhile must not find half of it.
        if len(self.references) > _MEMBERS_KEPT:
            self.references.clear()
            self.memberships.clear()
        self.references.update({name: found.get(name) for name in missing})
        self.memberships.update(spans)

    def above(self, scope: str, on: date) -> frozenset[str]:
        """The unit itself with all above it, or the units a met member is in with all above."""
        if scope in self.placements:
            return frozenset(self.whereabouts.chain(scope, on))
        return frozenset(
            above
            for unit, _ in self.whereabouts.units_on(scope, on)
            for above in self.whereabouts.chain(unit, on)
        )

    def knows(self, scope: str) -> bool:
        """Whether it is a unit, or a member that was met."""
        return scope in self.placements or scope in self.memberships

    def below(self, units: Iterable[str], on: date) -> frozenset[str]:
        """The units and everything below them."""
        wanted = frozenset(units)
        return frozenset(
            unit
            for unit in self.placements
            if wanted.intersection(self.whereabouts.chain(unit, on))
        )


@dataclass(frozen=True, slots=True)
class Sight:
    """A viewer's place on a day: who they are, where they are, what they manage."""

    chart: Chart
    on: date
    me: str | None
    own_units: frozenset[str]
    """The units the viewer works in, without those above."""
    managed: frozenset[str]
    """The units the viewer manages, without those below."""

    def knows(self, scope: str) -> bool:
        """Whether it is a unit, or a member that was met."""
        return self.chart.knows(scope)

    def manages(self, scope: str) -> bool:
        """Whether the unit or met member is in the viewer's subtree."""
        return bool(self.managed & self.chart.above(scope, self.on))


async def look(
    connection: Connection, chart: Chart, member: str | None, asked: Iterable[str], on: date
) -> Sight:
    """The place of a token's member (our id or an external one), with `asked` scopes met."""
    await chart.meet(connection, [*asked, *([member] if member else ())])
    me = chart.references.get(member) if member else None
    if me is None:
        return Sight(chart, on, None, frozenset(), frozenset())
    managed = frozenset(
        unit
        for unit, posts in chart.posts.items()
        for post in posts
        if post.manager_id == me
        and post.starts_on <= on
        and (post.ends_on is None or on < post.ends_on)
    )
    own = frozenset(unit for unit, _ in chart.whereabouts.units_on(me, on))
    return Sight(chart, on, me, own, managed)


class Charts:
    """The charts of this process, by tenant."""

    def __init__(self) -> None:
        self._charts: OrderedDict[str, Chart] = OrderedDict()

    async def get(self, connection: Connection, tenant_id: str) -> Chart:
        offset = await directory.head(connection, tenant_id)
        known = self._charts.get(tenant_id)
        if known is None or known.offset != offset:
            known = self._charts[tenant_id] = await read(connection, tenant_id, offset)
            if len(self._charts) > _TENANTS_KEPT:
                self._charts.popitem(last=False)
        self._charts.move_to_end(tenant_id)
        return known


async def read(connection: Connection, tenant_id: str, offset: int) -> Chart:
    """The chart as the directory's tables have it."""
    placements: dict[str, list[Span]] = {}
    posts: dict[str, list[_Post]] = {}
    for row in await directory.units(connection, tenant_id):
        spans, managed = placements.setdefault(row["unit_id"], []), []
        for place in orjson.loads(row["placements"]):
            dates = (
                date.fromisoformat(place["starts_on"]),
                date.fromisoformat(place["ends_on"]) if place["ends_on"] else None,
            )
            spans.append(Span(place["parent_id"], *dates))
            if place.get("manager_id"):
                managed.append(_Post(place["manager_id"], *dates))
        posts[row["unit_id"]] = managed
    settings = newest(await directory.settings(connection, tenant_id))
    day = await directory.started_day(connection, tenant_id)
    return Chart(tenant_id, offset, day, settings, placements, posts)
