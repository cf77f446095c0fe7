"""The outbox: facts leave in the order of their commits, late if need be, and never get lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kit import ids, outbox
from services.kit.auth import Signer, Verifier
from services.kit.db import Database
from services.kit.errors import Unavailable
from services.kit.outbox import Fact, Outbox
from tests.support.gate import until
from tests.support.kpi import running_kpi

AT = datetime(2026, 1, 1, 9, tzinfo=UTC)
NAMES = ("acme", "bolt")


class Kpi:
    """A kpi that takes facts, unless it is told to be away; it deduplicates as the real one."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self.calls = 0
        self.away: Any = None
        self.poisoned: set[int] = set()
        self.taken: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
        self.seen: set[str] = set()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        viewer = await self._verifier.viewer(dict(request.headers))
        assert (viewer.role, viewer.service) == ("service", "targets")
        away = self.away(viewer.tenant) if callable(self.away) else self.away
        if isinstance(away, Exception):
            raise away
        if isinstance(away, int):
            return httpx.Response(away, json={"code": "unavailable"})
        facts = orjson.loads(request.content)["facts"]
        assert len(facts) <= 500
        if self.poisoned & {fact["payload"]["n"] for fact in facts}:
            return httpx.Response(422, json={"code": "invalid"})
        for fact in facts:
            if fact["id"] not in self.seen:
                self.seen.add(fact["id"])
                self.taken[viewer.tenant].append(fact)
        if away == "answer lost":
            raise httpx.ReadTimeout("after it was taken")
        return httpx.Response(200, json={})

    def numbers(self, tenant: str) -> list[int]:
        return [fact["payload"]["n"] for fact in self.taken[tenant]]


class Post:
    """Two tenants of targets, and their outbox."""

    def __init__(self, database: Database, kpi: Kpi, signer: Signer) -> None:
        self.database, self.kpi = database, kpi
        self.tenants = {name: ids.new() for name in NAMES}
        client = httpx.AsyncClient(transport=httpx.MockTransport(kpi), base_url="http://kpi")
        self.outbox = Outbox(service="targets", database=database, kpi=client, signer=signer)
        self.client = client

    async def put(self, *numbers: int, tenant: str = "acme") -> None:
        tenant_id = self.tenants[tenant]
        async with self.database.write(tenant_id) as connection:
            await outbox.put(
                connection, tenant_id,
                [Fact("unit.placed.v1", f"unit:{n}", AT, {"n": n}) for n in numbers],
            )  # fmt: skip

    async def pending(self, tenant: str = "acme") -> int:
        return (await self.outbox.pending(self.tenants[tenant]))[0]

    async def delivered(self) -> None:
        async def empty() -> bool:
            return not any([await self.pending(name) for name in NAMES])

        await until(empty)


@pytest.fixture
async def post(
    emptied: Callable[[str], Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Post]:
    monkeypatch.setattr(outbox, "_RETRY_SECONDS", 0.02)
    signer = Signer(Ed25519PrivateKey.generate())
    database = Database(await emptied("targets"))
    await database.open()
    post = Post(database, Kpi(Verifier(signer.public_key)), signer)
    async with database.write(None) as connection:
        for name, id_ in post.tenants.items():
            await connection.execute("INSERT INTO tenant VALUES ($1, $2)", id_, name)
    yield post
    await post.outbox.close()
    await post.client.aclose()
    await database.close()


async def test_facts_leave_whole_and_once(post: Post) -> None:
    await post.put(1, 2)
    await post.outbox.open()
    await post.delivered()
    first, second = post.kpi.taken["acme"]
    assert ids.is_id(first["id"])
    assert first["id"] < second["id"]
    assert {**first, "id": ""} == {
        "id": "", "type": "unit.placed.v1", "subject": "unit:1",
        "occurred_at": AT.isoformat(), "payload": {"n": 1},
    }  # fmt: skip
    assert post.kpi.calls == 1


async def test_a_wake_sends_at_once(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_SCAN_SECONDS", 3600)
    await post.outbox.open()
    await until(post_is_idle(post))
    await post.put(1)
    post.outbox.wake()
    await post.delivered()


def post_is_idle(post: Post) -> Callable[[], Any]:
    async def idle() -> bool:
        return not post.outbox._woken.is_set() and not post.outbox._delivering.locked()

    return idle


async def test_nothing_leaves_before_its_commit_or_after_a_rollback(post: Post) -> None:
    tenant_id = post.tenants["acme"]

    async def put_and_fail() -> None:
        async with post.database.write(tenant_id) as connection:
            await outbox.put(connection, tenant_id, [Fact("unit.placed.v1", "u", AT, {"n": 1})])
            await post.outbox._deliver_all()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await put_and_fail()
    await post.put(2)
    await post.outbox._deliver_all()
    assert post.kpi.numbers("acme") == [2]


async def test_the_order_is_that_of_commits_however_many_at_once(post: Post) -> None:
    await post.outbox.open()
    for first in range(0, 60, 20):
        await asyncio.gather(*(post.put(first + n) for n in range(20)))
        post.outbox.wake()
    await post.delivered()
    numbers = post.kpi.numbers("acme")
    assert sorted(numbers) == list(range(60))
    assert [n // 20 for n in numbers] == sorted(n // 20 for n in numbers)


async def test_the_order_is_by_number_wherever_rows_lie(post: Post) -> None:
    await post.put(1, 2, 3)
    columns = "tenant_id, number, id, type, subject, occurred_at, payload, created_at"
    async with post.database.write(post.tenants["acme"]) as connection:
        rows = await connection.fetch(f"DELETE FROM outbox RETURNING {columns}")
        for row in reversed(rows):
            await connection.execute(
                f"INSERT INTO outbox ({columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", *row
            )
    await post.outbox._deliver_all()
    assert post.kpi.numbers("acme") == [1, 2, 3]


async def test_more_than_a_batch_leaves_in_batches_in_order(post: Post) -> None:
    await post.put(*range(1_201))
    assert await post.outbox._deliver_all() is False
    assert post.kpi.numbers("acme") == list(range(1_201))
    assert post.kpi.calls == 3


async def test_large_facts_leave_in_bodies_that_kpi_takes(post: Post) -> None:
    """One that is larger than a batch may be goes alone instead of staying for good."""
    sizes = [1_000_000, 1_000_000, 1_000_000, 3_000_000, 10]
    tenant_id = post.tenants["acme"]
    async with post.database.write(tenant_id) as connection:
        facts = [
            Fact("target.set.v1", f"target:{n}", AT, {"n": n, "cells": "x" * size})
            for n, size in enumerate(sizes)
        ]
        await outbox.put(connection, tenant_id, facts)
    assert await post.outbox._deliver_all() is False
    assert post.kpi.numbers("acme") == [0, 1, 2, 3, 4]
    assert post.kpi.calls == 4


@pytest.mark.parametrize(
    "away",
    [503, 409, 500, httpx.ConnectError("refused"), httpx.ReadTimeout("silent"),
     ZeroDivisionError("in this very process")],
)  # fmt: skip
async def test_kpi_being_away_delays_and_never_loses(post: Post, away: Any) -> None:
    post.kpi.away = away
    await post.put(1)
    await post.outbox.open()

    async def tried_again() -> bool:
        return post.kpi.calls >= 3

    await until(tried_again)
    await post.put(2)
    assert (await post.pending(), post.kpi.taken["acme"]) == (2, [])
    assert (await post.outbox.pending(post.tenants["acme"]))[1] > 0
    post.kpi.away = None
    await post.delivered()
    assert post.kpi.numbers("acme") == [1, 2]


async def test_an_answer_that_is_lost_is_a_repeat_without_harm(post: Post) -> None:
    post.kpi.away = "answer lost"
    await post.put(1, 2)
    assert await post.outbox._deliver_all() is True
    await post.put(3)
    post.kpi.away = None
    assert await post.outbox._deliver_all() is False
    assert post.kpi.numbers("acme") == [1, 2, 3]


async def test_a_refused_fact_holds_only_what_comes_after_it_and_is_named(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    post.kpi.poisoned = {5}
    await post.put(*range(9))
    await post.put(100, tenant="bolt")
    for _ in range(3):
        assert await post.outbox._deliver_all() is True
    assert post.kpi.numbers("acme") == [0, 1, 2, 3, 4]
    assert post.kpi.numbers("bolt") == [100]
    assert post.outbox.refused_tenants == 1
    said = [record.message for record in caplog.records if record.levelname == "CRITICAL"]
    assert len(said) == 1  # once, not at every try
    assert "unit.placed.v1, unit:5" in said[0]
    calls = post.kpi.calls
    await post.outbox._deliver_all()
    assert post.kpi.calls == calls + 1  # it alone is tried again
    post.kpi.poisoned = set()
    assert await post.outbox._deliver_all() is False
    assert post.kpi.numbers("acme") == list(range(9))
    assert post.outbox.refused_tenants == 0


async def test_the_age_of_what_waits_is_known_without_asking_the_database(post: Post) -> None:
    assert post.outbox.oldest_seconds == 0
    await post.put(1)
    columns = "tenant_id, number, id, type, subject, occurred_at, payload, created_at"
    async with post.database.write(post.tenants["acme"]) as connection:
        row = await connection.fetchrow(f"DELETE FROM outbox RETURNING {columns}")
        await connection.execute(
            f"INSERT INTO outbox ({columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, "
            "$8::timestamptz - interval '1 hour')", *row,
        )  # fmt: skip
    await post.put(2, tenant="bolt")
    post.kpi.away = 503
    await post.outbox._deliver_all()
    assert 3_600 <= post.outbox.oldest_seconds < 3_700
    post.kpi.away = None
    await post.outbox._deliver_all()
    assert post.outbox.oldest_seconds == 0


@pytest.mark.parametrize(
    "away", [503, ZeroDivisionError("of one tenant alone"), Unavailable("it took too long")]
)
async def test_one_tenants_trouble_is_not_the_others(post: Post, away: Any) -> None:
    for refused, taken in (NAMES, NAMES[::-1]):
        number = len(post.kpi.numbers(taken))
        await post.put(number, tenant=refused)
        await post.put(number, tenant=taken)
        post.kpi.away = lambda tenant, refused=refused: away if tenant == refused else None
        await post.outbox._deliver_all()
        assert number in post.kpi.numbers(taken)
        post.kpi.away = None
        await post.outbox._deliver_all()
        assert number in post.kpi.numbers(refused)


async def test_a_slow_kpi_does_not_hold_up_who_puts_facts(post: Post) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def slow(_request: httpx.Request) -> httpx.Response:
        reached.set()
        await go.wait()
        return httpx.Response(503)

    await post.put(1)
    slow_client = httpx.AsyncClient(transport=httpx.MockTransport(slow), base_url="http://kpi")
    post.outbox._kpi = slow_client
    delivering = asyncio.create_task(post.outbox._deliver_all())
    await reached.wait()
    await asyncio.wait_for(post.put(2), 1)
    go.set()
    assert await delivering is True
    await slow_client.aclose()
    assert await post.pending() == 2


async def test_two_processes_keep_the_order(post: Post) -> None:
    signer = post.outbox._signer
    other = Outbox(service="targets", database=post.database, kpi=post.client, signer=signer)
    for first in range(0, 200, 10):
        await post.put(*range(first, first + 10))
        await asyncio.gather(post.outbox._deliver_all(), other._deliver_all())
    assert post.kpi.numbers("acme") == list(range(200))
    assert await post.pending() == 0


async def test_a_lost_database_is_waited_for(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    await post.put(1)
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    await away.open()
    back, post.outbox._database = post.outbox._database, away
    tries = 0

    async def count() -> bool:
        nonlocal tries
        tries += 1
        return await Outbox._deliver_each(post.outbox)

    monkeypatch.setattr(post.outbox, "_deliver_each", count)
    await post.outbox.open()

    async def tried_again() -> bool:
        return tries >= 3

    await until(tried_again)
    post.outbox._database = back
    await post.delivered()
    await away.close()


async def test_to_the_real_kpi_it_is_the_order_of_the_log(
    emptied: Callable[[str], Awaitable[str]], post: Post
) -> None:
    async with running_kpi(await emptied("kpi")) as kpi:
        post.outbox._kpi, post.outbox._signer = kpi.client, kpi.signer
        tenant_id = post.tenants["acme"]
        units = [ids.new() for _ in range(30)]
        for number, unit in enumerate(units):
            payload = {
                "unit_id": unit, "external_id": f"hr:{number}", "parent_id": None,
                "manager_id": None,
                "placements": [
                    {"parent_id": None, "manager_id": None, "starts_on": "2026-01-01", "ends_on": None}
                ],
            }  # fmt: skip
            async with post.database.write(tenant_id) as connection:
                await outbox.put(
                    connection, tenant_id, [Fact("unit.placed.v1", f"unit:{unit}", AT, payload)]
                )
            await post.outbox._deliver_all()
        token = kpi.signer.service_token("customers", "acme", tenant_id)
        feed = await kpi.client.get(
            "/kpi/v1/feed", headers={"authorization": f"Bearer {token}"},
            params={"type": "unit.placed.v1"},
        )  # fmt: skip
        assert [entry["payload"]["unit_id"] for entry in feed.json()["items"]] == units
        assert await post.pending() == 0
