"""The consumer: every entry takes effect once, in order, whatever stops and whoever helps."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kit import consumer, limits, projection, versions
from services.kit.auth import Signer, Verifier
from services.kit.consumer import Consumer
from services.kit.db import Connection, Database
from services.kit.errors import ProjectionBehind, Unavailable
from services.kit.feed import Feed
from services.kit.standing import Entry
from tests.support.fakelog import FakeLog
from tests.support.gate import until


class Reader:
    """Follows a log by writing each entry's offset down; kpi's tables serve as anybody's."""

    def __init__(self, database: Database, log: FakeLog, signer: Signer) -> None:
        self.database, self.log = database, log
        self.fault: Exception | None = None
        self.faulty: str | None = None
        self._signer = signer

    def consumer(self, *types: str) -> Consumer:
        feed = Feed(service="customers", kpi=self.log.client, signer=self._signer)
        return Consumer(
            projection="test", database=self.database, feed=feed, take=self.take, types=types
        )

    async def take(
        self, connection: Connection, tenant_id: str, entries: Sequence[Entry], offset: int
    ) -> None:
        await connection.executemany(
            "INSERT INTO pipeline (tenant_id, code, name, stages, number) VALUES ($1, $2, '', $3, $4)",
            [(tenant_id, str(entry.offset), "[]", offset) for entry in entries],
        )
        if self.fault is not None and self.faulty in (None, tenant_id):
            raise self.fault

    async def taken(self, tenant_id: str) -> list[int]:
        async with self.database.read(tenant_id) as connection:
            rows = await connection.fetch(
                "SELECT code FROM pipeline WHERE tenant_id = $1 ORDER BY code::int", tenant_id
            )
        return [int(row[0]) for row in rows]

    async def asked(self) -> int:
        return self.log.asked

    async def cursor(self, tenant_id: str) -> int:
        async with self.database.read(tenant_id) as connection:
            return await projection.cursor(connection, tenant_id, "test")


@pytest.fixture
async def reader(
    emptied: Callable[[str], Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Reader]:
    monkeypatch.setattr(consumer, "_RETRY_SECONDS", 0.02)
    monkeypatch.setattr(limits, "FEED_PAGE", 7)
    key = Ed25519PrivateKey.generate()
    database = Database(await emptied("kpi"))
    await database.open()
    yield Reader(database, FakeLog(Verifier(key.public_key())), Signer(key))
    await database.close()


@contextlib.asynccontextmanager
async def running(*consumers: Consumer) -> AsyncIterator[None]:
    for one in consumers:
        await one.open()
    try:
        yield
    finally:
        for one in consumers:
            await one.close()


async def fill(log: FakeLog, tenant_id: str, count: int) -> None:
    for n in range(count):
        await log.append(tenant_id, f"type.{n % 2}.v1", f"deal:{n}", {})


async def test_pages_are_taken_in_order_and_new_entries_follow(reader: Reader) -> None:
    acme, bolt = reader.log.tenant("acme"), reader.log.tenant("bolt")
    await fill(reader.log, acme, 30)
    one = reader.consumer()
    async with running(one):
        await until(lambda: _is(reader.cursor(acme), 30))
        await fill(reader.log, bolt, 3)
        await until(lambda: _is(reader.cursor(bolt), 3))
    assert await reader.taken(acme) == list(range(1, 31))
    assert await reader.taken(bolt) == [1, 2, 3]
    async with reader.database.read(None) as connection:
        names = await connection.fetch("SELECT short_name FROM tenant ORDER BY 1")
    assert [row[0] for row in names] == ["acme", "bolt"]


async def test_only_the_asked_types_are_taken_and_the_cursor_passes_the_others(
    reader: Reader,
) -> None:
    acme = reader.log.tenant("acme")
    await fill(reader.log, acme, 21)
    async with running(reader.consumer("type.0.v1")):
        await until(lambda: _is(reader.cursor(acme), 21))
    assert await reader.taken(acme) == list(range(1, 22, 2))


async def test_two_replicas_take_everything_once(reader: Reader) -> None:
    acme = reader.log.tenant("acme")
    await fill(reader.log, acme, 40)
    async with running(reader.consumer(), reader.consumer()):
        await until(lambda: _is(reader.cursor(acme), 40))
        await fill(reader.log, acme, 40)
        await until(lambda: _is(reader.cursor(acme), 80))
    assert await reader.taken(acme) == list(range(1, 81))


async def test_a_page_that_another_worker_took_meanwhile_is_not_taken_again(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading the cursor and locking it, the other one finishes the same page."""
    acme = reader.log.tenant("acme")
    await fill(reader.log, acme, 5)
    one, other = reader.consumer(), reader.consumer()
    page = one._feed.page

    async def page_and_other(*asked: Any) -> Any:
        found = await page(*asked)
        monkeypatch.setattr(one._feed, "page", page)
        await other._step(acme, "acme")
        return found

    monkeypatch.setattr(one._feed, "page", page_and_other)
    assert await one._step(acme, "acme")
    assert await one._step(acme, "acme")
    assert await reader.taken(acme) == [1, 2, 3, 4, 5]
    assert (await reader.cursor(acme), one.lag.done(acme)) == (5, 5)


@pytest.mark.parametrize("away", [503, httpx.ConnectError("refused")])
async def test_kpi_away_delays_and_loses_nothing(reader: Reader, away: Any) -> None:
    acme = reader.log.tenant("acme")
    await fill(reader.log, acme, 5)
    reader.log.away = away
    one = reader.consumer()
    async with running(one):
        await until(lambda: _is(reader.asked(), 3))
        assert await reader.taken(acme) == []
        assert one.lag.seconds > 0
        reader.log.away = None
        await until(lambda: _is(reader.cursor(acme), 5))
        await until(lambda: _is(asyncio.sleep(0, 0 - one.lag.entries), 0))
        assert one.lag.seconds == 0
    assert await reader.taken(acme) == [1, 2, 3, 4, 5]


async def test_a_failed_page_leaves_neither_effect_nor_cursor_and_is_tried_again(
    reader: Reader,
) -> None:
    acme = reader.log.tenant("acme")
    await fill(reader.log, acme, 5)
    reader.fault = ValueError("halfway")
    one = reader.consumer()
    async with running(one):
        await until(lambda: _is(reader.asked(), 6))
        assert (await reader.taken(acme), await reader.cursor(acme)) == ([], 0)
        assert (one.lag.entries, one.lag.seconds > 0) == (5, True)
        reader.fault = None
        await until(lambda: _is(reader.cursor(acme), 5))
        await until(lambda: _is(asyncio.sleep(0, 0 - one.lag.entries), 0))
        assert one.lag.seconds == 0
    assert await reader.taken(acme) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("fault", [ValueError("halfway"), Unavailable("it took too long")])
async def test_a_tenant_that_cannot_be_taken_stops_nobody_else(
    reader: Reader, fault: Exception
) -> None:
    acme, bolt = reader.log.tenant("acme"), reader.log.tenant("bolt")
    reader.fault, reader.faulty = fault, acme
    await fill(reader.log, acme, 2)
    await fill(reader.log, bolt, 9)
    async with running(reader.consumer()):
        await until(lambda: _is(reader.cursor(bolt), 9))
        assert await reader.taken(acme) == []


async def test_a_reader_waits_for_its_offset_or_is_told_that_it_is_behind(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = reader.log.tenant("acme")
    one = reader.consumer()

    async def read(offset: int) -> None:
        async with projection.reading(reader.database, one.progress, acme, "test", offset):
            return

    async with running(one):
        waiting = asyncio.create_task(read(3))
        await fill(reader.log, acme, 3)
        await waiting
        monkeypatch.setattr(limits, "MIN_OFFSET_WAIT_SECONDS", 0.2)
        with pytest.raises(ProjectionBehind):
            await read(4)


async def test_changes_tell_what_moved_since_an_offset(reader: Reader) -> None:
    acme = reader.log.tenant("acme")
    await fill(reader.log, acme, 9)
    one = reader.consumer()
    subjects = [f"00000000-0000-7000-8000-00000000000{n}" for n in range(3)]
    async with running(one):
        await until(lambda: _is(reader.cursor(acme), 9))
        where = reader.database, one.progress, acme, "test"
        assert await versions.changes(*where, -1, 0) == {"offset": 9, "subjects": []}
        async with reader.database.write(acme) as connection:
            await versions.bump(connection, acme, {subjects[0]: 3, subjects[1]: 7})
        assert await versions.changes(*where, 3, 0) == {"offset": 9, "subjects": [subjects[1]]}
        assert await versions.changes(*where, 9, 0) == {"offset": 9, "subjects": []}


async def _is(found: Awaitable[int], wanted: int) -> bool:
    return await found >= wanted
