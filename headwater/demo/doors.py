"""The demo's way to the services: the public routes, as one of the company's people."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from headwater.demo import company
from headwater.stack import Clients
from services.kit.auth import Role, Signer

PATIENCE_SECONDS = 60.0
_TOKEN_SECONDS = 3_600


class DemoFailed(Exception):
    """A part of the stack refused what the demo gave it, or did not answer in time."""


class Doors:
    """Calls as an administrator, or as whoever a call names."""

    def __init__(self, clients: Clients, signer: Signer) -> None:
        self._clients = clients
        self._signer = signer
        self._admin = self.token("admin")

    def token(self, role: Role, member: str | None = None) -> str:
        return self._signer.sign(
            tenant=company.TENANT, role=role, subject=member or "headwater-demo",
            member_id=member, seconds=_TOKEN_SECONDS,
        )  # fmt: skip

    async def send(
        self, method: str, path: str, *, token: str | None = None, **request: Any
    ) -> httpx.Response:
        """`path` begins with the service's name."""
        client: httpx.AsyncClient = getattr(self._clients, path.split("/", 2)[1])
        headers = {"authorization": f"Bearer {token or self._admin}"}
        return await client.request(method, path, headers=headers, **request)

    async def call(self, method: str, path: str, **request: Any) -> Any:
        """The answer's JSON; DemoFailed says what was refused."""
        answer = await self.send(method, path, **request)
        if answer.is_error:
            raise DemoFailed(f"{method} {path} was answered {answer.status_code}: {answer.text}")
        return answer.json()

    async def reached(self, path: str, offset: int, **query: Any) -> None:
        """Wait until a read that takes `min_offset` reflects the log up to there."""
        query["min_offset"] = offset

        async def has() -> bool:
            answer = await self.send("GET", path, params=query)
            if answer.is_error and answer.status_code != 503:
                raise DemoFailed(f"GET {path} was answered {answer.status_code}: {answer.text}")
            return answer.is_success

        await patiently(has, f"{path} does not reach offset {offset}")

    async def facts_have_left(self, service: str) -> None:
        """Until kpi has accepted what a service states."""

        async def have() -> bool:
            return not (await self.call("GET", f"/{service}/v1/outbox"))["pending"]

        await patiently(have, f"kpi does not take the facts of {service}")


async def patiently(condition: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while not await condition():
        if asyncio.get_running_loop().time() > until:
            raise DemoFailed(otherwise)
        await asyncio.sleep(0.02)
