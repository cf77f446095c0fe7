"""HTTP that all services share: problem+json, request ids, body limits, health, metrics.

Middleware is plain ASGI: it costs microseconds and leaves streaming bodies alone. Readiness checks
and idempotency stores come in as arguments, so this module knows no database.
"""

import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

import fastapi.responses
import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kit import deadline, ids, limits, strictjson
from services.kit.errors import Malformed, Refusal, TooLarge, UnsupportedMedia

PROBLEM = "application/problem+json"
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_STATUS_CODES = {404: "not_found", 405: "method_not_allowed", 401: "unauthenticated"}


class JSONResponse(fastapi.responses.JSONResponse):
    """JSON by orjson: amounts are strings already, so nothing here can become a float.

    Of FastAPI's own class, by which it knows that a route's model describes the answer.
    """

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def problem(
    status: int,
    code: str,
    message: str,
    *,
    path: str | None = None,
    errors: Sequence[Any] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """RFC 9457 problem details with our stable `code`."""
    body: dict[str, Any] = {
        "type": f"https://headwater.dev/errors/{code}",
        "title": code.replace("_", " "),
        "status": status,
        "code": code,
        "detail": message,
    }
    if path is not None:
        body["path"] = path
    if errors:
        body["errors"] = errors
    return Response(orjson.dumps(body), status, dict(headers or {}), media_type=PROBLEM)


def refused(refusal: Refusal) -> Response:
    headers = {}
    if refusal.retry_after_seconds is not None:
        headers["Retry-After"] = str(refusal.retry_after_seconds)
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(
        refusal.status, refusal.code, refusal.message, path=refusal.path, headers=headers
    )


async def _on_refusal(_request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return refused(refusal)


async def _on_validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [
        {"path": ".".join(str(part) for part in fault["loc"]), "message": fault["msg"]}
        for fault in error.errors()
    ]
    first = faults[0] if faults else {"path": "", "message": "the request is not valid"}
    return problem(
        422, "invalid", f"{first['path']}: {first['message']}", path=first["path"], errors=faults
    )


async def _on_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _STATUS_CODES.get(error.status_code, "refused")
    return problem(error.status_code, code, str(error.detail), headers=error.headers)


async def _on_fault(request: Request, _fault: Exception) -> Response:
    """A fault of ours: masked, with the request id under which the log has it."""
    request_id = getattr(request.state, "request_id", "")
    return problem(500, "internal", f"an internal error; the request id is {request_id}")


async def read_body(request: Request, most_bytes: int = limits.BODY_BYTES) -> bytes:
    """The body, refused as soon as it grows past the limit, whatever Content-Length says."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMedia(
            "compressed bodies are not accepted: send it without Content-Encoding"
        )
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:18]) > most_bytes:
        raise TooLarge(f"the body may have {most_bytes} bytes at most")
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > most_bytes:
                raise TooLarge(f"the body may have {most_bytes} bytes at most")
            parts.append(part)
    except ClientDisconnect:
        raise Malformed("the sender left before the body was complete") from None
    return b"".join(parts)


class StrictRequest(Request):
    """Its JSON is what every reader reads alike: no NaN, no key twice, no NUL."""

    async def json(self) -> Any:
        if not hasattr(self, "_strict"):
            self._strict = strictjson.parse(await self.body())
        return self._strict


class StrictRoute(APIRoute):
    """Reads a typed body before FastAPI does, which would answer 400 to whatever is wrong."""

    most_bytes: ClassVar[int] = limits.BODY_BYTES

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def handle_strictly(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            strict._body = await read_body(request, self.most_bytes)  # noqa: SLF001 — as body() does
            if strict._body:  # noqa: SLF001
                await strict.json()
            return await handle(strict)

        return handle_strictly


class Edge:
    """Request id, body limit and RED metrics around an application, as one ASGI layer."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        registry: CollectorRegistry,
        most_bytes: int,
        templates: Mapping[Any, str] | None = None,
    ) -> None:
        """`templates`: paths by endpoint of plain routes, which leave no route in the scope."""
        self.app = app
        self.most_bytes = most_bytes
        self.templates = templates or {}
        self.seconds = Histogram(
            "http_request_duration_seconds", "Time to answer, by route template",
            ["method", "route"], registry=registry,
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )  # fmt: skip
        self.answers = Counter(
            "http_requests_total", "Answers by route template and status",
            ["method", "route", "status"], registry=registry,
        )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        deadline.begin(headers.get(deadline.HEADER))
        asked = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = asked if _REQUEST_ID.fullmatch(asked) else ids.new()
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 500
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self.most_bytes:
                    raise TooLarge(f"the body may have {self.most_bytes} bytes at most")
            return message

        async def stamped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        try:
            await self.app(scope, limited, stamped)
        finally:
            # Templates only: an id in a label would make a time series per id.
            route = getattr(scope.get("route"), "path", None) or self.templates.get(
                scope.get("endpoint"), "other"
            )
            method = scope["method"] if len(scope["method"]) <= 7 else "OTHER"
            self.seconds.labels(method, route).observe(time.perf_counter() - started)
            self.answers.labels(method, route, status).inc()


def create_app(
    *,
    service: str,
    title: str,
    description: str,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    ready: Callable[[], Awaitable[None]],
    registry: CollectorRegistry,
    routes: Sequence[Route] = (),
    most_bytes: int = limits.BODY_BYTES,
) -> FastAPI:
    """A service's application: its own OpenAPI under its prefix, health, metrics and errors.

    `ready` raises a Refusal while the service cannot do its work. `routes` are plain Starlette
    routes that come before the documented ones (the ingestion fast path).
    """
    prefix = f"/{service}/v1"
    app = FastAPI(
        title=title, description=description, version="1", lifespan=lifespan,
        openapi_url=f"{prefix}/openapi.json", docs_url=f"{prefix}/docs", redoc_url=None,
        default_response_class=JSONResponse, strict_content_type=False,
        # Its own would look for OpenTelemetry at every request; ours are Edge's.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )  # fmt: skip

    async def livez(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_request: Request) -> Response:
        try:
            await ready()
        except Refusal as refusal:
            return refused(refusal)
        return JSONResponse({"status": "ready"})

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    plain = [
        *routes,
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]
    app.router.routes[:0] = plain
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_fault)
    app.state.registry = registry
    templates = {route.endpoint: route.path for route in plain}
    app.add_middleware(Edge, registry=registry, most_bytes=most_bytes, templates=templates)
    return app
