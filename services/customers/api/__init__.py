"""Routes of customers, under /customers/v1: parse, call one action, present."""

from fastapi import APIRouter

from services.customers.api import customers, log, mix, policies, tasks

router = APIRouter()
for part in (customers, mix, tasks, policies, log):
    router.include_router(part.router)
