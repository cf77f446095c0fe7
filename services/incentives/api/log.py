"""What follows the log: which members' pay changed, and how facts leave."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.incentives.api.edge import MOST, PREFIX, Asked, TheOffice, answer, refusals
from services.incentives.domain import policy
from services.incentives.schemas.wire import Changes, OutboxRead
from services.incentives.store.tenants import PROJECTION
from services.kit import limits, versions

router = APIRouter(prefix=PREFIX, tags=["log"])


@router.get(
    "/changes",
    summary="Follow what changes",
    description="Members whose pay changed after an offset; waits for the first change. Gapless. "
    "For the installation's services.",
    response_model=Changes,
    responses=refusals(422),
)
async def read_changes(
    viewer: Asked, office: TheOffice,
    after: Annotated[
        int, Query(ge=-1, le=MOST, description="the last offset seen; -1 asks where we are")
    ],
    wait: Annotated[
        float, Query(ge=0, le=limits.LONG_POLL_SECONDS, description="seconds to wait")
    ] = 0,
) -> Response:  # fmt: skip
    policy.need_service(viewer.role)
    tenant_id = await office.tenant_id(viewer)
    found = await versions.changes(
        office.database, office.progress, tenant_id, PROJECTION, after, wait
    )
    return answer(Changes(**found))


@router.get(
    "/outbox",
    summary="See how facts leave for kpi",
    description="Facts that kpi has not yet accepted. For admin and services.",
    responses=refusals(),
)
async def read_outbox(viewer: Asked, office: TheOffice) -> OutboxRead:
    policy.need_operating(viewer.role)
    pending, age_seconds = await office.outbox.pending(await office.tenant_id(viewer))
    return OutboxRead(pending=pending, oldest_age_seconds=age_seconds)
