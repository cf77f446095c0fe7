"""The app of incentives."""

import contextlib
from collections.abc import AsyncIterator

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from services.incentives import actions
from services.incentives.api import router
from services.incentives.settings import IncentivesSettings
from services.kit import http
from services.kit.auth import Signer, Verifier
from services.kit.clock import Clock
from services.kit.db import Database


def create_app(
    settings: IncentivesSettings,
    *,
    kpi: httpx.AsyncClient,
    signer: Signer,
    verifier: Verifier,
    clock: Clock,
    database: Database | None = None,
) -> FastAPI:
    """The service; its lifespan opens and closes what it needs.

    All services are made alike: this one does not yet call kpi, verify tokens or read the clock.
    """
    own = database or Database(settings.incentives_database_url.get_secret_value())

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await own.open()
        try:
            yield
        finally:
            await own.close()

    async def ready() -> None:
        await actions.check_ready(own)

    app = http.create_app(
        service="incentives", title="Headwater incentives", description="Compensation plans, statements and awards: not built yet.",
        lifespan=lifespan, ready=ready, registry=CollectorRegistry(),
    )  # fmt: skip
    app.include_router(router)
    app.state.verifier, app.state.clock, app.state.signer, app.state.kpi = (
        verifier, clock, signer, kpi,
    )  # fmt: skip
    return app
