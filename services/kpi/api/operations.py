"""Long work of kpi: a check of the funnel against the log, asked for and followed by HTTP."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from services.kit import operations
from services.kit.errors import NotFound
from services.kit.http import JSONResponse
from services.kit.ids import is_id
from services.kpi.api.edge import Asker, Parts, TenantId, example
from services.kpi.domain import policy
from services.kpi.schemas.wire import OperationRead

router = APIRouter(tags=["operations"])
_OPERATION: dict[str, Any] = {
    "id": "019a0000-0000-7000-8000-00000000000a", "kind": "check", "state": "done",
    "progress": 100, "result": {"offset": 1203, "rows": 5120, "differences": 0, "examples": []},
    "error": None, "asked_by": "sales_ops", "created_at": "2026-01-05T09:00:00Z",
    "updated_at": "2026-01-05T09:00:02Z",
}  # fmt: skip


@router.post(
    "/checks", status_code=202, response_model=OperationRead, responses=example(**_OPERATION)
)
async def start_check(kpi: Parts, viewer: Asker, tenant_id: TenantId) -> Response:
    """Rebuild the funnel from the log beside the live one and compare: `differences` must be 0."""
    policy.need_configuration(viewer.role, viewer.service)
    operation_id = await kpi.operations.start(tenant_id, "check", viewer.subject, kpi.clock.now())
    async with kpi.database.read(tenant_id) as connection:
        found = await operations.one(connection, tenant_id, operation_id)
    return JSONResponse(found, 202, {"Location": f"/kpi/v1/operations/{operation_id}"})


@router.get(
    "/operations/{operation}", response_model=OperationRead, responses=example(**_OPERATION)
)
async def get_operation(operation: str, kpi: Parts, viewer: Asker, tenant_id: TenantId) -> Response:
    """How far an operation is, and its result."""
    policy.need_configuration(viewer.role, viewer.service)
    if not is_id(operation):
        raise NotFound(f"no operation {operation}", path="operation")
    async with kpi.database.read(tenant_id) as connection:
        return JSONResponse(await operations.one(connection, tenant_id, operation))
