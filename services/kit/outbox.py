"""The transactional outbox: a service's facts leave in order, per tenant, until kpi accepts them.

`put` runs in the action's transaction and takes the tenant's row lock, so the order of facts is
the order of commits. `Outbox.run` delivers; kpi being down delays and never loses. Facts are
deduplicated by id in kpi's log, so a repeated delivery is harmless.

A fact that kpi refuses for what it is stays, with all behind it: order is worth more than haste.
Those before it leave, the log names it, and /metrics shows it (services.kit.metrics).
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import orjson

from services.kit import ids, limits
from services.kit.auth import Signer
from services.kit.db import Connection, Database
from services.kit.errors import Refusal
from services.kit.projection import wait_for_event

log = logging.getLogger(__name__)
_BATCH = 500
_BATCH_BYTES = limits.IMPORT_BODY_BYTES // 2
"""Of payloads; what is around them and escapes in them must fit into the body as well."""
_REFUSED = frozenset({400, 403, 404, 413, 422})
"""Answers that are about the facts: the same ones get the same answer again."""
_RETRY_SECONDS = 0.5
_SCAN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Fact:
    """`type` is past tense with a version (`member.moved.v1`); `payload` holds no personal data."""

    type: str
    subject: str
    occurred_at: datetime
    payload: Mapping[str, Any]


async def put(connection: Connection, tenant_id: str, facts: Sequence[Fact]) -> None:
    """Store `facts` to leave after this transaction commits."""
    if not facts:
        return
    last = await connection.fetchval(
        "INSERT INTO outbox_head (tenant_id, last_number) VALUES ($1, $2) "
        "ON CONFLICT (tenant_id) DO UPDATE SET last_number = outbox_head.last_number + $2 "
        "RETURNING last_number",
        tenant_id, len(facts),
    )  # fmt: skip
    first = last - len(facts) + 1
    await connection.executemany(
        "INSERT INTO outbox (tenant_id, number, id, type, subject, occurred_at, payload, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp())",
        [
            (tenant_id, first + n, ids.new(), fact.type, fact.subject, fact.occurred_at,
             orjson.dumps(fact.payload).decode())
            for n, fact in enumerate(facts)
        ],
    )  # fmt: skip


class Outbox:
    """Delivers one service's facts to kpi's `POST /kpi/v1/facts`."""

    def __init__(
        self, *, service: str, database: Database, kpi: httpx.AsyncClient, signer: Signer
    ) -> None:
        self._service = service
        self._database = database
        self._kpi = kpi
        self._signer = signer
        self._woken = asyncio.Event()
        self._delivering = asyncio.Lock()
        self._since: dict[str, float] = {}
        """When each tenant's oldest fact that still waits was put, by the monotonic clock."""
        self._refused: dict[str, str] = {}
        """The fact of each tenant that kpi refuses for what it is."""
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Call after a commit that put facts."""
        self._woken.set()

    async def open(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"{self._service} outbox")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def pending(self, tenant_id: str) -> tuple[int, float]:
        """Facts not yet accepted, and the oldest one's age in seconds."""
        async with self._database.read(tenant_id) as connection:
            row = await connection.fetchrow(
                "SELECT count(*) AS n, coalesce(extract(epoch FROM clock_timestamp() "
                "- min(created_at)), 0)::float8 AS age FROM outbox WHERE tenant_id = $1",
                tenant_id,
            )
        return row["n"], row["age"]

    @property
    def oldest_seconds(self) -> float:
        """Age of the oldest fact of all tenants that kpi has not accepted, as last looked at."""
        return time.monotonic() - min(self._since.values()) if self._since else 0.0

    @property
    def refused_tenants(self) -> int:
        """Tenants whose oldest fact kpi refuses for what it is: waiting alone does not help."""
        return len(self._refused)

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                unfinished = await self._deliver_all()
            except Refusal as refusal:
                log.warning("outbox of %s waits: %s", self._service, refusal.message)
                unfinished = True
            except Exception:  # whatever it is, facts must not stay for good
                log.exception("outbox of %s failed", self._service)
                unfinished = True
            pause = _RETRY_SECONDS if unfinished else _SCAN_SECONDS
            await wait_for_event(self._woken, pause)

    async def _deliver_all(self) -> bool:
        """Whether something could not be delivered. A process delivers once at a time."""
        async with self._delivering:
            return await self._deliver_each()

    async def _deliver_each(self) -> bool:
        async with self._database.read(None) as connection:
            tenants = await connection.fetch("SELECT id::text, short_name FROM tenant")
        failed = False
        for tenant in tenants:
            try:
                while (count := await self._deliver(tenant["id"], tenant["short_name"])) > 0:
                    continue
            except Refusal as refusal:
                log.warning(
                    "outbox of %s waits for %s: %s", self._service, tenant["id"], refusal.message
                )
                count = -1
            except Exception:  # one tenant's fault must not keep the others' facts
                log.exception("outbox of %s failed for %s", self._service, tenant["id"])
                count = -1
            failed |= count < 0
        return failed

    async def _deliver(self, tenant_id: str, short_name: str) -> int:
        """Send one batch; how many were accepted, or -1.

        No transaction is open while kpi is asked: a slow kpi must not hold up the actions that
        put facts. Replicas may send the same batch; each starts at the oldest fact that is not
        known to be accepted, so order holds and the repeat is a duplicate.
        """
        rows = await self._oldest(tenant_id, 1 if tenant_id in self._refused else _BATCH)
        if not rows:
            self._since.pop(tenant_id, None)
            self._refused.pop(tenant_id, None)
            return 0
        self._since[tenant_id] = time.monotonic() - rows[0]["age"]
        while not (status := await self._send(tenant_id, short_name, rows)) < 300:
            if status not in _REFUSED:
                return -1
            if len(rows) == 1:
                self._blame(tenant_id, rows[0], status)
                return -1
            rows = rows[: len(rows) // 2]  # what stands before the refused one may leave
        self._refused.pop(tenant_id, None)
        async with self._database.write(tenant_id) as connection:
            await connection.execute(
                "DELETE FROM outbox WHERE tenant_id = $1 AND number <= $2",
                tenant_id, rows[-1]["number"],
            )  # fmt: skip
        return len(rows)

    async def _oldest(self, tenant_id: str, most: int) -> list[Any]:
        """The oldest facts, as many as one body may hold."""
        async with self._database.read(tenant_id) as connection:
            rows = await connection.fetch(
                "SELECT number, id::text, type, subject, occurred_at, payload, "
                "extract(epoch FROM clock_timestamp() - created_at)::float8 AS age FROM ("
                "SELECT *, sum(octet_length(payload::text)) OVER (ORDER BY number) AS bytes, "
                "row_number() OVER (ORDER BY number) AS place FROM ("
                "SELECT * FROM outbox WHERE tenant_id = $1 ORDER BY number LIMIT $2) AS oldest"
                ") AS measured WHERE bytes <= $3 OR place = 1 ORDER BY number",
                tenant_id, most, _BATCH_BYTES,
            )  # fmt: skip
        return list(rows)

    async def _send(self, tenant_id: str, short_name: str, rows: Sequence[Any]) -> int:
        """What kpi answered; where it did not, the status of a gateway that cannot reach it."""
        facts = [
            {
                "id": row["id"], "type": row["type"], "subject": row["subject"],
                "occurred_at": row["occurred_at"].isoformat(),
                "payload": orjson.loads(row["payload"]),
            }
            for row in rows
        ]  # fmt: skip
        token = self._signer.service_token(self._service, short_name, tenant_id)
        try:
            answer = await self._kpi.post(
                "/kpi/v1/facts", content=orjson.dumps({"facts": facts}),
                headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
            )  # fmt: skip
        except httpx.HTTPError as fault:
            log.warning("kpi does not take facts: %s", type(fault).__name__)
            return 504
        if answer.status_code >= 300 and tenant_id not in self._refused:
            log.error("kpi refused facts of %s: %s", self._service, answer.text[:300])
        return answer.status_code

    def _blame(self, tenant_id: str, row: Any, status: int) -> None:
        """Say once which fact it is: the same answer every half second would hide the rest."""
        if self._refused.get(tenant_id) != row["id"]:
            log.critical(
                "outbox of %s stands still for tenant %s: kpi refuses fact %s (%s, %s) with %d",
                self._service, tenant_id, row["id"], row["type"], row["subject"], status,
            )  # fmt: skip
            self._refused[tenant_id] = row["id"]
