"""What the use cases share: storage, the projection, the way out for facts, and who looks."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from services.incentives.store import tenants
from services.incentives.store.tenants import PROJECTION
from services.kit import projection
from services.kit.auth import Viewer
from services.kit.chart import Chart, Charts, Settings, Sight, look
from services.kit.clock import Clock
from services.kit.db import Connection, Database
from services.kit.errors import Forbidden
from services.kit.outbox import Outbox
from services.kit.period import business_day
from services.kit.projection import Progress


@dataclass(frozen=True, slots=True)
class Reading:
    """One viewer's look at one tenant in one snapshot, at an offset of the log."""

    connection: Connection
    tenant_id: str
    viewer: Viewer
    chart: Chart
    today: date
    """The last business day that started: nothing that is shown reads a clock."""
    offset: int

    @property
    def settings(self) -> Settings:
        return self.chart.settings

    async def sight(self, members: Iterable[str] = ()) -> Sight:
        """The viewer's place, with `members` met by our id or an external one."""
        return await look(self.connection, self.chart, self.viewer.member_id, members, self.today)


@dataclass(frozen=True, slots=True)
class Office:
    database: Database
    outbox: Outbox
    clock: Clock
    progress: Progress
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
        self, viewer: Viewer, min_offset: int | None = None
    ) -> AsyncIterator[Reading]:
        tenant_id = await self.tenant_id(viewer)
        async with projection.reading(
            self.database, self.progress, tenant_id, PROJECTION, min_offset
        ) as connection:
            yield await self._reading(connection, tenant_id, viewer)

    @contextlib.asynccontextmanager
    async def deciding(self, viewer: Viewer) -> AsyncIterator[Reading]:
        """A write transaction in which the projection stands still; facts leave after it."""
        tenant_id = await self.tenant_id(viewer)
        async with self.database.write(tenant_id) as connection:
            await tenants.hold_cursor(connection, tenant_id)
            yield await self._reading(connection, tenant_id, viewer)
        self.outbox.wake()

    async def _reading(self, connection: Connection, tenant_id: str, viewer: Viewer) -> Reading:
        chart = await self.charts.get(connection, tenant_id)
        today = chart.day or business_day(self.now(), chart.settings.zone)
        offset = await projection.cursor(connection, tenant_id, PROJECTION)
        return Reading(connection, tenant_id, viewer, chart, today, offset)


async def check_ready(office: Office) -> None:
    """Raises a Refusal while the service cannot do its work."""
    async with office.database.read(None) as connection:
        await tenants.refuse_unmigrated(connection)
