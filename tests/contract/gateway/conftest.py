"""The gateway over stub services: real HTTP shapes, calls counted, faults on demand."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.main import create_app
from gateway.settings import GatewaySettings
from services.kit.auth import Signer, Verifier, Viewer

UNIT = "0190c000-0000-7000-8000-0000000000a0"
TEAM = "0190c000-0000-7000-8000-0000000000a1"
MANAGER = "0190c000-0000-7000-8000-0000000000b0"


def rep_id(number: int) -> str:
    return f"0190c000-0000-7000-8000-{number:012d}"


def _problem(status: int, code: str, detail: str, path: str | None = None) -> Response:
    body = {"status": status, "code": code, "detail": detail, "path": path}
    return JSONResponse(body, status, media_type="application/problem+json")


@dataclass
class Stub:
    """A service that counts what it is asked; `fault` answers instead of it."""

    verifier: Verifier
    calls: Counter[str] = field(default_factory=Counter)
    requests: list[Request] = field(default_factory=list)
    fault: Callable[[Request], Any] | None = None

    async def viewer(self, request: Request) -> Viewer:
        return await self.verifier.viewer(request.headers)

    def serving(self, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            self.calls[request.url.path] += 1
            self.requests.append(request)
            if self.fault is not None:
                found = await self.fault(request)
                if found is not None:
                    return found
            return await answer(request)

        return endpoint


class TargetsStub(Stub):
    """Tenant `demo`: a unit with a team of 60 reps; tenant `other` has nobody."""

    def member(self, number: int) -> dict[str, Any]:
        return {
            "id": rep_id(number), "external_id": f"crm:r{number}", "name": f"Rep {number:02d}",
            "unit": {"id": TEAM, "name": "Team"}, "manager": {"id": MANAGER, "name": "Boss"},
            "tenure_months": number, "joined_on": "2024-01-01", "left_on": None,
        }  # fmt: skip

    def unit(self, unit_id: str) -> dict[str, Any]:
        names = {UNIT: ("crm:company", "Company", None), TEAM: ("crm:team", "Team", UNIT)}
        external_id, name, parent_id = names[unit_id]
        return {
            "id": unit_id, "external_id": external_id, "name": name, "kind": None,
            "parent_id": parent_id, "manager_id": MANAGER, "manager_name": "Boss",
        }  # fmt: skip

    async def _found(self, request: Request, rows: list[dict[str, Any]]) -> Response:
        viewer = await self.viewer(request)
        asked = request.query_params.getlist("id")
        if "twice" in asked:
            return _problem(409, "ambiguous_id", "'twice' is an id in a and b", "id")
        items = []
        for row in rows if viewer.tenant == "demo" else []:
            names = {row["id"], row["external_id"], row["external_id"].partition(":")[2]}
            if meant := [one for one in asked if one in names]:
                items.append({**row, "asked": meant})
        return JSONResponse({"items": items, "next_cursor": None})

    async def members(self, request: Request) -> Response:
        return await self._found(request, [self.member(number) for number in range(1, 61)])

    async def units(self, request: Request) -> Response:
        return await self._found(request, [self.unit(UNIT), self.unit(TEAM)])

    async def children(self, request: Request) -> Response:
        below = {UNIT: [{**self.unit(TEAM), "asked": []}], TEAM: []}
        asked = request.query_params.getlist("id")
        items = [{"unit_id": one, "asked": [one], "children": below[one]} for one in asked]
        return JSONResponse({"items": items})

    async def staff(self, request: Request) -> Response:
        limit = int(request.query_params["limit"])
        after = int(request.query_params.get("cursor", "0"))
        items = [
            {
                "unit_id": one, "asked": [one], "total_count": 60,
                "items": [
                    {**self.member(number), "asked": []}
                    for number in range(after + 1, min(after + limit, 60) + 1)
                ],
                "next_cursor": str(after + limit) if after + limit < 60 else None,
            }
            for one in request.query_params.getlist("id")
        ]  # fmt: skip
        return JSONResponse({"items": items})

    def app(self) -> Starlette:
        prefix = "/targets/v1"
        return Starlette(
            routes=[
                Route(f"{prefix}/members", self.serving(self.members)),
                Route(f"{prefix}/units", self.serving(self.units)),
                Route(f"{prefix}/units/children", self.serving(self.children)),
                Route(f"{prefix}/units/members", self.serving(self.staff)),
            ]
        )


@dataclass
class KpiStub(Stub):
    """A log per tenant whose entries each change one subject; a funnel shows their number."""

    entries: dict[str, list[str]] = field(default_factory=dict)
    moved: asyncio.Condition = field(default_factory=asyncio.Condition)
    hidden: set[str] = field(default_factory=set)

    async def change(self, tenant: str, *subjects: str) -> int:
        async with self.moved:
            log = self.entries.setdefault(tenant, [])
            log.extend(subjects)
            self.moved.notify_all()
            return len(log)

    def funnel(self, tenant: str, scope: str) -> dict[str, Any]:
        won = self.entries.get(tenant, []).count(scope)
        return {
            "scope": scope, "pipeline": "sales", "currency": "CNY", "created": 10, "undated": 1,
            "stages": [
                {
                    "code": "proposal", "name": "Proposal", "kind": "open", "position": 0,
                    "entered": 5, "open": 2, "undated": 1,
                    "amount": {"amount": "10000000.00", "currency": "CNY"},
                    "entered_amount": {"amount": "25.50", "currency": "CNY"},
                    "conversion": "40.0", "median_days": "3.5",
                },
                {
                    "code": "won", "name": "Won", "kind": "won", "position": 1, "entered": won,
                    "open": 0, "undated": 0, "amount": None, "entered_amount": None,
                    "conversion": None, "median_days": None,
                },
            ],
            "won": {"deals": won, "amount": {"amount": "0.10", "currency": "CNY"}},
            "lost": {"deals": 1, "amount": {"amount": "7.00", "currency": "CNY"}},
            "win_rate": "75.0", "win_rate_all": "30.0", "cycle_days": "47.9",
        }  # fmt: skip

    async def funnels(self, request: Request) -> Response:
        viewer = await self.viewer(request)
        asked = request.query_params
        offset = len(self.entries.get(viewer.tenant, []))
        if int(asked.get("min_offset", 0)) > offset:
            return _problem(503, "projection_behind", "not there yet")
        scopes = [one for one in asked.getlist("scope") if one not in self.hidden]
        items = [self.funnel(viewer.tenant, scope) for scope in scopes]
        return JSONResponse({"offset": offset, "period": asked["period"], "items": items})

    async def changes(self, request: Request) -> Response:
        viewer = await self.viewer(request)
        assert (viewer.role, viewer.service) == ("service", "gateway")
        log = self.entries.setdefault(viewer.tenant, [])
        after = int(request.query_params["after"])
        async with self.moved:
            if after >= 0:
                await self.moved.wait_for(lambda: len(log) > after)
            subjects = sorted(set(log[after:])) if after >= 0 else []
            return JSONResponse({"offset": len(log), "subjects": subjects})

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/kpi/v1/funnels", self.serving(self.funnels)),
                Route("/kpi/v1/changes", self.serving(self.changes)),
            ]
        )


async def until(condition: Callable[[], bool]) -> None:
    """Give the loop to others until it holds; the test's own time limit ends a wait in vain."""
    while not condition():
        await asyncio.sleep(0)


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
    kpi: KpiStub
    environment: str = "development"

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
            nothing = Starlette()
            yield create_app(
                GatewaySettings(environment=self.environment),
                targets=await reaching(self.targets.app()), customers=await reaching(nothing),
                incentives=await reaching(nothing), kpi=kpi,
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
    return World(Signer(key), verifier, TargetsStub(verifier), KpiStub(verifier))


@pytest.fixture
async def caller(world: World) -> AsyncIterator[Caller]:
    async with (
        world.app() as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as http,
    ):
        yield Caller(http, world)
