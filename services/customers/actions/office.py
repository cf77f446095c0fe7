"""What the use cases share: storage, the way out for facts, the clock, and how a reader reads."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from services.customers.domain import policy
from services.customers.domain.policy import Reach
from services.customers.store import PROJECTION, tenants
from services.kit import directory, limits, projection, versions
from services.kit.auth import Viewer
from services.kit.chart import Chart, Charts, Sight, look
from services.kit.clock import Clock
from services.kit.db import Connection, Database
from services.kit.errors import Forbidden, TooLarge
from services.kit.outbox import Outbox
from services.kit.projection import Progress

_LONGEST_ID = 400


@dataclass(frozen=True, slots=True)
class Reading:
    """One viewer's look at one tenant at one offset, in one snapshot."""

    connection: Connection
    tenant_id: str
    offset: int
    sight: Sight
    today: date | None
    """The business day; None before the log has started one."""

    @property
    def chart(self) -> Chart:
        return self.sight.chart

    @property
    def on(self) -> date:
        return self.today or date.min

    async def reach(self, viewer: Viewer) -> Reach:
        """Whose customers and tasks the viewer may read."""
        staff: frozenset[str] = frozenset()
        if policy.sees_subtree(viewer.role):
            staff = await self.staff(self.sight.managed)
        return policy.reach(viewer.role, self.sight.me, staff)

    async def staff(self, units: frozenset[str]) -> frozenset[str]:
        """The members in these units and below them."""
        if not units:
            return frozenset()
        below = sorted(self.chart.below(units, self.on))
        ever = await directory.members_in(self.connection, self.tenant_id, below)
        await self.chart.meet(self.connection, sorted(ever))
        return frozenset(one for one in ever if units & self.chart.above(one, self.on))


@dataclass(frozen=True, slots=True)
class Office:
    database: Database
    outbox: Outbox
    progress: Progress
    clock: Clock
    charts: Charts = field(default_factory=Charts)
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

    def now(self) -> datetime:
        return self.clock.now().astimezone(UTC)

    @contextlib.asynccontextmanager
    async def reading(
        self, viewer: Viewer, asked: Sequence[str] = (), min_offset: int | None = None
    ) -> AsyncIterator[Reading]:
        """`asked` are members or units that the question is about."""
        tenant_id = await self.tenant_id(viewer)
        async with projection.reading(
            self.database, self.progress, tenant_id, PROJECTION, min_offset
        ) as connection:
            yield await self.look(connection, tenant_id, viewer, asked)

    async def look(
        self, connection: Connection, tenant_id: str, viewer: Viewer, asked: Sequence[str] = ()
    ) -> Reading:
        offset = await projection.cursor(connection, tenant_id, PROJECTION)
        chart = await self.charts.get(connection, tenant_id)
        sight = await look(connection, chart, viewer.member_id, asked, chart.day or date.min)
        return Reading(connection, tenant_id, offset, sight, chart.day)


async def check_ready(office: Office) -> None:
    """Raises a Refusal while the service cannot do its work."""
    async with office.database.read(None) as connection:
        await tenants.refuse_unmigrated(connection)


async def facts_waiting(office: Office, viewer: Viewer) -> tuple[int, float]:
    """How many facts kpi has not yet accepted, and the oldest one's age in seconds."""
    policy.refuse_operating(viewer.role)
    return await office.outbox.pending(await office.tenant_id(viewer))


async def changes(
    office: Office, viewer: Viewer, after: int, wait_seconds: float
) -> dict[str, Any]:
    """Subjects that changed after an offset, and up to where the answer is complete."""
    policy.need_service(viewer.role)
    tenant_id = await office.tenant_id(viewer)
    return await versions.changes(
        office.database, office.progress, tenant_id, PROJECTION, after, wait_seconds
    )


def storable(asked: Sequence[str], path: str) -> list[str]:
    """The asked ids that can be anybody's; the others are unknown without a look."""
    if len(asked) > limits.PAGE_MOST:
        raise TooLarge(f"ask for {limits.PAGE_MOST} ids at most", path=path)
    return [name for name in asked if 0 < len(name) <= _LONGEST_ID and "\0" not in name]
