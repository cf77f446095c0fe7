"""How the gateway's calls travel: over the network, or straight into an application beside it."""

import logging
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import httpx

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
        """`target` is the path with its query; Unreached where no answer comes."""


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
        except Exception as fault:  # a service in this process raises through: its fault
            log.exception("%s %s raised", method, target.partition("?")[0])
            raise Unreached(type(fault).__name__) from None
        return Answer(answer.status_code, answer.content)


def wired(reached: httpx.AsyncClient | Wire) -> Wire:
    return HttpxWire(reached) if isinstance(reached, httpx.AsyncClient) else reached
