"""One service as the gateway meets it: batch reads and single acts over HTTP, refusals by code.

Never a wait past the deadline. A read may be shared with equal ones in flight; an act never is,
and it is never tried twice: whether the first one happened is not known.
"""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import orjson

from gateway.errors import ServiceRefused, unavailable
from gateway.execution.coalescing import Flights, LoadKey
from gateway.execution.deadlines import Caller, Deadline
from gateway.execution.pooling import Pools
from gateway.execution.wire import Unreached, Wire
from services.kit import limits

log = logging.getLogger(__name__)

Params = Sequence[tuple[str, str]]
_ERRORS = 400
_FAULTS = 500
_BARE = re.compile(r"[A-Za-z0-9_.~-]*")
"""What stands in a query as it is, such as ids, which are most of it."""


class Many(NamedTuple):
    """The parameter that names what a batch read is about, repeated, and what items are known by:
    the id under that name, or the ids in a list there.
    """

    parameter: str
    by: str


class Service:
    def __init__(self, name: str, wire: Wire, flights: Flights, pools: Pools) -> None:
        self.name = name
        self._wire = wire
        self._flights = flights
        self._pools = pools

    async def read_at_least(
        self, path: str, params: Params, caller: Caller, *, by: Deadline | None = None,
        many: Many | None = None,
    ) -> Any:  # fmt: skip
        """A read of what follows the log, which must have reached the caller's offset."""
        if caller.min_offset is not None:
            params = [*params, ("min_offset", str(caller.min_offset))]
        return await self.read(path, params, caller, by=by, many=many)

    async def read(
        self, path: str, params: Params, caller: Caller, *, by: Deadline | None = None,
        many: Many | None = None,
    ) -> Any:  # fmt: skip
        """A read for the caller, shared with equal ones in flight; `by` is sooner than theirs.

        Reads that differ in what they are about alone, which `many` names, travel together.
        """
        viewer = caller.viewer
        key = LoadKey(viewer.tenant, viewer.scope, self.name, path, tuple(params))
        deadline = by or caller.deadline
        seconds = deadline.remaining_seconds
        if seconds == 0:
            raise unavailable(self.name)

        async def ask(asked: Params, within: float) -> Any:
            return await self.ask(
                path, asked, token=viewer.token, request_id=caller.request_id, seconds=within
            )

        async def load() -> Any:
            if many is None:
                return await ask(params, seconds)
            ids = [value for name, value in params if name == many.parameter]
            rest = tuple(one for one in params if one[0] != many.parameter)
            return await self._pools.read(
                key._replace(arguments=rest), ids, many.by,
                lambda some, within: ask(
                    [*((many.parameter, id_) for id_ in some), *rest], within
                ), seconds,
            )  # fmt: skip

        try:
            return await self._flights.share(key, load, deadline)
        except TimeoutError:
            raise unavailable(self.name) from None

    async def ask(
        self, path: str, params: Params, *, token: str, request_id: str, seconds: float
    ) -> Any:
        """One GET; ServiceRefused where the service says no or nothing."""
        target = f"{path}?{_query(params)}" if params else path
        headers = _headers(token, request_id, seconds)
        return await self._sent("GET", target, headers, b"", seconds)

    async def act(
        self, method: str, path: str, body: Mapping[str, Any], caller: Caller,
        idempotency_key: str | None = None,
    ) -> Any:  # fmt: skip
        """One call that changes something, with a deadline of its own."""
        seconds = limits.GRAPHQL_MUTATION_SECONDS
        headers = _headers(caller.viewer.token, caller.request_id, seconds)
        headers["content-type"] = "application/json"
        if idempotency_key is not None:
            headers["idempotency-key"] = idempotency_key
        return await self._sent(method, path, headers, orjson.dumps(body), seconds)

    async def _sent(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes, seconds: float
    ) -> Any:
        path = target.partition("?")[0]
        try:
            async with asyncio.timeout(seconds):
                answer = await self._wire.send(method, target, headers, content)
        except (TimeoutError, Unreached) as fault:
            log.warning("%s %s %s: %s", self.name, method, path, fault or "no answer in time")
            raise unavailable(self.name) from None
        if answer.status < _ERRORS:
            return orjson.loads(answer.content)
        raise self._refusal(path, answer.status, answer.content)

    def _refusal(self, path: str, status: int, content: bytes) -> Exception:
        try:
            problem = orjson.loads(content)
            code, message = problem["code"], problem["detail"]
        except (ValueError, KeyError, TypeError):
            code, message, problem = None, "", {}
        if isinstance(code, str) and code != "internal":
            return ServiceRefused(
                self.name, code, str(message), path=problem.get("path"), status=status
            )
        if status >= _FAULTS:
            log.warning("%s %s: %s", self.name, path, status)
            return unavailable(self.name)
        return RuntimeError(f"{self.name} {path} answered {status}")


def _query(params: Params) -> str:
    return "&".join(
        f"{name}={value if _BARE.fullmatch(value) else quote_plus(value)}" for name, value in params
    )


def _headers(token: str, request_id: str, seconds: float) -> dict[str, str]:
    return {
        "authorization": f"Bearer {token}",
        "x-request-id": request_id,
        "headwater-deadline-millis": str(round(seconds * 1000)),
    }
