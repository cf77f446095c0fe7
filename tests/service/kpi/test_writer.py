"""The group commit: every waiting request gets its own answer, whatever happens to the flush."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from headwater.databases import Urls
from headwater.postgres import Server
from services.kit import ids, limits
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.errors import Invalid, Unavailable
from services.kpi import writer as writer_module
from services.kpi.actions.append import append as real_append
from services.kpi.actions.submission import Item, Outcome, Submission
from services.kpi.store.log import Delivery
from services.kpi.writer import Writer
from tests.support.gate import end_who_waits, until, waits_for_a_lock

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CONNECTION = ids.new()


class Fixed(Clock):
    def now(self) -> datetime:
        return NOW


def submission(tenant_id: str, key: str, body: bytes = b"{}") -> Submission:
    """An item without a mapping: it is stored and waits."""
    delivery = Delivery(ids.new(), CONNECTION, NOW, "application/json", key, body)
    return Submission(tenant_id, CONNECTION, None, [Item(key, {"key": key})], delivery)


class Bench:
    """A writer over a fresh database, whose appends a test may hold up or make fail."""

    def __init__(self, database: Database, admin: Any) -> None:
        self.database, self.admin = database, admin
        self.writer = Writer(database, Fixed())
        self.tenant_id = ids.new()
        self.batches: list[list[str]] = []
        self.poison: dict[str, Exception] = {}

    async def append(
        self, connection: Any, tenant_id: str, submissions: Sequence[Submission], now: datetime
    ) -> list[Outcome]:
        keys = [item.key for one in submissions for item in one.items]
        self.batches.append(keys)
        outcomes = await real_append(connection, tenant_id, submissions, now)
        for key in keys:
            if key in self.poison:
                raise self.poison[key]
        return outcomes

    def submit(self, *keys: str) -> list[asyncio.Task[Outcome]]:
        return [
            asyncio.create_task(self.writer.submit(submission(self.tenant_id, key))) for key in keys
        ]

    async def stored(self) -> list[str]:
        rows = await self.admin.fetch("SELECT item_key FROM item ORDER BY item_key")
        return [row[0] for row in rows]

    @contextlib.asynccontextmanager
    async def held_head(self) -> AsyncIterator[None]:
        """The tenant's head is locked by somebody else, so a flush waits inside its append."""
        await self.admin.execute(
            "INSERT INTO log_head (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING", self.tenant_id
        )
        async with self.admin.transaction():
            await self.admin.execute("SELECT 1 FROM log_head FOR UPDATE")
            yield

    async def one_waits(self) -> bool:
        return await waits_for_a_lock(self.admin)


@pytest.fixture
async def bench(
    clone: Callable[[str], Urls], server: Server, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    url = clone("kpi").app
    database = Database(url)
    await database.open()
    admin = await asyncpg.connect(server.url(url.rpartition("/")[2]))
    bench = Bench(database, admin)
    monkeypatch.setattr(writer_module, "append", bench.append)
    yield bench
    await bench.writer.close()
    await admin.close()
    await database.close()


async def test_what_waits_is_stored_together_and_answered_one_by_one(bench: Bench) -> None:
    keys = [f"k{n:03}" for n in range(50)]
    outcomes = await asyncio.gather(*bench.submit(*keys, "k000"))
    assert [outcome.results[0].status for outcome in outcomes] == ["quarantined"] * 50 + [
        "duplicate"
    ]
    assert len(bench.batches) == 1
    assert await bench.stored() == keys
    assert bench.writer.waiting == 0


async def test_one_requests_fault_is_its_own(bench: Bench) -> None:
    bench.poison = {"b": ZeroDivisionError("of ours"), "d": Invalid("of theirs")}
    answers = await asyncio.gather(*bench.submit("a", "b", "c", "d", "e"), return_exceptions=True)
    kinds = [type(answer).__name__ for answer in answers]
    assert kinds == ["Outcome", "ZeroDivisionError", "Outcome", "Invalid", "Outcome"]
    assert await bench.stored() == ["a", "c", "e"]
    assert bench.writer.waiting == 0
    bench.poison.clear()
    await asyncio.gather(*bench.submit("b", "d"))
    assert await bench.stored() == ["a", "b", "c", "d", "e"]


async def test_a_refusal_is_its_own_too(bench: Bench) -> None:
    bench.poison = {"b": Invalid("of theirs")}
    answers = await asyncio.gather(*bench.submit("a", "b", "c"), return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == ["Outcome", "Invalid", "Outcome"]
    assert await bench.stored() == ["a", "c"]


async def test_a_lost_database_answers_everybody_at_once(bench: Bench) -> None:
    bench.poison = {"b": Unavailable("gone", retry_after_seconds=1)}
    answers = await asyncio.gather(*bench.submit("a", "b", "c"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    assert bench.batches == [["a", "b", "c"]]
    assert await bench.stored() == []
    assert bench.writer.waiting == 0


async def test_a_session_that_is_killed_in_the_flush_is_unavailable(bench: Bench) -> None:
    async with bench.held_head():
        (asked,) = bench.submit("a")
        await until(bench.one_waits)
        await end_who_waits(bench.admin)
        with pytest.raises(Unavailable):
            await asked
    (outcome,) = await asyncio.gather(*bench.submit("a"))
    assert outcome.results[0].status == "quarantined"
    assert await bench.stored() == ["a"]


async def test_a_request_that_goes_away_takes_nothing_with_it(bench: Bench) -> None:
    async with bench.held_head():
        first, second = bench.submit("a", "b")
        await until(bench.one_waits)
        third, fourth = bench.submit("c", "d")  # these wait behind the flush
        await asyncio.sleep(0)
        first.cancel()
        third.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    outcomes = await asyncio.gather(second, fourth)
    assert [outcome.results[0].status for outcome in outcomes] == ["quarantined"] * 2
    # The sender knows nothing of it, so it sends again: one and the same.
    assert await bench.stored() == ["a", "b", "c", "d"]
    (again,) = await asyncio.gather(*bench.submit("a"))
    assert again.results[0].status == "duplicate"
    assert bench.writer.waiting == 0


async def test_a_full_queue_is_unavailable_by_items_and_by_bytes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WRITER_QUEUE_ITEMS", 3)
    monkeypatch.setattr(limits, "WRITER_QUEUE_BYTES", 1_000)
    async with bench.held_head():
        taken = bench.submit("a", "b", "c")
        await until(bench.one_waits)
        assert bench.writer.waiting == 3
        with pytest.raises(Unavailable) as refused:
            await bench.writer.submit(submission(bench.tenant_id, "d"))
        assert refused.value.retry_after_seconds == 1
    await asyncio.gather(*taken)
    assert bench.writer.waiting == 0
    big = submission(bench.tenant_id, "e", b" " * 600)
    async with bench.held_head():
        asked = asyncio.create_task(bench.writer.submit(big))
        await until(bench.one_waits)
        with pytest.raises(Unavailable):
            await bench.writer.submit(submission(bench.tenant_id, "f", b" " * 401))
    await asked
    await bench.writer.submit(submission(bench.tenant_id, "f", b" " * 401))
    assert await bench.stored() == ["a", "b", "c", "e", "f"]


async def test_a_tenant_that_waits_does_not_hold_up_another(bench: Bench) -> None:
    async with bench.held_head():
        asked = bench.submit("a")
        await until(bench.one_waits)
        other = await asyncio.wait_for(bench.writer.submit(submission(ids.new(), "b")), 5)
        assert other.results[0].status == "quarantined"
        assert not asked[0].done()
    await asyncio.gather(*asked)


async def test_closing_finishes_what_was_handed_in(bench: Bench) -> None:
    asked = bench.submit("a", "b")
    await asyncio.sleep(0)
    await bench.writer.close()
    assert all(task.done() for task in asked) or await asyncio.gather(*asked)
    assert await bench.stored() == ["a", "b"]
