"""HTTP that all services share: problems, request ids, limits, health, metrics."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request as PlainRequest
from starlette.responses import Response
from starlette.routing import Route

from services.kit import errors, http, ids
from services.kit.http import JSONResponse, StrictRoute, create_app, read_body


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    count: int = Field(ge=1)
    note: str = ""


class Service:
    """A service of no field, with a route per thing that may happen."""

    def __init__(self) -> None:
        self.ready = True
        self.lives: list[str] = []
        router = APIRouter(prefix="/it/v1", route_class=StrictRoute)

        @router.get("/refuse/{name}")
        async def refuse(name: str) -> None:
            refusal = getattr(errors, name)
            raise refusal("because", path="a.b", retry_after_seconds=7)

        @router.get("/fault")
        async def fault() -> None:
            raise ZeroDivisionError("secret detail")

        @router.post("/orders")
        async def orders(order: Order) -> dict[str, Any]:
            return order.model_dump()

        @router.post("/raw")
        async def raw(request: Request) -> dict[str, int]:
            return {"bytes": len(await read_body(request, 100))}

        async def plain(request: PlainRequest) -> Response:
            return JSONResponse({"id": request.state.request_id})

        @contextlib.asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            self.lives.append("opened")
            yield
            self.lives.append("closed")

        async def ready() -> None:
            if not self.ready:
                raise errors.Unavailable("the database is away", retry_after_seconds=2)

        self.app = create_app(
            service="it", title="It", description="…", lifespan=lifespan, ready=ready,
            registry=CollectorRegistry(), routes=[Route("/plain", plain, methods=["POST"])],
            most_bytes=1_000,
        )  # fmt: skip
        self.app.include_router(router)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://it") as client:
        yield client


REFUSALS = sorted(
    name for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.Refusal)
)  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_is_a_problem_with_its_code(client: httpx.AsyncClient, name: str) -> None:
    kind = getattr(errors, name)
    answer = await client.get(f"/it/v1/refuse/{name}")
    assert answer.status_code == kind.status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "7"
    assert answer.json() == {
        "type": f"https://headwater.dev/errors/{kind.code}",
        "title": kind.code.replace("_", " "), "status": kind.status, "code": kind.code,
        "detail": "because", "path": "a.b",
    }  # fmt: skip
    assert ("www-authenticate" in answer.headers) == (kind.status == 401)


async def test_a_fault_is_masked_and_can_be_found_by_its_request_id(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/it/v1/fault", headers={"x-request-id": "trace-1"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "trace-1" in answer.json()["detail"]
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"), ("GET", "/it/v1/nothing", 404, "not_found"),
        ("DELETE", "/it/v1/orders", 405, "method_not_allowed"),
        ("GET", "/plain", 405, "method_not_allowed"),
    ],
)  # fmt: skip
async def test_what_is_not_there_is_a_problem_too(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_wrong_field_is_named(client: httpx.AsyncClient) -> None:
    for body, path in (
        ({"count": 0}, "body.count"), ({"count": "x"}, "body.count"), ({}, "body.count"),
        ({"count": 1, "colour": "red"}, "body.colour"), ([], "body"),
    ):  # fmt: skip
        answer = await client.post("/it/v1/orders", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), body
        assert answer.json()["path"] == path
        assert answer.json()["errors"][0]["path"] == path
    assert (await client.post("/it/v1/orders")).status_code == 422
    assert (await client.post("/it/v1/orders", json={"count": 1})).json()["count"] == 1


async def test_typed_bodies_are_read_strictly(client: httpx.AsyncClient) -> None:
    for body in (
        b'{"count": 1, "count": 2}', b'{"count": NaN}', b'{"count": 1, "note": "\\u0000"}',
        b"\xff", b'{"count": 1', b"[" * 70 + b"]" * 70, "{}".encode("utf-16"),
    ):  # fmt: skip
        answer = await client.post("/it/v1/orders", content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), body


@pytest.mark.parametrize("path", ["/it/v1/orders", "/it/v1/raw"])
async def test_compressed_bodies_are_415(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=b"x", headers={"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")


@pytest.mark.parametrize(("path", "most"), [("/it/v1/orders", 1_000), ("/it/v1/raw", 100)])
async def test_bodies_end_at_the_limit(client: httpx.AsyncClient, path: str, most: int) -> None:
    pulled = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal pulled
        for _ in range(1_000_000):
            pulled += 50
            yield b" " * 50

    answer = await client.post(path, content=endless())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert pulled <= most + 50
    declared = await client.post(path, content=b" " * (most + 1))
    assert declared.status_code == 413
    assert (await client.post(path, content=b" " * most)).status_code != 413


@pytest.mark.parametrize("length", ["²", "٣", "1e9", "-5", "", "x"])
async def test_an_odd_length_is_no_fault(client: httpx.AsyncClient, length: str) -> None:
    headers = [(b"content-length", length.encode("utf-8"))]
    answer = await client.post("/it/v1/raw", content=_parts(b"abc"), headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"bytes": 3})


async def _parts(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_every_answer_has_a_request_id_and_is_not_sniffed(client: httpx.AsyncClient) -> None:
    for path in ("/livez", "/it/v1/nothing", "/it/v1/refuse/Invalid"):
        answer = await client.get(path)
        assert ids.is_id(answer.headers["x-request-id"])
        assert answer.headers["x-content-type-options"] == "nosniff"
    first, second = [await client.get("/livez") for _ in range(2)]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1.2:3_4", True), ("a" * 100, True), ("a" * 101, False), ("a b", False), ("", False),
     ("a\tb", False), ("é", False), ('"x"', False)],
)  # fmt: skip
async def test_a_request_id_is_taken_over_where_it_is_harmless(
    client: httpx.AsyncClient, given: str, kept: bool
) -> None:
    answer = await client.post("/plain", headers=[(b"x-request-id", given.encode())])
    assert (answer.headers["x-request-id"] == given) is kept
    assert answer.json()["id"] == answer.headers["x-request-id"]


async def test_alive_is_not_ready(service: Service, client: httpx.AsyncClient) -> None:
    assert (await client.get("/readyz")).json() == {"status": "ready"}
    service.ready = False
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert (await client.get("/livez")).json() == {"status": "alive"}


async def test_metrics_count_by_template_and_never_by_id(client: httpx.AsyncClient) -> None:
    for name in ("Invalid", "NotFound"):
        await client.get(f"/it/v1/refuse/{name}")
    await client.get("/it/v1/fault")
    await client.get(f"/{ids.new()}")
    await client.request("MAKEUPAMETHOD", "/livez")
    text = (await client.get("/metrics")).text
    assert 'route="/it/v1/refuse/{name}",status="404"} 1.0' in text
    assert 'route="/it/v1/refuse/{name}",status="422"} 1.0' in text
    assert 'route="/it/v1/fault",status="500"} 1.0' in text
    assert 'route="other",status="404"} 1.0' in text
    assert "Invalid" not in text
    assert "MAKEUP" not in text


async def test_the_lifespan_opens_and_closes(service: Service) -> None:
    async with service.app.router.lifespan_context(service.app):
        assert service.lives == ["opened"]
    assert service.lives == ["opened", "closed"]


async def test_openapi_and_docs_are_under_the_services_prefix(client: httpx.AsyncClient) -> None:
    document = (await client.get("/it/v1/openapi.json")).json()
    assert "/it/v1/orders" in document["paths"]
    assert not {"/livez", "/plain", "/metrics"} & set(document["paths"])
    assert (await client.get("/it/v1/docs")).status_code == 200
    assert (await client.get("/docs")).status_code == 404
    assert (await client.get("/openapi.json")).status_code == 404


async def test_other_protocols_pass_the_edge(service: Service) -> None:
    reached: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        reached.append(scope["type"])

    edge = http.Edge(app, registry=CollectorRegistry(), most_bytes=1)
    await asyncio.wait_for(edge({"type": "websocket"}, None, None), 5)  # type: ignore[arg-type]
    assert reached == ["websocket"]
