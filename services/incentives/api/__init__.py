"""Routes of incentives, under /incentives/v1: parse, call one action, present."""

from fastapi import APIRouter

from services.incentives.api import log, pay, plans

router = APIRouter()
for part in (pay, plans, log):
    router.include_router(part.router)
