"""Attainments in batches, and leaderboards."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.kit import quantity
from services.kit.errors import AsOfUnsupported, Invalid
from services.kit.http import JSONResponse
from services.kit.ids import is_id
from services.kit.limits import PAGE_MOST
from services.kpi.actions import attainments
from services.kpi.actions.attainments import Attainment, Board, Ranking, Reading
from services.kpi.api.edge import Asker, Parts, TenantId, example, reading
from services.kpi.domain.metrics import Metric
from services.kpi.schemas.attainments import AttainmentBoard, Leaderboard

router = APIRouter(tags=["metrics"])
_ID = "019a0000-0000-7000-8000-000000000001"
_SPAN = {
    "period": "2026-03", "target": "20", "actual": "15", "attainment": "75.0", "pace": "12",
    "light": "green",
}  # fmt: skip
_RANK = {"rank": 1, "member_id": _ID, "value": "540000.00"}
PeriodCode = Annotated[str, Query(examples=["2026-Q1", "2026-01", "2026-01-W1"])]
MinOffset = Annotated[int | None, Query(ge=0, description="wait until this is counted")]
AsOf = Annotated[datetime | None, Query(description="not supported here: as_of_unsupported")]


@router.get(
    "/attainments",
    response_model=AttainmentBoard,
    responses=example(
        offset=1203, period="2026-03",
        items=[{
            "scope": _ID, "metric": "visits", "unit": "count", "currency": None, **_SPAN,
            "children": [],
        }],
    ),
)  # fmt: skip
async def get_attainments(
    kpi: Parts,
    viewer: Asker,
    tenant_id: TenantId,
    scope: Annotated[list[str], Query(description="ids of members or units, at most 100")],
    period: PeriodCode,
    metric: Annotated[list[str] | None, Query(description="codes; all by default")] = None,
    children: Literal["time"] | None = None,
    as_of: AsOf = None,
    known_at: AsOf = None,
    min_offset: MinOffset = None,
) -> Response:
    """Actual, target, attainment, pace and light by scope and metric, all at one offset.

    Scopes that the caller may not see, and metrics that are not declared, are absent.
    """
    _refuse_past(as_of, known_at)
    if len(scope) > PAGE_MOST:
        raise Invalid(f"at most {PAGE_MOST} scopes in one call", path="scope")
    wrong = next((given for given in scope if not is_id(given)), None)
    if wrong is not None:
        raise Invalid(f"{wrong!r} is not an id of a member or unit", path="scope")
    async with reading(kpi, tenant_id, min_offset) as connection:
        board = await attainments.board(
            connection, tenant_id, viewer, scope, period, metric,
            with_parts=children is not None, charts=kpi.charts,
            catalogue=await kpi.catalogues.get(connection, tenant_id), now=kpi.clock.now(),
        )  # fmt: skip
    return JSONResponse(_board(board), headers={"Headwater-Offset": str(board.offset)})


@router.get(
    "/leaderboard",
    response_model=Leaderboard,
    responses=example(
        offset=1203, period="2026-03", metric="sales", unit="money", currency="CNY", items=[_RANK]
    ),
)
async def get_leaderboard(
    kpi: Parts,
    _viewer: Asker,
    tenant_id: TenantId,
    unit: Annotated[str, Query(description="id of a unit; those below it are in it")],
    period: PeriodCode,
    metric: Annotated[str, Query(examples=["sales"])],
    limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = 10,
    as_of: AsOf = None,
    known_at: AsOf = None,
    min_offset: MinOffset = None,
) -> Response:
    """The best members of a unit, for everybody in the tenant.

    Equal values share a rank and the next rank is passed over (1 2 2 4); they are listed by id.
    Where lower is better the lowest leads. Who has no value, such as a rate of nothing, is absent.
    """
    _refuse_past(as_of, known_at)
    if not is_id(unit):
        raise Invalid(f"{unit!r} is not an id of a unit", path="unit")
    async with reading(kpi, tenant_id, min_offset) as connection:
        ranking = await attainments.ranking(
            connection, tenant_id, unit, period, metric, limit, charts=kpi.charts,
            catalogue=await kpi.catalogues.get(connection, tenant_id), now=kpi.clock.now(),
        )  # fmt: skip
    return JSONResponse(_ranking(ranking), headers={"Headwater-Offset": str(ranking.offset)})


def _refuse_past(as_of: datetime | None, known_at: datetime | None) -> None:
    for path, instant in (("as_of", as_of), ("known_at", known_at)):
        if instant is not None:
            raise AsOfUnsupported("targets are kept as they stand now", path=path)


def _currency(metric: Metric, currency: str) -> str | None:
    return currency if metric.unit == "money" else None


def _board(board: Board) -> dict[str, Any]:
    return {
        "offset": board.offset,
        "period": board.period.code,
        "items": [_attainment(item, board.currency) for item in board.items],
    }


def _attainment(item: Attainment, currency: str) -> dict[str, Any]:
    metric = item.metric
    return {
        "scope": item.scope,
        "metric": metric.code,
        "unit": metric.unit,
        "currency": _currency(metric, currency),
        **_reading(item.whole, metric, currency),
        "children": [_reading(part, metric, currency) for part in item.parts],
    }


def _reading(found: Reading, metric: Metric, currency: str) -> dict[str, Any]:
    def shown(value: int | None) -> str | None:
        return None if value is None else quantity.shown(value, metric.unit, currency)

    return {
        "period": found.period.code,
        "target": shown(found.target),
        "actual": shown(found.actual),
        "attainment": None if found.attainment is None else str(found.attainment),
        "pace": shown(found.pace),
        "light": found.light,
    }


def _ranking(ranking: Ranking) -> dict[str, Any]:
    metric, currency = ranking.metric, ranking.currency
    return {
        "offset": ranking.offset,
        "period": ranking.period.code,
        "metric": metric.code,
        "unit": metric.unit,
        "currency": _currency(metric, currency),
        "items": [
            {
                "rank": rank.rank,
                "member_id": rank.member_id,
                "value": quantity.shown(rank.value, metric.unit, currency),
            }
            for rank in ranking.items
        ],
    }
