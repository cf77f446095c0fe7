"""The gateway's application: GraphQL by POST and WebSocket, health and metrics."""

import contextlib
from collections.abc import AsyncIterator

import httpx
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from gateway.context import Clients
from gateway.execution.endpoint import Endpoint
from gateway.execution.engine import Engine
from gateway.execution.socket import Socket
from gateway.execution.wire import Wire, wired
from gateway.schema import sdl
from gateway.settings import GatewaySettings
from services.kit import limits
from services.kit.auth import Signer, Verifier
from services.kit.errors import Refusal
from services.kit.http import Edge, JSONResponse, problem, refused

__all__ = ["create_app", "sdl"]

_CODES = {404: "not_found", 405: "method_not_allowed"}


def create_app(
    settings: GatewaySettings,
    *,
    targets: httpx.AsyncClient | Wire,
    customers: httpx.AsyncClient | Wire,
    incentives: httpx.AsyncClient | Wire,
    kpi: httpx.AsyncClient | Wire,
    verifier: Verifier,
    signer: Signer,
) -> Starlette:
    """The clients reach the services, over the network or in process; who gave them closes them."""
    engine = Engine(introspection=settings.introspection)
    clients = Clients(
        targets=wired(targets), customers=wired(customers), incentives=wired(incentives),
        kpi=wired(kpi), signer=signer,
    )  # fmt: skip
    endpoint = Endpoint(engine, clients, verifier, page=settings.introspection)
    registry = _registry(engine, clients)

    async def socket(websocket: WebSocket) -> None:
        await Socket(websocket, engine, clients, verifier).serve()

    async def livez(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_request: Request) -> Response:
        # A service that is down blanks its branch; it is no reason to take the gateway away.
        return JSONResponse({"status": "ready"})

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await clients.hub.close()

    app = Starlette(
        routes=[
            Route("/graphql", endpoint.post, methods=["POST"]),
            Route("/graphql", endpoint.get, methods=["GET"]),
            WebSocketRoute("/graphql", socket),
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ],
        middleware=[Middleware(Edge, registry=registry, most_bytes=limits.GRAPHQL_BODY_BYTES)],
        exception_handlers={Refusal: _on_refusal, HTTPException: _on_http, Exception: _on_fault},
        lifespan=lifespan,
    )
    app.state.registry = registry
    return app


def _registry(engine: Engine, clients: Clients) -> CollectorRegistry:
    """Its own: several applications may live in one process."""
    registry = CollectorRegistry()
    for name, meaning, value in (
        ("gateway_subscribers", "Subscriptions that are open", lambda: clients.hub.watching),
        ("gateway_loads_shared", "Loads answered by an equal one in flight",
         lambda: clients.flights.shared),
        ("gateway_loads_pooled", "Loads that travelled with another one",
         lambda: clients.pools.pooled),
        ("gateway_documents_read", "Documents parsed and validated, not found in the cache",
         lambda: engine.documents.read),
    ):  # fmt: skip
        Gauge(name, meaning, registry=registry).set_function(value)
    return registry


async def _on_refusal(_request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return refused(refusal)


async def _on_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(
        error.status_code, _CODES.get(error.status_code, "refused"), str(error.detail),
        headers=error.headers,
    )  # fmt: skip


async def _on_fault(request: Request, _fault: Exception) -> Response:
    return problem(500, "internal", f"internal error; quote request {request.state.request_id}")
