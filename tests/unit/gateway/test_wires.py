"""The gateway's ways to a service, against a server that behaves well and ones that do not."""

import asyncio
import contextlib

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from gateway.execution.network import NetworkWire
from gateway.execution.wire import InProcess, Unreached

GREETING = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


async def _echo(request: Request):
    body = (await request.body()).decode()
    return JSONResponse(
        {"method": request.method, "path": request.url.path, "query": request.url.query,
         "header": request.headers["x-asked"], "body": body},
        201,
    )  # fmt: skip


async def _crash(_request: Request):
    raise RuntimeError("a fault of the service")


async def _stream(_request: Request):
    async def parts():
        yield b"one "
        yield b"two"

    return StreamingResponse(parts())


APP = Starlette(
    routes=[
        Route("/echo/{name}", _echo, methods=["GET", "POST"]),
        Route("/crash", _crash),
        Route("/stream", _stream),
    ]
)


async def test_in_process_is_as_over_the_network():
    wire = InProcess(APP)
    answer = await wire.send("POST", "/echo/a%20b?q=%20", {"x-asked": "yes"}, b"hello")
    assert answer.status == 201
    assert answer.content == (
        b'{"method":"POST","path":"/echo/a b","query":"q=%20","header":"yes","body":"hello"}'
    )
    assert (await wire.send("GET", "/stream", {})).content == b"one two"
    assert (await wire.send("GET", "/none", {})).status == 404
    with pytest.raises(Unreached):
        await wire.send("GET", "/crash", {})


@contextlib.asynccontextmanager
async def serving(serve):
    """A server whose connections `serve` handles; the URL, and a list of connections so far."""
    connections = []

    async def accept(reader, writer):
        connections.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer, len(connections))
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", connections
    finally:
        server.close()
        for writer in connections:
            writer.close()


async def _request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(length)


async def test_reads_share_a_kept_connection():
    seen = []

    async def serve(reader, writer, _number):
        while True:
            seen.append(await _request(reader))
            writer.write(GREETING)

    async with serving(serve) as (url, connections):
        wire = NetworkWire(url + "/base/")
        for _ in range(3):
            assert await wire.send("GET", "/x?y=1", {"a": "b"}) == (200, b"hi")
        assert len(connections) == 1
        assert await wire.send("POST", "/x", {}, b"{}") == (200, b"hi")
        assert len(connections) == 2, "an act has a connection of its own"
        await wire.close()
    assert seen[0][0].startswith(b"GET /base/x?y=1 HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"\r\na: b\r\n" in seen[0][0]
    assert seen[3][1] == b"{}"


async def test_a_connection_that_was_closed_while_idle_is_replaced():
    async def serve(reader, writer, _number):
        await _request(reader)
        writer.write(GREETING)

    async with serving(serve) as (url, connections):
        wire = NetworkWire(url)
        for number in range(1, 4):
            assert (await wire.send("GET", "/", {})).content == b"hi"
            assert len(connections) == number
        await wire.close()


async def test_a_kept_connection_that_dies_under_a_read_is_replaced_but_a_new_one_is_not():
    async def serve(reader, writer, number):
        await _request(reader)
        if number < 3:
            writer.write(GREETING)
            await _request(reader)  # and then closes without an answer

    async with serving(serve) as (url, connections):
        wire = NetworkWire(url)
        assert (await wire.send("GET", "/", {})).content == b"hi"
        assert (await wire.send("GET", "/", {})).content == b"hi"
        assert len(connections) == 2
        with pytest.raises(Unreached):
            await wire.send("GET", "/", {})
        assert len(connections) == 3
        await wire.close()


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"],
)
async def test_half_an_answer_is_none(answer):
    async def serve(reader, writer, _number):
        await _request(reader)
        writer.write(answer)
        await writer.drain()

    async with serving(serve) as (url, _connections):
        wire = NetworkWire(url)
        with pytest.raises(Unreached):
            await wire.send("GET", "/", {})


async def test_chunks_are_put_together_and_close_is_kept_to():
    async def serve(reader, writer, _number):
        while True:
            await _request(reader)
            writer.write(
                b"HTTP/1.1 503 Service Unavailable\r\ntransfer-encoding: chunked\r\n"
                b"connection: close\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
            )

    async with serving(serve) as (url, connections):
        wire = NetworkWire(url)
        assert await wire.send("GET", "/", {}) == (503, b"hello")
        assert await wire.send("GET", "/", {}) == (503, b"hello")
        assert len(connections) == 2


async def test_who_gives_up_spoils_nobody_s_answer():
    release = asyncio.Event()

    async def serve(reader, writer, number):
        while True:
            await _request(reader)
            if number == 1:
                await release.wait()
            writer.write(GREETING)

    async with serving(serve) as (url, connections):
        wire = NetworkWire(url)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await wire.send("GET", "/slow", {})
        release.set()
        assert await wire.send("GET", "/", {}) == (200, b"hi")
        assert len(connections) == 2


async def test_nobody_there():
    async with serving(None) as (url, _connections):
        pass
    with pytest.raises(Unreached):
        await NetworkWire(url).send("GET", "/", {})


@pytest.mark.parametrize("url", ["127.0.0.1:80", "ftp://x", "http://"])
def test_an_address_is_checked_where_it_is_given(url):
    with pytest.raises(ValueError, match="address"):
        NetworkWire(url)
