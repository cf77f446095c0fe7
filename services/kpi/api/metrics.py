"""The metric catalogue."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import Response

from services.kit import quantity
from services.kit.http import JSONResponse, StrictRoute
from services.kpi.actions import catalogue
from services.kpi.actions.connections import KPI
from services.kpi.actions.submission import Submission
from services.kpi.api.edge import Asker, Parts, TenantId, example
from services.kpi.domain import metrics, policy
from services.kpi.domain.metrics import Lights, Metric, Term
from services.kpi.schemas.attainments import MetricDeclared, MetricList, MetricPut

router = APIRouter(tags=["metrics"], route_class=StrictRoute)
_EXAMPLE: dict[str, Any] = {
    "code": "visits", "name": {"en": "Visits", "zh": "拜访量"}, "kind": "process", "unit": "count",
    "direction": "higher",
    "numerator": [{
        "measure": "activity", "value": "count", "stage": "visit", "sign": 1, "pipeline": None,
        "product": None, "channel": None,
    }],
    "denominator": None, "yellow_below": "80.00", "red_below": "60.00",
}  # fmt: skip


@router.get("/metrics", response_model=MetricList, responses=example(offset=12, items=[_EXAMPLE]))
async def list_metrics(kpi: Parts, _viewer: Asker, tenant_id: TenantId) -> Response:
    """Every metric of the tenant, in the order in which they were declared."""
    async with kpi.database.read(tenant_id) as connection:
        known = await kpi.catalogues.get(connection, tenant_id)
    items = [_present(metric) for metric in known.metrics.values()]
    return JSONResponse(
        {"offset": known.offset, "items": items}, headers={"Headwater-Offset": str(known.offset)}
    )


@router.put(
    "/metrics/{code}",
    response_model=MetricDeclared,
    responses={
        **example(**_EXAMPLE, changed=True, offset=1204),
        201: {"description": "the metric is new"},
    },
)
async def put_metric(
    code: Annotated[str, Path(max_length=63, examples=["visits"])],
    body: MetricPut,
    kpi: Parts,
    viewer: Asker,
    tenant_id: TenantId,
) -> Response:
    """Declare a metric, or change one but its unit. Idempotent: the same again changes nothing."""
    policy.need_configuration(viewer.role, viewer.service)
    metric = _metric(code, body)
    async with kpi.database.read(tenant_id) as connection:
        known = await kpi.catalogues.get(connection, tenant_id)
    facts = catalogue.change(known, metric, kpi.clock.now())
    offset = known.offset
    if facts:
        offset = (await kpi.writer.submit(Submission(tenant_id, KPI, facts=facts))).offset
    return JSONResponse(
        {**_present(metric), "changed": bool(facts), "offset": offset},
        200 if code in known.metrics else 201,
        headers={"Headwater-Offset": str(offset)},
    )


def _metric(code: str, body: MetricPut) -> Metric:
    def terms(side: Any) -> tuple[Term, ...]:
        return tuple(Term(**term.model_dump()) for term in side)

    lights = Lights(
        quantity.parse(body.yellow_below, "percent", path="yellow_below"),
        quantity.parse(body.red_below, "percent", path="red_below"),
    )
    return Metric(
        code, body.name.model_dump(), body.kind, body.unit, body.direction, terms(body.numerator),
        None if body.denominator is None else terms(body.denominator), lights,
    )  # fmt: skip


def _present(metric: Metric) -> dict[str, Any]:
    """The declaration with its lines in percent: basis points are hundredths of a percent."""
    declared = metrics.to_payload(metric)
    lines = {
        name: quantity.shown(declared.pop(f"{name}_bp"), "percent")
        for name in ("yellow_below", "red_below")
    }
    return {**declared, **lines}
