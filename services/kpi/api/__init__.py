"""Routes of kpi: parse, call one action, present."""

from fastapi import APIRouter

from services.kpi.api import (
    alerts,
    attainments,
    connections,
    deals,
    events,
    funnels,
    log,
    metrics,
    operations,
    quarantine,
)

router = APIRouter(prefix="/kpi/v1")
for part in (
    events, connections, quarantine, funnels, deals, metrics, attainments, alerts, log, operations,
):  # fmt: skip
    router.include_router(part.router)
