"""The app of kpi: the ingestion route, the REST API, the writer, the projector and the jobs."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.routing import Route

from services.kit import http, limits
from services.kit.auth import Verifier
from services.kit.clock import Clock
from services.kit.db import Database, Listener
from services.kit.idempotency import IdempotencyStore
from services.kit.metrics import IngestMetrics, watch_lag
from services.kit.operations import Operations
from services.kit.projection import Progress
from services.kit.settings import SettingsInvalid
from services.kit.vault import Vault
from services.kpi.api import router
from services.kpi.api.edge import Kpi
from services.kpi.jobs import Jobs
from services.kpi.projector import VERSIONS_CHANNEL, Projector
from services.kpi.settings import KpiSettings
from services.kpi.store import feed
from services.kpi.webhooks import Webhooks
from services.kpi.writer import HEAD_CHANNEL, Writer


@contextlib.asynccontextmanager
async def _running(opened: Sequence[Any], closed: Sequence[Any]) -> AsyncIterator[None]:
    """Open what runs beside the requests, and close it, each in its order."""
    try:
        for part in opened:
            await part.open()
        yield
    finally:
        for part in closed:
            await part.close()


def create_app(
    settings: KpiSettings, *, verifier: Verifier, clock: Clock, vault: Vault | None = None
) -> FastAPI:
    """The service; its lifespan opens and closes everything that runs beside the requests."""
    url = settings.kpi_database_url.get_secret_value()
    listen_url = settings.kpi_listen_url.get_secret_value() if settings.kpi_listen_url else url
    if vault is None:
        if settings.secret_key is None:
            raise SettingsInvalid("HEADWATER_SECRET_KEY: stored secrets need a key")
        vault = Vault(settings.secret_key.get_secret_value())
    database = Database(url)
    registry = CollectorRegistry()
    progress, heads = Progress(), Progress()
    writer = Writer(database, clock)
    metrics = IngestMetrics(registry, lambda: writer.waiting)
    webhooks = Webhooks(database, writer, vault, clock, metrics)

    def moved(tenant_id: str, offset: int) -> None:
        progress.moved(tenant_id, offset)
        writer.announce(VERSIONS_CHANNEL, f"{tenant_id}:{offset}")

    projector = Projector(database, moved=moved)
    watch_lag(registry, projector.lag)

    def head_moved(tenant_id: str) -> None:
        projector.wake(tenant_id)
        heads.heard("")

    jobs = Jobs(database, writer, clock)
    operations = Operations(
        database, module="services.kpi.jobs", environment={"HEADWATER_KPI_DATABASE_URL": url}
    )
    listener = Listener(listen_url, {HEAD_CHANNEL: head_moved, VERSIONS_CHANNEL: progress.heard})

    async def ready() -> None:
        async with database.read(None) as connection:
            await feed.refuse_unmigrated(connection)

    app = http.create_app(
        service="kpi",
        title="Headwater kpi",
        description="The log of events, and the funnel that follows from it.",
        lifespan=lambda _app: _running(
            [database, listener, projector, jobs],
            [operations, jobs, writer, projector, listener, database],
        ),
        ready=ready,
        registry=registry,
        routes=[
            Route("/webhooks/{connection}", webhooks.receive, methods=["POST"]),
        ],
        most_bytes=limits.IMPORT_BODY_BYTES,
    )
    app.state.kpi = Kpi(
        database, writer, vault, clock, progress, heads, IdempotencyStore(database), operations,
        metrics, verifier,
    )  # fmt: skip
    app.state.waits = (progress, heads)
    app.include_router(router)
    return app
