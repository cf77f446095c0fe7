"""Routes of targets, under /targets/v1: parse, call one action, present."""

from fastapi import APIRouter

from services.targets.api import members, organisation, tenants, units

router = APIRouter()
for part in (tenants, organisation, members, units):
    router.include_router(part.router)
