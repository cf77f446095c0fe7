"""What services that are made alike have in common: they start, say so, and explain themselves."""

import importlib

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kit.auth import Signer, Verifier
from services.kit.clock import SystemClock


def made(service, url, kpi):
    main = importlib.import_module(f"services.{service}.main")
    settings = importlib.import_module(f"services.{service}.settings")
    kind = getattr(settings, f"{service.capitalize()}Settings")
    key = Ed25519PrivateKey.generate()
    return main.create_app(
        kind(**{f"{service}_database_url": url}), kpi=kpi, signer=Signer(key),
        verifier=Verifier(key.public_key()), clock=SystemClock(),
    )  # fmt: skip


@pytest.mark.parametrize("service", ["targets", "customers", "incentives"])
async def test_it_starts_and_says_so(clone, service):
    async with httpx.AsyncClient() as kpi:
        app = made(service, clone(service).app, kpi)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://it") as client,
        ):
            assert (await client.get("/livez")).status_code == 200
            assert (await client.get("/readyz")).json() == {"status": "ready"}
            metrics = (await client.get("/metrics")).text
            for name in ("outbox_oldest_seconds", "outbox_refused_tenants", "log_behind_entries"):
                assert f"\n{name} 0.0\n" in metrics
            assert "\nlog_behind_seconds " in metrics  # it grows, for this kpi cannot be asked
            assert (await client.get(f"/{service}/v1/openapi.json")).json()["paths"]
            missing = await client.get(f"/{service}/v1/anything")
            assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("service", ["targets", "customers", "incentives"])
async def test_without_tables_it_is_not_ready(server, service):
    async with httpx.AsyncClient() as kpi:
        app = made(service, server.url("postgres"), kpi)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://it") as client,
        ):
            answer = await client.get("/readyz")
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert "headwater migrate" in answer.json()["detail"]


@pytest.mark.parametrize("service", ["targets", "customers", "incentives"])
async def test_its_openapi_explains_itself(service):
    async with httpx.AsyncClient() as kpi:
        schema = made(service, "postgresql://nobody@127.0.0.1:1/none", kpi).openapi()
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], path
            assert operation["description"], path
            assert {"401", "403", "503"} <= set(operation["responses"]), (method, path)
            assert all(
                parameter.get("description") for parameter in operation.get("parameters", ())
            )
    for name, model in schema.get("components", {}).get("schemas", {}).items():
        if name in {"HTTPValidationError", "ValidationError"}:
            continue
        for field, of in model["properties"].items():
            assert of.get("description") or "$ref" in of, (name, field)
