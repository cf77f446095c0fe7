"""Routes of kpi: parse, call one action, present."""

from fastapi import APIRouter

from services.kpi.api import connections, deals, events, funnels, log, operations, quarantine

router = APIRouter(prefix="/kpi/v1")
for part in (events, connections, quarantine, funnels, deals, log, operations):
    router.include_router(part.router)
