"""The app of customers."""

import contextlib
from collections.abc import AsyncIterator

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from services.customers import feed
from services.customers.actions import office as actions
from services.customers.actions.office import Office
from services.customers.api import router
from services.customers.settings import CustomersSettings
from services.kit import http
from services.kit.auth import Signer, Verifier
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.idempotency import IdempotencyStore
from services.kit.metrics import watch_lag, watch_outbox
from services.kit.outbox import Outbox


def create_app(
    settings: CustomersSettings,
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
    own = database or Database(settings.customers_database_url.get_secret_value())
    registry = CollectorRegistry()
    outbox = Outbox(service="customers", database=own, kpi=kpi, signer=signer)
    consumer = feed.consumer(own, kpi, signer, moved=lambda _tenant_id, _offset: outbox.wake())
    office = Office(own, outbox, consumer.progress, clock)
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
        await actions.check_ready(office)

    app = http.create_app(
        service="customers",
        title="Headwater customers",
        description="The customer master: value tiers, planning classes, mix and tasks.",
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
