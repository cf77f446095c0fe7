"""How the gateway's calls travel: over the network, or straight into an application beside it.

A general HTTP client costs several times what a board's reads do (a request object, a parsed URL
and a response each), so there are two lean ways: `InProcess` calls an ASGI application as a server
would, `gateway.execution.network` keeps connections to one address. Both take whole messages,
follow no redirect and know no proxy: services answer themselves.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import NamedTuple, Protocol
from urllib.parse import unquote

import httpx
from starlette.types import ASGIApp, Message

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    status: int
    content: bytes


class Unreached(Exception):
    """No answer came: nobody listens, the connection broke, or the application raised."""


class Wire(Protocol):
    """One service. A caller who waits no longer cancels."""

    async def send(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes = b""
    ) -> Answer:
        """`target` is the path with its query, encoded; Unreached where no answer comes."""

    async def close(self) -> None:
        """Lets go of what is kept."""


class InProcess:
    """An application in this process."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def send(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes = b""
    ) -> Answer:
        path, _, query = target.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "scheme": "http", "path": unquote(path), "raw_path": path.encode("ascii"),
            "query_string": query.encode("ascii"), "root_path": "",
            "headers": [
                (b"host", b"service"), (b"content-length", b"%d" % len(content)),
                *((name.encode("ascii"), value.encode()) for name, value in headers.items()),
            ],
            "client": ("127.0.0.1", 0), "server": ("service", 80),
        }  # fmt: skip
        asked = False
        status, parts = 500, []

        async def receive() -> Message:
            nonlocal asked
            if asked:  # who asks again waits for a disconnect, which does not come
                await asyncio.Event().wait()
            asked = True
            return {"type": "http.request", "body": content, "more_body": False}

        async def take(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                parts.append(message.get("body", b""))

        try:
            await self._app(scope, receive, take)
        except Exception as fault:  # a service in this process raises through: its fault
            log.exception("%s %s raised", method, path)
            raise Unreached(type(fault).__name__) from None
        return Answer(status, b"".join(parts))

    async def close(self) -> None:
        """Nothing is kept."""


class HttpxWire:
    """Over whatever transport an httpx client has."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes = b""
    ) -> Answer:
        try:
            answer = await self._client.request(
                method, target, headers=dict(headers), content=content or None,
                timeout=None,  # who calls has a deadline
            )  # fmt: skip
        except httpx.HTTPError as fault:
            raise Unreached(type(fault).__name__) from None
        except Exception as fault:
            log.exception("%s %s raised", method, target.partition("?")[0])
            raise Unreached(type(fault).__name__) from None
        return Answer(answer.status_code, answer.content)

    async def close(self) -> None:
        """Who made the client closes it."""


def wired(reached: httpx.AsyncClient | Wire) -> Wire:
    return HttpxWire(reached) if isinstance(reached, httpx.AsyncClient) else reached
