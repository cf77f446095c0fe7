"""One service as the gateway meets it: batch reads over HTTP, refusals by code.

Never a wait past the deadline. The client is given: a network one, or one that calls in process.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import httpx
import orjson

from gateway.errors import ServiceRefused, unavailable
from gateway.execution.coalescing import Flights, LoadKey
from gateway.execution.deadlines import Caller

log = logging.getLogger(__name__)

Params = Sequence[tuple[str, str]]


class Service:
    def __init__(self, name: str, http: httpx.AsyncClient, flights: Flights) -> None:
        self.name = name
        self._http = http
        self._flights = flights

    async def read(self, path: str, params: Params, caller: Caller) -> Any:
        """A read for the caller, shared with equal ones in flight."""
        viewer = caller.viewer
        key = LoadKey(viewer.tenant, viewer.scope, self.name, path, tuple(params))
        seconds = caller.deadline.remaining_seconds
        if seconds == 0:
            raise unavailable(self.name)

        async def load() -> Any:
            return await self.ask(
                path, params, token=viewer.token, request_id=caller.request_id, seconds=seconds
            )

        try:
            return await self._flights.share(key, load, caller.deadline)
        except TimeoutError:
            raise unavailable(self.name) from None

    async def ask(
        self, path: str, params: Params, *, token: str, request_id: str, seconds: float
    ) -> Any:
        """One GET; ServiceRefused where the service says no or nothing."""
        try:
            async with asyncio.timeout(seconds):
                answer = await self._http.get(
                    path, params=list(params), timeout=None,  # the deadline above is the limit
                    headers={
                        "authorization": f"Bearer {token}",
                        "x-request-id": request_id,
                        "headwater-deadline-millis": str(round(seconds * 1000)),
                    },
                )  # fmt: skip
        except (TimeoutError, httpx.HTTPError) as fault:
            log.warning("%s %s: %s", self.name, path, type(fault).__name__)
            raise unavailable(self.name) from None
        except Exception:  # a service in this process raises through: its fault, its outage
            log.exception("%s %s raised", self.name, path)
            raise unavailable(self.name) from None
        if answer.status_code == httpx.codes.OK:
            return orjson.loads(answer.content)
        raise self._refusal(path, answer)

    def _refusal(self, path: str, answer: httpx.Response) -> Exception:
        try:
            problem = orjson.loads(answer.content)
            code, message = problem["code"], problem["detail"]
        except (ValueError, KeyError, TypeError):
            code, message, problem = None, "", {}
        if isinstance(code, str) and code != "internal":
            return ServiceRefused(self.name, code, str(message), path=problem.get("path"))
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            log.warning("%s %s: %s", self.name, path, answer.status_code)
            return unavailable(self.name)
        return RuntimeError(f"{self.name} {path} answered {answer.status_code}")
