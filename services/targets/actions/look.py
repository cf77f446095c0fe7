"""How plans and targets are looked at and changed: one transaction, and what its viewer sees."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from services.kit import projection
from services.kit.auth import Viewer
from services.kit.db import Connection
from services.kit.errors import Refusal, TenantNotConfigured
from services.kit.period import Calendar
from services.targets.actions.office import Office, storable, who
from services.targets.domain import policy
from services.targets.domain.configuration import Configuration
from services.targets.domain.identity import matched
from services.targets.domain.plan import Metric, Owner
from services.targets.domain.policy import TargetSight
from services.targets.domain.records import MemberOnDay, Tree
from services.targets.store import members, metrics, tenants

PROJECTION = "targets"
"""What the cursor is of that says how far targets heard the log."""

_TENANTS_KEPT = 64


@dataclass(frozen=True, slots=True)
class Look:
    """One transaction of one viewer; `people` are the members met so far, as they are on the day."""

    connection: Connection
    tenant_id: str
    tree: Tree
    on: date
    chosen: Configuration
    sight: TargetSight
    metrics: Mapping[str, Metric]
    offset: int
    people: dict[str, MemberOnDay] = field(default_factory=dict)

    @property
    def calendar(self) -> Calendar:
        return Calendar(self.chosen.fiscal_start_month, self.chosen.week_rule)

    async def meet(self, owners: Iterable[Owner]) -> None:
        """Have the members among these owners at hand, in one look-up."""
        missing = {o.id for o in owners if o.kind == "member" and o.id not in self.people}
        if missing:
            found = await members.called(self.connection, self.tenant_id, sorted(missing), self.on)
            self.people.update({one.id: one for one in found})

    def sees(self, owner: Owner) -> bool:
        """Whether the viewer may see this (met) owner's targets."""
        if owner.kind == "unit":
            return self.sight.shows_unit(owner.id)
        one = self.people.get(owner.id)
        return one is not None and self.sight.shows_member(one.id, one.unit_id)

    def name_of(self, owner: Owner) -> str:
        if owner.kind == "unit":
            return self.tree.units[owner.id].name
        return self.people[owner.id].name

    async def owners(self, asked: Sequence[str]) -> dict[str, Owner]:
        """Which visible unit or member each asked id means; the others are absent."""
        names = storable(asked)
        units = [
            unit for unit in self.tree.called(names).values() if self.sight.shows_unit(unit.id)
        ]
        found = {name: Owner("unit", unit.id) for name, unit in matched(names, units).items()}
        rest = [name for name in names if name not in found]
        if rest:
            seen = [
                one
                for one in await members.called(self.connection, self.tenant_id, rest, self.on)
                if self.sight.shows_member(one.id, one.unit_id)
            ]
            self.people.update({one.id: one for one in seen})
            found |= {name: Owner("member", one.id) for name, one in matched(rest, seen).items()}
        return found


@contextlib.contextmanager
def placed(path: str) -> Iterator[None]:
    """Refusals from inside name their place below `path`."""
    try:
        yield
    except Refusal as refusal:
        where = f"{path}.{refusal.path}" if refusal.path else path
        raise type(refusal)(refusal.message, path=where) from None


@contextlib.asynccontextmanager
async def looking(
    office: Office, viewer: Viewer, min_offset: int | None = None
) -> AsyncIterator[Look]:
    """A read transaction that has heard the log up to `min_offset`."""
    tenant_id = await office.tenant_id(viewer)
    async with projection.reading(
        office.database, office.heard, tenant_id, PROJECTION, min_offset
    ) as connection:
        yield await _look(office, viewer, tenant_id, connection)


@contextlib.asynccontextmanager
async def acting(office: Office, viewer: Viewer) -> AsyncIterator[Look]:
    tenant_id = await office.tenant_id(viewer)
    async with office.database.write(tenant_id) as connection:
        yield await _look(office, viewer, tenant_id, connection)


async def _look(office: Office, viewer: Viewer, tenant_id: str, connection: Connection) -> Look:
    found = await tenants.configuration(connection, tenant_id)
    if found is None:
        raise TenantNotConfigured("configure the tenant first: PUT /targets/v1/tenants/…")
    on = office.day_in(found[1].zone)
    tree = await office.trees.get(connection, tenant_id)
    me = await who(connection, tenant_id, viewer, on)
    sight = policy.target_sight(
        viewer.role, me.id if me else None, [me.unit_id] if me and me.unit_id else [],
        tree.organisation, on,
    )  # fmt: skip
    offset = await projection.cursor(connection, tenant_id, PROJECTION)
    learnt = await _metrics(office, connection, tenant_id, offset)
    return Look(connection, tenant_id, tree, on, found[1], sight, learnt, offset)


async def _metrics(
    office: Office, connection: Connection, tenant_id: str, offset: int
) -> Mapping[str, Metric]:
    """They change only with the offset up to which the log was heard."""
    known = office.metrics.get(tenant_id)
    if known is None or known[0] != offset:
        known = office.metrics[tenant_id] = (
            offset, await metrics.every(connection, tenant_id)
        )  # fmt: skip
        if len(office.metrics) > _TENANTS_KEPT:
            office.metrics.pop(next(iter(office.metrics)))
    return known[1]
