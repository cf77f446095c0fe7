"""The app of targets."""

import contextlib
from collections.abc import AsyncIterator

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from services.kit import http
from services.kit.auth import Signer, Verifier
from services.kit.clock import Clock
from services.kit.consumer import Consumer
from services.kit.db import Database
from services.kit.feed import Feed
from services.kit.idempotency import IdempotencyStore
from services.kit.metrics import watch_lag, watch_outbox
from services.kit.outbox import Outbox
from services.targets import feed
from services.targets.actions import tenants
from services.targets.actions.look import PROJECTION
from services.targets.actions.office import Office
from services.targets.api import router
from services.targets.settings import TargetsSettings


def create_app(
    settings: TargetsSettings,
    *,
    kpi: httpx.AsyncClient,
    signer: Signer,
    verifier: Verifier,
    clock: Clock,
    database: Database | None = None,
) -> FastAPI:
    """The service; its lifespan opens and closes the database, the outbox and the log's reader.

    `kpi` is the caller's, who closes it: a network client or one into the same process.
    """
    own = database or Database(settings.targets_database_url.get_secret_value())
    registry = CollectorRegistry()
    outbox = Outbox(service="targets", database=own, kpi=kpi, signer=signer)
    log = Consumer(
        projection=PROJECTION, database=own, take=feed.take, types=feed.TYPES,
        feed=Feed(service="targets", kpi=kpi, signer=signer),
    )  # fmt: skip
    office = Office(own, outbox, clock, log.progress)
    watch_outbox(registry, outbox)
    watch_lag(registry, log.lag)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await own.open()
        try:
            await outbox.open()
            await log.open()
            yield
        finally:
            await log.close()
            await outbox.close()
            await own.close()

    async def ready() -> None:
        await tenants.check_ready(office)

    app = http.create_app(
        service="targets",
        title="Headwater targets",
        description="The organisation and its people, and the plans that give them targets.",
        lifespan=lifespan,
        ready=ready,
        registry=registry,
    )
    app.state.office = office
    app.state.verifier = verifier
    app.state.idempotency = IdempotencyStore(own)
    app.state.waits = (log.progress,)
    app.include_router(router)
    return app
