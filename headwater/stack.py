"""The parts as ASGI applications: all in one process, or one alone.

In one process the parts call each other through the same client interface as over the network, and
one small dispatcher stands where a proxy would. Mounted applications' lifespans are not run by
Starlette, so they are run here.
"""

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.execution.network import NetworkWire
from gateway.execution.wire import InProcess, Wire
from gateway.main import create_app as create_gateway
from gateway.settings import GatewaySettings
from headwater.databases import SERVICES, Urls
from headwater.installation import Keys
from services.customers.main import create_app as create_customers
from services.customers.settings import CustomersSettings
from services.incentives.main import create_app as create_incentives
from services.incentives.settings import IncentivesSettings
from services.kit.clock import Clock
from services.kit.settings import load
from services.kpi.main import create_app as create_kpi
from services.kpi.settings import KpiSettings
from services.targets.main import create_app as create_targets
from services.targets.settings import TargetsSettings

PARTS = ("gateway", *SERVICES)
_CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Clients:
    """How parts reach each other."""

    targets: httpx.AsyncClient
    customers: httpx.AsyncClient
    incentives: httpx.AsyncClient
    kpi: httpx.AsyncClient
    wires: Mapping[str, Wire] = field(default_factory=dict)
    """The gateway's own way, leaner than a general client, by service."""

    async def close(self) -> None:
        for client in (self.targets, self.customers, self.incentives, self.kpi):
            await client.aclose()
        for wire in self.wires.values():
            await wire.close()


class _Late:
    """Stands for an application that is made after the client that calls it."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Stack:
    """Every part in this process."""

    def __init__(self, urls: dict[str, Urls], keys: Keys, clock: Clock) -> None:
        late = {service: _Late() for service in SERVICES}
        clients = Clients(
            **{
                service: httpx.AsyncClient(
                    transport=httpx.ASGITransport(app=late[service]),
                    base_url=f"http://{service}",
                    timeout=_CALL_SECONDS,
                )
                for service in SERVICES
            },
            wires={service: InProcess(late[service]) for service in SERVICES},
        )
        self.clients = clients
        self.apps: dict[str, Starlette] = {
            name: create(name, urls, keys, clock, clients) for name in (*SERVICES, "gateway")
        }
        for service in SERVICES:
            late[service].app = self.apps[service]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _answer_lifespan(self, receive, send)
            return
        path = scope["path"]
        first = path.split("/", 2)[1] if path.startswith("/") else ""
        if first == "webhooks":
            first = "kpi"
        if first in self.apps and first != "gateway":
            await self.apps[first](scope, receive, send)
        elif path in {"/livez", "/readyz", "/metrics"}:
            response = await getattr(self, f"_{path[1:]}")()
            await response(scope, receive, send)
        else:
            await self.apps["gateway"](scope, receive, send)

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as opened:
            opened.push_async_callback(self.clients.close)  # last: parts call until they are closed
            for name in ("kpi", "targets", "customers", "incentives", "gateway"):
                app = self.apps[name]
                await opened.enter_async_context(app.router.lifespan_context(app))
            yield

    async def _livez(self) -> Response:
        return JSONResponse({"status": "alive"})

    async def _readyz(self) -> Response:
        for name, app in self.apps.items():
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://part") as client:
                answer = await client.get("/readyz")
            if answer.status_code != 200:
                return JSONResponse({"status": "not ready", "part": name}, 503)
        return JSONResponse({"status": "ready"})

    async def _metrics(self) -> Response:
        merged = CollectorRegistry()
        merged.register(_Merged({n: app.state.registry for n, app in self.apps.items()}))
        return Response(generate_latest(merged), media_type=CONTENT_TYPE_LATEST)


class _Merged:
    """The parts' metrics as one set, each sample labelled with its part."""

    def __init__(self, registries: dict[str, CollectorRegistry]) -> None:
        self._registries = registries

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for part, registry in self._registries.items():
            for metric in registry.collect():
                family = families.setdefault(
                    metric.name, Metric(metric.name, metric.documentation, metric.type)
                )
                for sample in metric.samples:
                    labels = {**sample.labels, "part": part}
                    family.samples.append(sample._replace(labels=labels))
        return families.values()


async def _answer_lifespan(stack: Stack, receive: Receive, send: Send) -> None:
    await receive()
    try:
        async with stack.lifespan():
            await send({"type": "lifespan.startup.complete"})
            await receive()
    except Exception as fault:
        await send({"type": "lifespan.startup.failed", "message": str(fault)})
        raise
    await send({"type": "lifespan.shutdown.complete"})


def create(
    part: str, urls: dict[str, Urls], keys: Keys, clock: Clock, clients: Clients
) -> Starlette:
    """One part's application."""

    def url(service: str) -> dict[str, SecretStr]:
        return {f"{service}_database_url": SecretStr(urls[service].app)}

    common: dict[str, Any] = {
        "signer": keys.signer, "verifier": keys.verifier, "clock": clock, "kpi": clients.kpi,
    }  # fmt: skip
    if part == "kpi":
        return create_kpi(
            load(KpiSettings, **url("kpi")), verifier=keys.verifier, clock=clock, vault=keys.vault
        )
    if part == "targets":
        return create_targets(load(TargetsSettings, **url("targets")), **common)
    if part == "customers":
        return create_customers(load(CustomersSettings, **url("customers")), **common)
    if part == "incentives":
        return create_incentives(load(IncentivesSettings, **url("incentives")), **common)
    return create_gateway(
        load(GatewaySettings), verifier=keys.verifier, signer=keys.signer,
        **{service: clients.wires.get(service, getattr(clients, service)) for service in SERVICES},
    )  # fmt: skip


def network_clients() -> Clients:
    """Clients of parts that run elsewhere, by their URLs in the environment."""
    settings = load(GatewaySettings)
    return Clients(
        **{
            service: httpx.AsyncClient(
                base_url=getattr(settings, f"{service}_url"), timeout=_CALL_SECONDS
            )
            for service in SERVICES
        },
        wires={service: NetworkWire(getattr(settings, f"{service}_url")) for service in SERVICES},
    )
