"""How customers follows the log, and how its facts leave."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.customers.actions import office as actions
from services.customers.api.edge import PREFIX, Asked, TheOffice, answer, example, refusals
from services.customers.schemas.log import Changes, OutboxRead
from services.kit import limits
from services.kit.http import StrictRoute

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["log"])


@router.get(
    "/changes",
    summary="Follow what changes",
    description="Customers, members and units whose answers changed after an offset of the log; "
    "waits for the first change. Gapless. For services.",
    response_model=Changes,
    responses=refusals(422)
    | example(offset=1203, subjects=["0190a000-0000-7000-8000-000000000001"]),
)
async def read_changes(
    viewer: Asked,
    office: TheOffice,
    after: Annotated[
        int,
        Query(ge=-1, le=2**63 - 1, description="the last offset seen; -1 asks where we are"),
    ],
    wait: Annotated[
        float, Query(ge=0, le=limits.LONG_POLL_SECONDS, description="seconds to wait")
    ] = 0,
) -> Response:
    return answer(Changes(**await actions.changes(office, viewer, after, wait)))


@router.get(
    "/outbox",
    summary="See how facts leave for kpi",
    description="Facts that kpi has not yet accepted. For admin and services.",
    responses=refusals(),
)
async def read_outbox(viewer: Asked, office: TheOffice) -> OutboxRead:
    pending, age_seconds = await actions.facts_waiting(office, viewer)
    return OutboxRead(pending=pending, oldest_age_seconds=age_seconds)
