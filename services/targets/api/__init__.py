"""Routes of targets, under /targets/v1: parse, call one action, present."""

from fastapi import APIRouter

from services.targets.api import members, organisation, plans, targets, tenants, units

router = APIRouter()
for part in (tenants, organisation, members, units, plans, targets):
    router.include_router(part.router)
