"""Operations: work longer than a request. 202 with a Location, progress, a result or an error.

The work runs in a process started on demand, so that no event loop computes long and what the work
imports and allocates is gone with it. Its row is the only thing the processes share; a row whose
worker went silent is read as failed.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from services.kit import ids
from services.kit.db import Connection, Database
from services.kit.errors import NotFound

SILENT_SECONDS = 60
"""A running operation whose worker wrote nothing for so long is lost."""
_RETURNS = "id::text, kind, state, progress, result, error, asked_by, created_at, updated_at"


class Operations:
    """Starts workers of one service: `python -m <module> <tenant id> <operation id>`."""

    def __init__(self, database: Database, *, module: str, environment: Mapping[str, str]) -> None:
        self._database = database
        self._module = module
        self._environment = environment
        self._watching: set[asyncio.Task[None]] = set()

    async def start(self, tenant_id: str, kind: str, asked_by: str, now: datetime) -> str:
        """Record the operation and start its worker; its id."""
        operation_id = ids.new()
        async with self._database.write(tenant_id) as connection:
            await connection.execute(
                "INSERT INTO operation (tenant_id, id, kind, state, asked_by, created_at, "
                "updated_at) VALUES ($1, $2, $3, 'running', $4, $5, clock_timestamp())",
                tenant_id, operation_id, kind, asked_by, now,
            )  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self._module, tenant_id, operation_id,
            env={**os.environ, **self._environment}, stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        task = asyncio.create_task(self._watch(process, tenant_id, operation_id))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)
        return operation_id

    async def close(self) -> None:
        """Stop the workers; their operations fail, for they can be asked again."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)

    async def _watch(
        self, process: asyncio.subprocess.Process, tenant_id: str, operation_id: str
    ) -> None:
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            status = -1
        if status:
            async with self._database.write(tenant_id) as connection:
                await fail(connection, tenant_id, operation_id, "the worker stopped before its end")


async def one(connection: Connection, tenant_id: str, operation_id: str) -> dict[str, Any]:
    """The operation as it stands; NotFound where the tenant has none of that id."""
    row = await connection.fetchrow(
        f"SELECT {_RETURNS}, clock_timestamp() - updated_at AS silent FROM operation "
        "WHERE tenant_id = $1 AND id = $2",
        tenant_id, operation_id,
    )  # fmt: skip
    if row is None:
        raise NotFound(f"no operation {operation_id}", path="operation")
    found = dict(row)
    silent = found.pop("silent")
    if found["state"] == "running" and silent > timedelta(seconds=SILENT_SECONDS):
        found |= {"state": "failed", "error": "the worker went silent: start the operation again"}
    found["result"] = orjson.loads(found["result"]) if found["result"] else None
    return found


async def progress(connection: Connection, tenant_id: str, operation_id: str, percent: int) -> None:
    await connection.execute(
        "UPDATE operation SET progress = $3, updated_at = clock_timestamp() "
        "WHERE tenant_id = $1 AND id = $2 AND state = 'running'",
        tenant_id, operation_id, percent,
    )  # fmt: skip


async def finish(
    connection: Connection, tenant_id: str, operation_id: str, result: Mapping[str, Any]
) -> None:
    await connection.execute(
        "UPDATE operation SET state = 'done', progress = 100, result = $3, "
        "updated_at = clock_timestamp() WHERE tenant_id = $1 AND id = $2 AND state = 'running'",
        tenant_id, operation_id, orjson.dumps(result, default=str).decode(),
    )  # fmt: skip


async def fail(connection: Connection, tenant_id: str, operation_id: str, error: str) -> None:
    await connection.execute(
        "UPDATE operation SET state = 'failed', error = $3, updated_at = clock_timestamp() "
        "WHERE tenant_id = $1 AND id = $2 AND state = 'running'",
        tenant_id, operation_id, error,
    )  # fmt: skip
