"""Both ways into kpi for strangers, and what a refusal may tell them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from services.kit import ids
from services.kpi.actions.connections import from_public_id
from services.kpi.vendors import standard_webhooks
from tests.support.kpi import Company, RunningKpi

DOORS = ("webhook", "events")
JSON = "application/json"


_WAITERS = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    """Wait for a condition; fails where it does not come true."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


HUGE = 200 << 20


class Flood:
    """200 MB that are made only as they are asked for."""

    def __init__(self) -> None:
        self.pulled = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        part = b" " * (64 << 10)
        while self.pulled < HUGE:
            self.pulled += len(part)
            yield part


async def waits_for_a_lock(admin: Any) -> bool:
    """Whether somebody waits in the database of `admin`, which may be in a transaction itself."""
    await admin.execute("SELECT pg_stat_clear_snapshot()")
    return bool(await admin.fetchval(f"SELECT count(*) {_WAITERS}"))


async def end_who_waits(admin: Any) -> None:
    await admin.execute(f"SELECT pg_terminate_backend(pid) {_WAITERS}")


@dataclass
class Gate:
    """A running kpi with one connected company, and both ways in."""

    kpi: RunningKpi
    company: Company

    def event(self, **data: Any) -> dict[str, Any]:
        deal = {"deal": ids.new(), "stage": "lead", "amount": "10", "currency": "CNY", **data}
        return {"id": ids.new(), "type": "deal.observed.v1", "time": self.now(), "data": deal}

    def item(self, **more: Any) -> dict[str, Any]:
        return {"deal": ids.new(), "at": self.now(), "stage": "lead", "owner": "ann", **more}

    def now(self, **ahead: float) -> str:
        return (self.kpi.clock.now() + timedelta(**ahead)).isoformat()

    async def send(self, door: str, raw: Any, **headers: str) -> httpx.Response:
        """`raw` bytes through the door, signed or with a token, under the given headers."""
        signed = raw if isinstance(raw, bytes) else b""
        if door == "events":
            proof = self.kpi.token(self.company.tenant)
        else:
            proof = standard_webhooks.sign(
                standard_webhooks.secret_bytes(self.kpi.secret), ids.new(), self.kpi.clock.now(),
                signed,
            )  # fmt: skip
        path = "/kpi/v1/events" if door == "events" else self.kpi.webhook_path
        given = {"content-type": JSON, **proof}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.kpi.client.post(path, content=raw, headers=given)

    async def stored(self) -> dict[str, int]:
        async with self.kpi.app.state.kpi.database.read(self.company.tenant_id) as connection:
            return {
                table: await connection.fetchval(f"SELECT count(*) FROM {table}")
                for table in ("delivery", "item", "entry", "quarantine", "subject")
            }

    async def day_started(self) -> bool:
        """Whether kpi has written what it writes by itself."""
        async with self.kpi.app.state.kpi.database.read(self.company.tenant_id) as connection:
            return bool(await connection.fetchval("SELECT count(*) FROM day"))

    def refused(self, answer: httpx.Response, status: int) -> dict[str, Any]:
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        said = answer.json()
        assert set(said) <= {"type", "title", "status", "code", "detail", "path", "errors"}
        assert len(answer.content) < 1_000
        public = from_public_id(self.kpi.webhook_path.rpartition("/")[2])
        assert public is not None
        secrets = [self.company.tenant, *public, self.kpi.secret, "whsec_", "Traceback", "asyncpg"]
        for secret in [*secrets, *self.company.members.values()]:
            assert secret not in answer.text
        return dict(said)
