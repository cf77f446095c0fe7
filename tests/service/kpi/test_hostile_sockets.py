"""The same over a real socket: what the server does with a flood, a lie and a broken frame."""

import asyncio
import contextlib
import json
import socket
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Self

import pytest
import uvicorn

from services.kit import ids, limits
from services.kpi.vendors import standard_webhooks
from tests.support.gate import DOORS, HUGE, JSON, Gate, until

PART = b" " * (64 << 10)
CHUNK = b"%x\r\n%b\r\n" % (len(PART), PART)
MOST_MEMORY = 16 << 20


@dataclass
class Front:
    """uvicorn before the module's kpi; `read_bytes` is what the application took of bodies."""

    gate: Gate
    port: int
    read_bytes: int = 0

    def head(self, door: str, body: bytes = b"", **headers: str) -> bytes:
        proof = self.gate.kpi.token(self.gate.company.tenant)
        if door == "webhook":
            secret = standard_webhooks.secret_bytes(self.gate.kpi.secret)
            proof = standard_webhooks.sign(secret, ids.new(), self.gate.kpi.clock.now(), body)
        path = self.gate.kpi.webhook_path if door == "webhook" else "/kpi/v1/events"
        given = {"host": "kpi", "content-type": JSON, **proof}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
        return "\r\n".join([*lines, "", ""]).encode()


@pytest.fixture(scope="module")
async def front(gate: Gate) -> AsyncIterator[Front]:
    listening = socket.create_server(("127.0.0.1", 0))
    front = Front(gate, listening.getsockname()[1])

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        async def counted() -> Any:
            message = await receive()
            front.read_bytes += len(message.get("body", b""))
            return message

        await gate.kpi.app(scope, counted, send)

    server = uvicorn.Server(uvicorn.Config(counting, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve(sockets=[listening]))

    async def started() -> bool:
        return server.started

    await until(started)
    yield front
    server.should_exit = True
    await serving


class Talk:
    """One raw connection."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def __aenter__(self) -> Self:
        self._reader, self.writer = await asyncio.open_connection("127.0.0.1", self._front.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return int(head[0].split()[1]), headers, body

    async def flood(self, part: bytes, most_bytes: int) -> int:
        """Send `part` again and again until the peer has enough; how much was sent."""
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < most_bytes:
                self.writer.write(part)
                await self.writer.drain()
                sent += len(part)
        return sent


@pytest.mark.parametrize("door", DOORS)
async def test_a_chunked_flood_is_413_with_bounded_memory(front: Front, door: str) -> None:
    before = await front.gate.stored()
    front.read_bytes = 0
    tracemalloc.start()
    try:
        async with Talk(front) as talk:
            talk.writer.write(front.head(door, transfer_encoding="chunked"))
            # The sender does not listen: it goes on sending whatever the answer is.
            flooding = asyncio.create_task(talk.flood(CHUNK, HUGE))
            status, _, body = await asyncio.wait_for(talk.answer(), 20)
            await asyncio.wait_for(flooding, 60)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (status, json.loads(body)["code"]) == (413, "too_large")
    assert front.read_bytes <= limits.BODY_BYTES + (256 << 10)
    assert peak < MOST_MEMORY
    assert await front.gate.stored() == before


@pytest.mark.parametrize("door", DOORS)
async def test_a_declared_flood_is_413_before_its_body(front: Front, door: str) -> None:
    front.read_bytes = 0
    async with Talk(front) as talk:
        talk.writer.write(front.head(door, content_length=str(HUGE)))
        status, _, body = await asyncio.wait_for(talk.answer(), 10)
    assert (status, json.loads(body)["code"]) == (413, "too_large")
    assert front.read_bytes == 0


@pytest.mark.parametrize("door", DOORS)
async def test_chunks_within_the_limit_are_taken(front: Front, door: str) -> None:
    gate = front.gate
    body = json.dumps(gate.event() if door == "events" else gate.item()).encode()
    async with Talk(front) as talk:
        talk.writer.write(front.head(door, body, transfer_encoding="chunked"))
        for byte in body:
            talk.writer.write(b"1\r\n%c\r\n" % byte)
        talk.writer.write(b"0\r\n\r\n")
        status, _, answer = await asyncio.wait_for(talk.answer(), 10)
    assert (status, json.loads(answer)["accepted"]) == (202, 1)


@pytest.mark.parametrize(
    "broken",
    [
        {"transfer_encoding": "chunked", "content_length": "5"},
        {"content_length": "five"},
        {"content_length": "-1"},
        {"transfer_encoding": "gzip"},
    ],
)
async def test_a_lie_about_the_length_is_refused(front: Front, broken: dict[str, str]) -> None:
    before = await front.gate.stored()
    async with Talk(front) as talk:
        talk.writer.write(front.head("webhook", b"{}", **broken) + b"zz\r\n{}\r\n0\r\n\r\n")
        with contextlib.suppress(asyncio.IncompleteReadError):
            status, _, _ = await asyncio.wait_for(talk.answer(), 10)
            assert status in {400, 401, 411, 413, 501}
    assert await front.gate.stored() == before


async def test_a_broken_chunk_or_an_early_end_stores_nothing(front: Front) -> None:
    before = await front.gate.stored()
    for rest in (b"zz\r\n", b"5\r\n{", b"ffffffffffffffffffff\r\n"):
        async with Talk(front) as talk:
            talk.writer.write(front.head("webhook", transfer_encoding="chunked") + rest)
            await talk.writer.drain()
            talk.writer.write_eof()
            with contextlib.suppress(asyncio.IncompleteReadError):
                status, _, _ = await asyncio.wait_for(talk.answer(), 10)
                assert 400 <= status < 500
    assert await front.gate.stored() == before
    async with Talk(front) as talk:
        talk.writer.write(front.head("webhook", b"{}", content_length="2") + b"[]")
        assert (await asyncio.wait_for(talk.answer(), 10))[0] == 401


async def test_the_door_stays_open_after_all_of_it(front: Front) -> None:
    body = json.dumps(front.gate.item()).encode()
    async with Talk(front) as talk:
        for _ in range(2):  # on one connection
            talk.writer.write(front.head("webhook", body, content_length=str(len(body))) + body)
            status, headers, _ = await asyncio.wait_for(talk.answer(), 10)
            assert status == 202
            assert headers["x-content-type-options"] == "nosniff"
