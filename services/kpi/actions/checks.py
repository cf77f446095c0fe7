"""The check of the funnel as an operation, run in a worker."""

import asyncio
import time
from dataclasses import asdict

from services.kit import operations
from services.kit.db import Database
from services.kpi.actions.rebuild import FUNNEL

_TELL_SECONDS = 1.0


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

    finding = await FUNNEL.check(database, tenant_id, progress)
    await asyncio.gather(*telling)
    async with database.write(tenant_id) as connection:
        await operations.finish(connection, tenant_id, operation_id, asdict(finding))
