"""What runs beside the requests goes on: one tenant's fault, or a moment's, stops nobody else."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from headwater.databases import Urls
from headwater.postgres import Server
from services.kit import ids
from services.kit.errors import Unavailable
from services.kpi import jobs, projector
from tests.support.gate import Gate, until
from tests.support.kpi import RunningKpi, joined, running_kpi, stage


class Beside:
    """A running kpi and a superuser's look into its database."""

    def __init__(self, kpi: RunningKpi, admin: Any) -> None:
        self.kpi, self.admin = kpi, admin

    async def gate(self, tenant: str, **how: Any) -> Gate:
        company = await self.kpi.company(tenant, **how)
        await self.kpi.connect(company)
        return Gate(self.kpi, company)

    async def entered(self, gate: Gate, offset: int | None = None) -> int:
        funnel = await self.kpi.funnel(
            gate.company, gate.company.members["ann"], "2026-Q1", offset=offset
        )
        return int(stage(funnel, "lead")["entered"])


@pytest.fixture
async def beside(clone: Callable[[str], Urls], server: Server) -> AsyncIterator[Beside]:
    urls = clone("kpi")
    async with running_kpi(urls.app) as kpi:
        admin = await asyncpg.connect(server.url(urls.app.rpartition("/")[2]))
        yield Beside(kpi, admin)
        await admin.close()


async def test_a_tenant_without_a_zone_on_the_map_stops_nobodys_day(beside: Beside) -> None:
    await beside.kpi.company("lost", zone="Mars/Olympus")
    fine = await beside.gate("fine")
    await until(fine.day_started)
    beside.kpi.clock.move(days=2)
    started = "SELECT count(*) FROM entry WHERE type = 'day.started.v1' AND tenant_id = $1"

    async def caught_up() -> bool:
        return await beside.admin.fetchval(started, fine.company.tenant_id) == 3

    await until(caught_up)


async def test_a_tenant_whose_statements_time_out_stops_nobodys_day_or_funnel(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, fine = await beside.gate("slow"), await beside.gate("fine")
    slow_id = slow.company.tenant_id
    advance, declare = projector.advance, jobs.Jobs._declare

    async def advancing(connection: Any, tenant_id: str, world: Any) -> Any:
        if tenant_id == slow_id:
            raise Unavailable("it took too long")
        return await advance(connection, tenant_id, world)

    async def declaring(self: jobs.Jobs, tenant_id: str) -> None:
        if tenant_id == slow_id:
            raise Unavailable("it took too long")
        await declare(self, tenant_id)

    monkeypatch.setattr(projector, "advance", advancing)
    monkeypatch.setattr(jobs.Jobs, "_declare", declaring)
    beside.kpi.clock.move(days=1)
    await beside.kpi.facts(slow.company, joined(ids.new(), "dee"))
    await until(fine.day_started)
    answer = await beside.kpi.deliver(fine.item(at="2026-02-01T00:00:00Z"))
    assert await beside.entered(fine, answer.json()["offset"]) == 1


def logged(caplog: pytest.LogCaptureFixture, words: str) -> Callable[[], Any]:
    async def is_there() -> bool:
        return words in caplog.text

    return is_there


async def test_a_tenant_that_cannot_be_projected_stops_nobodys_funnel(
    beside: Beside, caplog: pytest.LogCaptureFixture
) -> None:
    broken, fine = await beside.gate("broken"), await beside.gate("fine")
    head = (
        "UPDATE log_head SET log_offset = log_offset + 1 WHERE tenant_id = $1 RETURNING log_offset"
    )
    offset = await beside.admin.fetchval(head, broken.company.tenant_id)
    await beside.admin.execute(
        "INSERT INTO entry (tenant_id, log_offset, id, kind, type, subject, recorded_at, payload) "
        "VALUES ($1, $2, gen_random_uuid(), 'conclusion', 'deal.created.v1', 'deal:x:y', now(), '[]')",
        broken.company.tenant_id, offset,
    )  # fmt: skip
    answer = await beside.kpi.deliver(fine.item(at="2026-02-01T00:00:00Z"))
    assert answer.status_code == 202
    assert await beside.entered(fine, answer.json()["offset"]) == 1
    await until(logged(caplog, f"projecting tenant {broken.company.tenant_id} failed"))


async def test_a_table_that_is_away_for_a_moment_ends_no_worker(
    beside: Beside, caplog: pytest.LogCaptureFixture
) -> None:
    gate = await beside.gate("fine")
    await until(gate.day_started)
    first = await beside.kpi.deliver(gate.item(at="2026-02-01T00:00:00Z"))
    assert await beside.entered(gate, first.json()["offset"]) == 1
    await beside.admin.execute("ALTER TABLE tenant RENAME TO tenant_away")
    await beside.admin.execute("ALTER TABLE log_head RENAME TO log_head_away")
    refused = await beside.kpi.client.get("/readyz")
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert "headwater migrate" in refused.json()["detail"]
    for words in ("the projector failed", "the jobs failed"):
        await until(logged(caplog, words))
    await beside.admin.execute("ALTER TABLE log_head_away RENAME TO log_head")
    await beside.admin.execute("ALTER TABLE tenant_away RENAME TO tenant")
    second = await beside.kpi.deliver(gate.item(at="2026-02-01T00:00:00Z"))
    assert await beside.entered(gate, second.json()["offset"]) == 2
    beside.kpi.clock.move(days=1)
    started = "SELECT count(*) FROM entry WHERE type = 'day.started.v1'"

    async def another_day() -> bool:
        return await beside.admin.fetchval(started) == 2

    await until(another_day)
