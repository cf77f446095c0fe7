"""The funnel of members and units, in batches."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.kit.errors import Invalid
from services.kit.http import JSONResponse
from services.kit.ids import is_id
from services.kit.limits import PAGE_MOST
from services.kit.money import Money
from services.kit.period import FIRST_YEAR, LAST_YEAR
from services.kpi.actions import outlook, read
from services.kpi.actions.outlook import Outlook, Slice
from services.kpi.actions.read import Board
from services.kpi.api.edge import Asker, Parts, TenantId, example, reading
from services.kpi.domain.figures import Figures, StageFigures, percent
from services.kpi.schemas.wire import FunnelBoard

router = APIRouter(tags=["funnel"])
Part = Literal["figures", "coverage", "bottlenecks", "forecast"]


@router.get(
    "/funnels",
    response_model=FunnelBoard,
    responses=example(
        offset=1203,
        period="2026-Q1",
        items=[
            {
                "scope": "019a0000-0000-7000-8000-000000000001", "pipeline": "sales",
                "currency": "CNY", "stages": [], "created": 40, "undated": 0,
                "won": {"deals": 9, "amount": {"amount": "540000.00", "currency": "CNY"}},
                "lost": {"deals": 3, "amount": {"amount": "0.00", "currency": "CNY"}},
                "win_rate": "75.0", "win_rate_all": "22.5", "cycle_days": "45.2",
                "coverage": "150.0",
                "bottlenecks": [
                    {
                        "stage": "intent", "conversion": "40.0", "usual": "60.0", "drop": "20.0",
                        "amount_at_stake": {"amount": "200000.00", "currency": "CNY"},
                    }
                ],
                "forecast": {
                    "weighted": {"amount": "1050000.00", "currency": "CNY"},
                    "run_rate": {"amount": "1620000.00", "currency": "CNY"},
                    "low": {"amount": "778350.00", "currency": "CNY"},
                    "high": {"amount": "1321650.00", "currency": "CNY"},
                    "chances": [
                        {"stage": "intent", "chance": "40.0", "closed": 50, "basis": "own"}
                    ],
                },
            }
        ],
    ),
)  # fmt: skip
async def get_funnels(
    kpi: Parts,
    viewer: Asker,
    tenant_id: TenantId,
    scope: Annotated[list[str], Query(description="ids of members or units, at most 100")],
    period: Annotated[str, Query(examples=["2026-Q1", "2026-01", "2026-01-W1"])],
    pipeline: Annotated[
        str | None, Query(description="its code; the first one made by default")
    ] = None,
    product: str | None = None,
    channel: str | None = None,
    as_of: Annotated[datetime | None, Query(description="what had happened by then")] = None,
    known_at: Annotated[datetime | None, Query(description="what was known by then")] = None,
    parts: Annotated[
        list[Part] | None,
        Query(description="what to add to the figures; all by default, `figures` alone adds none"),
    ] = None,
    min_offset: Annotated[int | None, Query(ge=0, description="wait until this is counted")] = None,
) -> Response:
    """Funnels of the scopes that the caller may see, all at one offset; the others are absent."""
    if len(scope) > PAGE_MOST:
        raise Invalid(f"at most {PAGE_MOST} scopes in one call", path="scope")
    wrong = next((given for given in scope if not is_id(given)), None)
    if wrong is not None:
        raise Invalid(f"{wrong!r} is not an id of a member or unit", path="scope")
    for name, instant in (("as_of", as_of), ("known_at", known_at)):
        if instant is not None and instant.tzinfo is None:
            raise Invalid("an instant needs an offset, e.g. 2026-01-15T09:00:00Z", path=name)
        if instant is not None and not FIRST_YEAR <= instant.year <= LAST_YEAR:
            raise Invalid(f"instants are from {FIRST_YEAR} to {LAST_YEAR}", path=name)
    async with reading(kpi, tenant_id, min_offset) as connection:
        board = await read.board(
            connection, tenant_id, viewer, scope, period, Slice(pipeline, product, channel),
            charts=kpi.charts, now=kpi.clock.now(), as_of=as_of, known_at=known_at,
            parts=outlook.PARTS if parts is None else parts,
            sales=(await kpi.catalogues.get(connection, tenant_id)).metrics.get("sales"),
        )  # fmt: skip
    return JSONResponse(_present(board), headers={"Headwater-Offset": str(board.offset)})


def _present(board: Board) -> dict[str, Any]:
    return {
        "offset": board.offset,
        "period": board.period.code,
        "items": [_funnel(scope, board, found) for scope, found in board.funnels.items()],
    }


def _funnel(scope: str, board: Board, found: Figures) -> dict[str, Any]:
    def money(minor: int) -> dict[str, str]:
        return {"amount": str(Money(minor, board.currency)), "currency": board.currency}

    def stage(figures: StageFigures) -> dict[str, Any]:
        is_open = figures.stage.kind == "open"
        return {
            "code": figures.stage.code,
            "name": figures.stage.name,
            "kind": figures.stage.kind,
            "position": figures.stage.position,
            "entered": figures.entered,
            "open": figures.open,
            "undated": figures.undated,
            "amount": money(figures.open_minor if is_open else figures.entered_minor),
            "entered_amount": money(figures.entered_minor),
            "conversion": _text(figures.conversion),
            "median_days": _text(figures.median_days),
        }

    return {
        "scope": scope,
        "pipeline": board.pipeline.code,
        "currency": board.currency,
        "stages": [stage(figures) for figures in found.stages],
        "created": found.created,
        "undated": found.undated,
        "won": {"deals": found.won, "amount": money(found.won_minor)},
        "lost": {"deals": found.lost, "amount": money(found.lost_minor)},
        "win_rate": _text(found.win_rate),
        "win_rate_all": _text(found.win_rate_all),
        "cycle_days": _text(found.cycle_days),
        **_outlook(board.outlooks.get(scope, Outlook()), money),
    }


def _outlook(found: Outlook, money: Callable[[int], dict[str, str]]) -> dict[str, Any]:
    ahead = found.forecast
    return {
        "coverage": _text(found.coverage),
        "bottlenecks": None if found.bottlenecks is None else [
            {
                "stage": narrow.stage,
                "conversion": str(narrow.conversion),
                "usual": str(narrow.usual),
                "drop": str(narrow.drop),
                "amount_at_stake": money(narrow.at_stake_minor),
            }
            for narrow in found.bottlenecks
        ],
        "forecast": None if ahead is None else {
            "weighted": money(ahead.weighted_minor),
            "run_rate": None if ahead.run_rate_minor is None else money(ahead.run_rate_minor),
            "low": money(ahead.low_minor),
            "high": money(ahead.high_minor),
            "chances": [
                {
                    "stage": stage,
                    "chance": _text(percent(chance.won, chance.closed)),
                    "closed": chance.closed,
                    "basis": chance.basis,
                }
                for stage, chance in found.chances.items()
            ],
        },
    }  # fmt: skip


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
