"""The gateway over stub services: real HTTP shapes, calls counted, faults on demand."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette

from gateway.main import create_app
from gateway.settings import GatewaySettings
from services.kit import limits
from services.kit.auth import Signer, Verifier
from tests.support.gateway.customers import CustomersStub
from tests.support.gateway.incentives import IncentivesStub
from tests.support.gateway.kpi import KpiStub
from tests.support.gateway.stub import MANAGER
from tests.support.gateway.targets import TargetsStub


async def until(condition: Callable[[], bool]) -> None:
    """Give the loop to others until it holds; the test's own time limit ends a wait in vain."""
    while not condition():
        await asyncio.sleep(0)


@pytest.fixture
def waiting_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """`with waiting_once(): …` holds what hangs to one wait of the deadline, not one after another.

    The deadline is longer than users have, so that a stall of a busy machine is not taken for a
    wait; that theirs leaves room within 1.5 s is asked of the limits themselves.
    """
    assert limits.GRAPHQL_SECONDS <= 1.3
    monkeypatch.setattr(limits, "GRAPHQL_SECONDS", 2.0)

    @contextlib.contextmanager
    def once() -> Iterator[None]:
        started = time.monotonic()
        yield
        assert time.monotonic() - started < 1.9 * limits.GRAPHQL_SECONDS

    return once


@contextlib.asynccontextmanager
async def listening(app: Any, port: int = 0) -> AsyncIterator[int]:
    """A real server; its port takes connections before this returns."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(16)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        await until(lambda: server.started or serving.done())
        server.should_exit = True
        await serving
        listener.close()


@dataclass
class World:
    signer: Signer
    verifier: Verifier
    targets: TargetsStub
    customers: CustomersStub
    incentives: IncentivesStub
    kpi: KpiStub
    environment: str = "development"

    @property
    def calls(self) -> int:
        """Of all services together, the long polls left out."""
        services = (self.targets, self.customers, self.incentives, self.kpi)
        return sum(
            count
            for service in services
            for path, count in service.calls.items()
            if not path.endswith("/changes")
        )

    def token(self, tenant: str = "demo", role: Any = "manager", member: str = MANAGER) -> str:
        return self.signer.sign(
            tenant=tenant, role=role, subject=member, member_id=member, seconds=60
        )

    @contextlib.asynccontextmanager
    async def app(self, kpi_url: str | None = None) -> AsyncIterator[Starlette]:
        async with contextlib.AsyncExitStack() as stack:

            async def reaching(app: Any) -> httpx.AsyncClient:
                client = httpx.AsyncClient(
                    transport=httpx.ASGITransport(app), base_url="http://service"
                )
                return await stack.enter_async_context(client)

            kpi = (
                await reaching(self.kpi.app())
                if kpi_url is None
                else await stack.enter_async_context(httpx.AsyncClient(base_url=kpi_url))
            )
            yield create_app(
                GatewaySettings(environment=self.environment),
                targets=await reaching(self.targets.app()), kpi=kpi,
                customers=await reaching(self.customers.app()),
                incentives=await reaching(self.incentives.app()),
                verifier=self.verifier, signer=self.signer,
            )  # fmt: skip


@dataclass
class Caller:
    http: httpx.AsyncClient
    world: World

    async def post(
        self, query: str, variables: Any = None, *, token: str | None = None, **headers: str
    ) -> httpx.Response:
        bearer = {"authorization": f"Bearer {token or self.world.token()}"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(
            "/graphql", json={"query": query, "variables": variables}, headers=bearer | named
        )

    async def ask(self, query: str, variables: Any = None, **rest: Any) -> dict[str, Any]:
        answer = await self.post(query, variables, **rest)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def world() -> World:
    key = Ed25519PrivateKey.generate()
    verifier = Verifier(key.public_key())
    return World(
        Signer(key), verifier, TargetsStub(verifier), CustomersStub(verifier),
        IncentivesStub(verifier), KpiStub(verifier),
    )  # fmt: skip


@pytest.fixture
async def caller(world: World) -> AsyncIterator[Caller]:
    async with (
        world.app() as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as http,
    ):
        yield Caller(http, world)
