"""Calls to one address over HTTP/1.1, on connections that are kept.

A read that a kept connection fails before it answers anything goes once more on a new one: the
server may have closed it while it was idle. An act goes on a new connection to begin with, so that
it never has to be sent twice.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httptools

from gateway.execution.wire import Answer, Unreached

_KEPT = 32
"""Idle connections that are kept; those beyond are closed after their answer."""
_AT_ONCE = 128
"""Calls under way to one service; who comes then waits for one of them."""


class NetworkWire:
    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is not an address such as http://127.0.0.1:8001")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host = parts.hostname
        self._port = parts.port or (443 if self._tls else 80)
        self._prefix = parts.path.rstrip("/")
        self._name = parts.netloc.rpartition("@")[2]
        self._idle: list[_Connection] = []
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def send(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes = b""
    ) -> Answer:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        message = (
            f"{method} {self._prefix}{target} HTTP/1.1\r\nhost: {self._name}\r\n"
            f"content-length: {len(content)}\r\n{lines}\r\n"
        ).encode() + content
        async with self._room:
            if method == "GET":
                while self._idle:
                    kept = self._idle.pop()
                    with contextlib.suppress(_Stale):
                        return await self._exchange(kept, message)
            return await self._exchange(await self._connect(), message)

    async def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _connect(self) -> "_Connection":
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                _Connection, self._host, self._port, ssl=self._tls
            )
        except OSError as fault:
            raise Unreached(type(fault).__name__) from None
        return connection

    async def _exchange(self, connection: "_Connection", message: bytes) -> Answer:
        try:
            answer = await connection.ask(message)
        except BaseException:  # with a half-read answer it is of no more use
            connection.close()
            raise
        if connection.is_reusable and len(self._idle) < _KEPT:
            self._idle.append(connection)
        else:
            connection.close()
        return answer


class _Stale(Unreached):
    """A kept connection was closed before anything was answered on it."""


class _Connection(asyncio.Protocol):
    """One question at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._body: list[bytes] = []
        self._answered = 0
        self._heard = False
        self.is_reusable = False

    async def ask(self, message: bytes) -> Answer:
        if self._transport is None or self._transport.is_closing():
            raise _Stale("closed")
        self._parser = httptools.HttpResponseParser(self)
        self._body = []
        self._heard = self.is_reusable = False
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        return await self._waiting

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._waiting is None or self._waiting.done():
            self.close()  # nobody asked
            return
        self._heard = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(Unreached("no HTTP"))

    def connection_lost(self, _fault: Exception | None) -> None:
        kept = self._answered > 0 and not self._heard
        self._fail(_Stale("closed") if kept else Unreached("connection lost"))
        self._transport = None

    # What the parser calls.

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._answered += 1
        self.is_reusable = self._parser.should_keep_alive()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(Answer(self._parser.get_status_code(), b"".join(self._body)))

    def _fail(self, fault: Unreached) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(fault)
