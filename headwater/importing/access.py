"""How a command reaches the services: over the network, or as applications in this process.

The same requests go either way. The installation's own key signs for "headwater", one tenant at a
time; what a service cannot take now is tried again, because every request here is idempotent.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import httpx
import orjson

from headwater import serving
from headwater.installation import Installation
from headwater.settings import HeadwaterSettings
from headwater.stack import Stack
from services.kit.auth import Signer
from services.kit.errors import Refusal, Unauthenticated, Unavailable
from services.kit.limits import SERVICE_TOKEN_SECONDS

T = TypeVar("T")
_SERVICE = "headwater"
_TRY_FOR_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 5.0
_CALL_SECONDS = 60.0
_AGAIN = frozenset({429, 502, 503, 504})


class Answered(Refusal):
    """A service's refusal, with its own code."""

    def __init__(self, code: str, message: str, *, path: str | None, status: int) -> None:
        super().__init__(message, path=path)
        self.code = code
        self.answer_status = status


class Api:
    """targets and kpi for one tenant, as the installation itself."""

    def __init__(
        self, targets: httpx.AsyncClient, kpi: httpx.AsyncClient, signer: Signer, tenant: str
    ) -> None:
        self._clients = {"targets": targets, "kpi": kpi}
        self._signer = signer
        self._token = ("", 0.0)
        self.tenant = tenant
        self.tenant_id = ""

    async def call(
        self, method: str, path: str, body: Any = None, *, query: Mapping[str, Any] | None = None
    ) -> Any:
        """The answer's JSON; a refusal is raised, once trying again is of no use."""
        content = body if isinstance(body, bytes) else None if body is None else orjson.dumps(body)
        give_up, pause = time.monotonic() + _TRY_FOR_SECONDS, 0.2
        while True:
            try:
                answer = await self._clients[path.split("/", 2)[1]].request(
                    method, path, content=content, params=query,
                    headers={"content-type": "application/json", **self._authorization()},
                )  # fmt: skip
            except httpx.TransportError as fault:
                refusal: Refusal = Unavailable(f"no answer to {method} {path}: {fault!r}")
            else:
                if answer.is_success:
                    return orjson.loads(answer.content)
                refusal = _refusal(answer)
                if answer.status_code not in _AGAIN or refusal.code == "projection_behind":
                    raise refusal
                pause = max(pause, float(answer.headers.get("retry-after", "0")))
            if time.monotonic() + pause > give_up:
                raise refusal
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _authorization(self) -> dict[str, str]:
        token, until = self._token
        if until < time.monotonic():
            token = self._signer.service_token(_SERVICE, self.tenant, self.tenant_id)
            # Without the tenant's id the token only serves to find it out.
            lasts = SERVICE_TOKEN_SECONDS / 2 if self.tenant_id else 0.0
            self._token = (token, time.monotonic() + lasts)
        return {"authorization": f"Bearer {token}"}


def _refusal(answer: httpx.Response) -> Refusal:
    try:
        said = orjson.loads(answer.content)
        code, detail, path = said["code"], said["detail"], said.get("path")
    except (ValueError, KeyError, TypeError):
        code, detail, path = "refused", f"HTTP {answer.status_code}: {answer.text[:200]}", None
    if answer.status_code == 401:
        return Unauthenticated(
            f"{detail}. The installation must know this key: set HEADWATER_DATA_DIR to its data "
            "directory, or HEADWATER_SIGNING_KEY_FILE to its key"
        )
    return Answered(code, detail, path=path, status=answer.status_code)


def run(settings: HeadwaterSettings, tenant: str, work: Callable[[Api], Awaitable[T]]) -> T:
    """`work` against HEADWATER_URL, or against the applications in this process."""
    if settings.url is not None:
        return asyncio.run(_over_network(settings, settings.url, tenant, work))
    with serving.opened(settings) as installation:
        return asyncio.run(_in_process(installation, tenant, work))
    # What was opened takes an interruption for its end.
    raise SystemExit(
        "interrupted: what was accepted is stored; the same command goes on from there"
    )


async def _over_network(
    settings: HeadwaterSettings, url: str, tenant: str, work: Callable[[Api], Awaitable[T]]
) -> T:
    signer = Installation(settings).keys().signer
    async with httpx.AsyncClient(base_url=url, timeout=_CALL_SECONDS) as client:
        return await work(Api(client, client, signer, tenant))


async def _in_process(
    installation: Installation, tenant: str, work: Callable[[Api], Awaitable[T]]
) -> T:
    keys = installation.keys()
    stack = Stack(installation.urls, keys, installation.settings.clock())
    async with stack.lifespan():
        return await work(Api(stack.clients.targets, stack.clients.kpi, keys.signer, tenant))
