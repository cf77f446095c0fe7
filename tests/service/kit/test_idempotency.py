"""Idempotency-Key: one act per key, its answer again, and no key lost to a failed act."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from fastapi.responses import Response
from starlette.requests import Request

from headwater.postgres import Server
from services.kit import ids
from services.kit.auth import Viewer
from services.kit.db import Database
from services.kit.errors import (
    Conflict,
    IdempotencyAnswerLost,
    IdempotencyInFlight,
    IdempotencyKeyReused,
    Invalid,
    Unavailable,
)
from services.kit.http import JSONResponse
from services.kit.idempotency import IdempotencyStore

ANN, BEN = Viewer("acme", "admin", "ann"), Viewer("acme", "admin", "ben")


class Desk:
    """A store, and an act that counts how often it is done."""

    def __init__(self, store: IdempotencyStore, admin: Any) -> None:
        self.store, self.admin, self.tenant_id = store, admin, ids.new()
        self.database = store._database
        self.done = 0

    async def act(self) -> Response:
        self.done += 1
        return JSONResponse({"done": self.done}, 201)

    async def once(
        self, key: str | None = "k", body: bytes = b"{}", *, viewer: Viewer = ANN,
        path: str = "/it", query: str = "", method: str = "POST", tenant_id: str = "",
        act: Callable[[], Awaitable[Response]] | None = None,
    ) -> Response:  # fmt: skip
        headers = [] if key is None else [(b"idempotency-key", key.encode("latin-1"))]
        request = Request(
            {"type": "http", "method": method, "path": path, "query_string": query.encode(),
             "headers": headers, "server": ("it", 80), "scheme": "http"}
        )  # fmt: skip
        return await self.store.once(
            request, viewer, tenant_id or self.tenant_id, body, act or self.act
        )

    async def keys(self) -> int:
        return int(await self.admin.fetchval("SELECT count(*) FROM idempotency"))

    async def age(self, **by: int) -> None:
        await self.admin.execute(
            "UPDATE idempotency SET created_at = created_at - make_interval(hours => $1, secs => $2)",
            by.get("hours", 0), by.get("seconds", 0),
        )  # fmt: skip


@pytest.fixture(params=["kpi", "targets"])
async def desk(
    request: pytest.FixtureRequest, emptied: Callable[[str], Awaitable[str]], server: Server
) -> AsyncIterator[Desk]:
    url = await emptied(request.param)
    database = Database(url)
    await database.open()
    admin = await asyncpg.connect(server.url(url.rpartition("/")[2]))
    yield Desk(IdempotencyStore(database), admin)
    await admin.close()
    await database.close()


async def test_the_first_answer_is_given_again(desk: Desk) -> None:
    first, again = await desk.once(), await desk.once()
    assert (first.status_code, again.status_code, desk.done) == (201, 201, 1)
    assert again.body == first.body
    assert again.headers["content-type"] == "application/json"
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert bytes((await desk.once('"k"')).body) == first.body  # quoted, as the draft writes it


async def test_without_a_key_every_call_acts(desk: Desk) -> None:
    for key in (None, "", '""'):
        await desk.once(key)
    assert (desk.done, await desk.keys()) == (3, 0)


async def test_another_request_under_the_key_is_refused(desk: Desk) -> None:
    await desk.once()
    for other in ({"body": b"[]"}, {"path": "/other"}, {"query": "a=1"}, {"method": "PUT"}):
        with pytest.raises(IdempotencyKeyReused):
            await desk.once(**other)
    assert desk.done == 1


async def test_keys_are_a_callers_own(desk: Desk) -> None:
    await desk.once()
    await desk.once(viewer=BEN, body=b"[]")
    await desk.once(tenant_id=ids.new(), body=b"[]")
    await desk.once("other", b"[]")
    assert desk.done == 4


async def test_what_is_in_flight_is_409_and_acts_once(desk: Desk) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def slow() -> Response:
        reached.set()
        await go.wait()
        return await desk.act()

    first = asyncio.create_task(desk.once(act=slow))
    await reached.wait()
    with pytest.raises(IdempotencyInFlight) as refused:
        await desk.once()
    assert refused.value.retry_after_seconds == 1
    with pytest.raises(IdempotencyKeyReused):
        await desk.once(body=b"[]")
    go.set()
    assert (await first).status_code == 201
    assert (await desk.once()).headers["idempotency-replayed"] == "true"
    assert desk.done == 1


async def test_many_at_once_act_once(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.once() for _ in range(20)), return_exceptions=True)
    assert desk.done == 1
    kinds = {type(answer) for answer in answers}
    assert kinds <= {JSONResponse, Response, IdempotencyInFlight}


@pytest.mark.parametrize("fault", [Conflict("no"), ZeroDivisionError(), asyncio.CancelledError()])
async def test_a_failed_act_frees_the_key(desk: Desk, fault: BaseException) -> None:
    async def fail() -> Response:
        raise fault

    with pytest.raises(type(fault)):
        await desk.once(act=fail)
    assert await desk.keys() == 0
    assert (await desk.once(body=b"[]")).status_code == 201
    assert desk.done == 1


async def test_a_request_that_goes_away_frees_the_key(desk: Desk) -> None:
    reached = asyncio.Event()

    async def endless() -> Response:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    asked = asyncio.create_task(desk.once(act=endless))
    await reached.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert (await desk.once()).status_code == 201


async def test_a_key_whose_process_died_can_be_used_again(desk: Desk) -> None:
    async def die() -> Response:
        raise Unavailable("away")

    await desk.once()
    await desk.admin.execute("UPDATE idempotency SET status = NULL, answer = NULL")
    with pytest.raises(IdempotencyInFlight):
        await desk.once(act=die)
    await desk.age(seconds=61)
    assert (await desk.once()).status_code == 201
    assert desk.done == 2


@pytest.mark.parametrize(
    "fault", [Unavailable("no"), ZeroDivisionError(), asyncio.CancelledError()]
)
async def test_what_is_committed_is_not_done_again(desk: Desk, fault: BaseException) -> None:
    """The answer is lost after the commit; a minute later, and for the whole day, nothing acts."""

    async def commit_and_fail() -> Response:
        async with desk.database.write(desk.tenant_id):
            desk.done += 1
        raise fault

    with pytest.raises(type(fault)):
        await desk.once(act=commit_and_fail)
    for _ in range(2):
        with pytest.raises(IdempotencyAnswerLost):
            await desk.once()
        await desk.age(seconds=61)
    assert desk.done == 1


async def test_what_is_rolled_back_may_be_done_again(desk: Desk) -> None:
    async def fail() -> Response:
        async with desk.database.write(desk.tenant_id):
            raise Conflict("no")

    with pytest.raises(Conflict):
        await desk.once(act=fail)
    assert (await desk.once()).status_code == 201


async def test_what_writes_and_answers_is_answered_again(desk: Desk) -> None:
    async def write() -> Response:
        async with desk.database.write(desk.tenant_id):
            return await desk.act()

    first, again = await desk.once(act=write), await desk.once(act=write)
    assert (first.body, first.status_code) == (again.body, again.status_code)
    assert desk.done == 1


async def test_a_key_ends_after_a_day(desk: Desk) -> None:
    await desk.once()
    await desk.age(hours=23)
    assert "idempotency-replayed" in (await desk.once()).headers
    await desk.age(hours=2)
    assert "idempotency-replayed" not in (await desk.once(body=b"[]")).headers
    assert desk.done == 2


@pytest.mark.parametrize("key", ["x" * 256, "a\tb", "a\x7fb"])
async def test_an_odd_key_is_invalid(desk: Desk, key: str) -> None:
    with pytest.raises(Invalid) as refused:
        await desk.once(key)
    assert refused.value.path == "Idempotency-Key"
    assert (desk.done, await desk.keys()) == (0, 0)


async def test_an_answer_that_cannot_be_stored_is_not_given_twice_at_once(desk: Desk) -> None:
    """The act is done and its answer lost: the key stays taken for a minute, not for good."""

    async def act_and_lose() -> Response:
        await desk.admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return await desk.act()

    try:
        await desk.once(act=act_and_lose)
    except Unavailable:
        with pytest.raises(IdempotencyInFlight):
            await desk.once()
    assert desk.done == 1
