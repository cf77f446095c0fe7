"""What every route of kpi needs: who asks, of which tenant, and the service's parts."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request

from services.kit import projection
from services.kit.auth import Verifier, Viewer
from services.kit.chart import Charts
from services.kit.clock import Clock
from services.kit.db import Connection, Database
from services.kit.idempotency import IdempotencyStore
from services.kit.metrics import IngestMetrics
from services.kit.operations import Operations
from services.kit.projection import Progress
from services.kit.vault import Vault
from services.kpi.actions import tenants
from services.kpi.actions.catalogue import Catalogues
from services.kpi.store import funnel
from services.kpi.writer import Writer


@dataclass(frozen=True, slots=True)
class Kpi:
    database: Database
    writer: Writer
    vault: Vault
    clock: Clock
    progress: Progress
    """How far the funnel is, per tenant."""
    heads: Progress
    """Wakes who waits for any tenant's head."""
    idempotency: IdempotencyStore
    operations: Operations
    metrics: IngestMetrics
    verifier: Verifier
    charts: Charts = field(default_factory=Charts)
    catalogues: Catalogues = field(default_factory=Catalogues)


def kpi_of(request: Request) -> Kpi:
    found: Kpi = request.app.state.kpi
    return found


async def viewer_of(request: Request) -> Viewer:
    return await kpi_of(request).verifier.viewer(request.headers)


async def tenant_of(request: Request, viewer: Annotated[Viewer, Depends(viewer_of)]) -> str:
    return await tenants.tenant_id_of(kpi_of(request).database, viewer.tenant)


Parts = Annotated[Kpi, Depends(kpi_of)]
Asker = Annotated[Viewer, Depends(viewer_of)]
TenantId = Annotated[str, Depends(tenant_of)]


def reading(
    kpi: Kpi, tenant_id: str, min_offset: int | None = None
) -> AbstractAsyncContextManager[Connection]:
    """A read transaction in which the funnel has reached `min_offset`."""
    return projection.reading(kpi.database, kpi.progress, tenant_id, funnel.PROJECTION, min_offset)


def example(**content: Any) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route: its example and the errors that all routes share."""
    return {
        200: {"content": {"application/json": {"example": content}}},
        401: {"description": "no valid token (problem+json, code unauthenticated)"},
        403: {"description": "the role may not do this (code forbidden)"},
        422: {"description": "a value breaks a rule; `path` names it (code invalid)"},
    }
