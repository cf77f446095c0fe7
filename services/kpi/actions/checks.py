"""The check of the funnel as an operation, run in a worker."""

import asyncio
import time
from dataclasses import asdict

from services.kit import operations
from services.kit.db import Database
from services.kpi.actions import rebuild
from services.kpi.actions.rebuild import Finding

_TELL_SECONDS = 1.0


class RolledBack(Exception):
    """Carries a finding out of a transaction that must leave no trace."""

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.finding = finding


async def run(database: Database, tenant_id: str, operation_id: str) -> None:
    """Compare and record the result; progress is told once a second, in transactions of its own."""
    told = time.monotonic()
    telling: set[asyncio.Task[None]] = set()

    async def tell(percent: int) -> None:
        async with database.write(tenant_id) as connection:
            await operations.progress(connection, tenant_id, operation_id, percent)

    def progress(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            task = asyncio.create_task(tell(99 * done // total))
            telling.add(task)
            task.add_done_callback(telling.discard)

    finding = await compare(database, tenant_id, progress)
    await asyncio.gather(*telling)
    async with database.write(tenant_id) as connection:
        await operations.finish(connection, tenant_id, operation_id, asdict(finding))


async def compare(database: Database, tenant_id: str, progress: rebuild.Progress) -> Finding:
    """The funnel rebuilt and compared at one moment; nothing of it stays."""
    try:
        async with database.snapshot(tenant_id) as connection:
            found = await rebuild.compare(connection, tenant_id, progress)
            raise RolledBack(found)  # noqa: TRY301 — the way out without a commit
    except RolledBack as done:
        return done.finding
