"""What runs by itself: a new tenant's catalogue, day.started at each local midnight, the closing of
periods, the retention; and what workers do.
"""

import asyncio
import contextlib
import logging
import os
import sys
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from services.kit import chart, directory, ids, limits, operations
from services.kit.chart import Settings
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.errors import Refusal
from services.kit.period import business_day, local_midnight
from services.kpi.actions import checks, closings
from services.kpi.actions.catalogue import default_facts
from services.kpi.actions.connections import KPI
from services.kpi.actions.facts import Fact
from services.kpi.actions.submission import Submission
from services.kpi.actions.tenants import all_tenants
from services.kpi.domain import events
from services.kpi.store import metrics
from services.kpi.writer import Writer

log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
_WORKER_STATEMENT_MILLIS = 600_000
_MOST_DAYS = 400


class Jobs:
    def __init__(self, database: Database, writer: Writer, clock: Clock) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._declared: set[str] = set()
        self._closed: dict[str, date | None] = {}
        """Up to which day's start a tenant's periods are closed."""

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
                await self.look_after_tenants()
            except Refusal as refusal:
                log.warning("the jobs wait: %s", refusal.message)
            except Exception:  # without it no day would begin any more
                log.exception("the jobs failed and go on")
            await asyncio.sleep(_LOOK_SECONDS)

    async def look_after_tenants(self) -> None:
        """Start each tenant's business days that have begun, and close the periods that ended."""
        for tenant_id, short_name in await all_tenants(self._database):
            try:
                await self._look_after(tenant_id)
            except Refusal as refusal:
                log.warning("the jobs of %s wait: %s", short_name, refusal.message)
            except Exception:  # one tenant's fault must not stop the others' days
                log.exception("the jobs of %s failed", short_name)

    async def _look_after(self, tenant_id: str) -> None:
        async with self._database.read(tenant_id) as connection:
            settings = chart.newest(await directory.settings(connection, tenant_id))
            last = await directory.started_day(connection, tenant_id)
        if settings is None:
            return
        await self._declare(tenant_id)
        await self._start_days_of(tenant_id, settings.zone, last)
        if last is not None and self._closed.get(tenant_id) != last:
            self._closed[tenant_id] = await self._close_periods(tenant_id, settings)

    async def _start_days_of(self, tenant_id: str, zone: ZoneInfo, last: date | None) -> None:
        today = business_day(self._clock.now(), zone)
        if last is not None and last >= today:
            return
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

    async def _declare(self, tenant_id: str) -> None:
        """Declare the metrics that every tenant has; those of this release may be new to it."""
        if tenant_id in self._declared:
            return
        async with self._database.read(tenant_id) as connection:
            known = await metrics.catalogue(connection, tenant_id)
        facts = default_facts(tenant_id, known, self._clock.now())
        if facts:
            await self._writer.submit(Submission(tenant_id, KPI, facts=facts))
        self._declared.add(tenant_id)

    async def _close_periods(self, tenant_id: str, settings: Settings) -> date | None:
        """Append metric.closed for what has ended; the day up to which there is no more."""
        async with self._database.read(tenant_id) as connection:
            due = await closings.due(connection, tenant_id, settings.calendar)
        for closing in due.closings:
            async with self._database.read(tenant_id) as connection:
                facts = await closings.facts(connection, tenant_id, closing, settings)
            await self._writer.submit(Submission(tenant_id, KPI, facts=facts))
        return due.until

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


async def work(url: str, tenant_id: str, operation_id: str) -> None:
    """A worker's life: one operation, in a process of its own."""
    database = Database(url, statement_millis=_WORKER_STATEMENT_MILLIS)
    await database.open()
    try:
        async with database.read(tenant_id) as connection:
            operation = await operations.one(connection, tenant_id, operation_id)
        assert operation["kind"] == "check", "the only kind there is"
        await checks.run(database, tenant_id, operation_id)
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(work(os.environ["HEADWATER_KPI_DATABASE_URL"], sys.argv[1], sys.argv[2]))
