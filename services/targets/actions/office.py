"""What the use cases share: storage, the way out for facts, the clock, and how a reader reads."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from services.kit import limits
from services.kit.auth import Viewer
from services.kit.clock import Clock
from services.kit.db import Connection, Database
from services.kit.errors import Forbidden, TenantNotConfigured, TooLarge
from services.kit.outbox import Outbox
from services.kit.period import business_day
from services.kit.projection import Progress
from services.targets.domain import policy
from services.targets.domain.identity import matched
from services.targets.domain.plan import Metric
from services.targets.domain.policy import Sight
from services.targets.domain.records import MemberOnDay, Tree
from services.targets.store import members, tenants
from services.targets.store.units import Trees

_LONGEST_ID = 400


@dataclass(frozen=True, slots=True)
class Reading:
    """One viewer's look at one tenant on one day, in one snapshot."""

    connection: Connection
    tenant_id: str
    tree: Tree
    on: date
    sight: Sight


@dataclass(frozen=True, slots=True)
class Office:
    database: Database
    outbox: Outbox
    clock: Clock
    heard: Progress = field(default_factory=Progress)
    """How far this process heard the log, per tenant."""
    trees: Trees = field(default_factory=Trees)
    metrics: dict[str, tuple[int, dict[str, Metric]]] = field(default_factory=dict)
    """Metrics by tenant, and the offset of the log at which they were read."""
    _tenant_ids: dict[str, str] = field(default_factory=dict)

    async def tenant_id(self, viewer: Viewer) -> str:
        """The id behind the token's tenant; short names are never given to another tenant."""
        known = self._tenant_ids.get(viewer.tenant)
        if known is None:
            async with self.database.read(None) as connection:
                known = await tenants.tenant_id(connection, viewer.tenant)
            if known is None:
                raise Forbidden("the token's tenant is not set up here")
            self._tenant_ids[viewer.tenant] = known
        return known

    async def today(self, connection: Connection, tenant_id: str) -> date:
        """The date on the tenant's wall."""
        found = await tenants.configuration(connection, tenant_id)
        if found is None:
            raise TenantNotConfigured("configure the tenant first: PUT /targets/v1/tenants/…")
        return self.day_in(found[1].zone)

    def day_in(self, zone: str) -> date:
        return business_day(self.now(), ZoneInfo(zone))

    def now(self) -> datetime:
        return self.clock.now().astimezone(UTC)

    @contextlib.asynccontextmanager
    async def reading(self, viewer: Viewer, as_of: date | None) -> AsyncIterator[Reading]:
        tenant_id = await self.tenant_id(viewer)
        async with self.database.read(tenant_id) as connection:
            on = as_of or await self.today(connection, tenant_id)
            tree = await self.trees.get(connection, tenant_id)
            me = await who(connection, tenant_id, viewer, on)
            sight = policy.sight(
                viewer.role, me.id if me else None, [me.unit_id] if me and me.unit_id else [],
                tree.organisation, on,
            )  # fmt: skip
            yield Reading(connection, tenant_id, tree, on, sight)


async def who(
    connection: Connection, tenant_id: str, viewer: Viewer, on: date
) -> MemberOnDay | None:
    """The member that the token names, by our id or an external one."""
    if viewer.member_id is None:
        return None
    named = storable([viewer.member_id])
    candidates = await members.called(connection, tenant_id, named, on)
    return matched(named, candidates).get(viewer.member_id)


def storable(asked: Sequence[str]) -> list[str]:
    """The asked ids that can be anybody's; the others are unknown without a look."""
    if len(asked) > limits.PAGE_MOST:
        raise TooLarge(f"ask for {limits.PAGE_MOST} ids at most", path="id")
    return [name for name in asked if 0 < len(name) <= _LONGEST_ID and "\0" not in name]
