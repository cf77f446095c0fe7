"""The app of incentives."""

import contextlib
from collections.abc import AsyncIterator

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from services.incentives.actions import office as offices
from services.incentives.actions.office import Office
from services.incentives.actions.project import TYPES, take
from services.incentives.api import router
from services.incentives.settings import IncentivesSettings
from services.incentives.store.tenants import PROJECTION
from services.kit import http
from services.kit.auth import Signer, Verifier
from services.kit.clock import Clock
from services.kit.consumer import Consumer
from services.kit.db import Database
from services.kit.feed import Feed
from services.kit.idempotency import IdempotencyStore
from services.kit.metrics import watch_lag, watch_outbox
from services.kit.outbox import Outbox


def create_app(
    settings: IncentivesSettings,
    *,
    kpi: httpx.AsyncClient,
    signer: Signer,
    verifier: Verifier,
    clock: Clock,
    database: Database | None = None,
) -> FastAPI:
    """The service; its lifespan opens and closes the database, the outbox and the consumer.

    `kpi` is the caller's, who closes it: a network client or one into the same process.
    """
    own = database or Database(settings.incentives_database_url.get_secret_value())
    registry = CollectorRegistry()
    outbox = Outbox(service="incentives", database=own, kpi=kpi, signer=signer)
    feed = Feed(service="incentives", kpi=kpi, signer=signer)
    consumer = Consumer(projection=PROJECTION, database=own, feed=feed, take=take, types=TYPES)
    office = Office(own, outbox, clock, consumer.progress)
    watch_outbox(registry, outbox)
    watch_lag(registry, consumer.lag)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await own.open()
        try:
            await outbox.open()
            await consumer.open()
            yield
        finally:
            await consumer.close()
            await outbox.close()
            await own.close()

    async def ready() -> None:
        await offices.check_ready(office)

    app = http.create_app(
        service="incentives",
        title="Headwater incentives",
        description="Compensation plans, credits from won deals, and statements of pay.",
        lifespan=lifespan,
        ready=ready,
        registry=registry,
    )
    app.state.office = office
    app.state.verifier = verifier
    app.state.idempotency = IdempotencyStore(own)
    app.state.waits = (consumer.progress,)
    app.include_router(router)
    return app
