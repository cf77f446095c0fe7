"""What the clock starts: day.started at each tenant's local midnight, and the retention."""

import asyncio
import contextlib
import logging
from datetime import timedelta
from zoneinfo import ZoneInfo

from services.kit import ids, limits
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.errors import Refusal
from services.kit.period import business_day, local_midnight
from services.kpi.actions.append import Submission
from services.kpi.actions.connections import KPI
from services.kpi.actions.facts import Fact
from services.kpi.actions.tenants import all_tenants
from services.kpi.domain import events
from services.kpi.store import organisation
from services.kpi.writer import Writer

log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
_MOST_DAYS = 400


class Jobs:
    def __init__(self, database: Database, writer: Writer, clock: Clock) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._task = asyncio.create_task(self._run(), name="kpi jobs")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self.start_days()
            except Refusal as refusal:
                log.warning("the day's start waits: %s", refusal.message)
            await asyncio.sleep(_LOOK_SECONDS)

    async def start_days(self) -> None:
        """Append day.started for each business day that has begun and was not yet named."""
        for tenant_id, _ in await all_tenants(self._database):
            async with self._database.read(tenant_id) as connection:
                settings = await organisation.settings(connection, tenant_id)
                last = await organisation.started_day(connection, tenant_id)
            if not settings:
                continue
            zone = ZoneInfo(settings[-1]["zone"])
            today = business_day(self._clock.now(), zone)
            if last is not None and last >= today:
                continue
            first = today if last is None else max(
                last + timedelta(days=1), today - timedelta(days=_MOST_DAYS)
            )  # fmt: skip
            days = [first + timedelta(days=n) for n in range((today - first).days + 1)]
            # The key is the day's name: several processes may append it, one succeeds.
            facts = [
                Fact(
                    day_id(tenant_id, day.isoformat()), events.DAY_STARTED, f"day:{day}",
                    local_midnight(day, zone), {"day": day.isoformat(), "zone": zone.key},
                )
                for day in days
            ]  # fmt: skip
            await self._writer.submit(Submission(tenant_id, KPI, facts=facts))
            await self._forget(tenant_id)

    async def _forget(self, tenant_id: str) -> None:
        """Drop raw deliveries past the retention, once a day."""
        before = self._clock.now() - timedelta(days=limits.RETENTION_DAYS)
        async with self._database.write(tenant_id) as connection:
            await connection.execute(
                "DELETE FROM delivery WHERE tenant_id = $1 AND received_at < $2", tenant_id, before
            )


def day_id(tenant_id: str, day: str) -> str:
    """The same id for the same day, whoever names it."""
    return ids.derived(tenant_id, f"{events.DAY_STARTED}/{day}")
