"""The funnel as the schema shows it."""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any

import strawberry

from gateway.execution.asking import Ask
from gateway.fields import Row, Rows, computed, listed, plain
from gateway.kpi.client import Slice
from gateway.kpi.types.metric import InPeriod
from gateway.scalars import CurrencyCode, Offset, Percent, Period, PlainDecimal
from gateway.values import Money

_STAGES = 12
"""How many stages a pipeline has at most in practice; what a funnel's stages cost."""
_PARTS = ("coverage", "bottlenecks", "forecast")
"""Parts of a funnel that kpi reads only when they are asked for."""

Pipeline = Annotated[
    str | None,
    strawberry.argument(description="Code of one pipeline; null for the tenant's first one."),
]
Product = Annotated[
    str | None, strawberry.argument(description="Code of one product; null for all of them.")
]
Channel = Annotated[
    str | None, strawberry.argument(description="Code of one channel; null for all of them.")
]


@strawberry.enum(description="What a win rate is a share of.")
class WinRateDenominator(Enum):
    CLOSED = strawberry.enum_value(
        "closed", description="Deals won or lost in the period: won ÷ (won + lost)."
    )
    ALL = strawberry.enum_value(
        "all",
        description="Also those still open at the period's end: won ÷ (won + lost + open).",
    )


@strawberry.enum(description="What it means for a deal to stand in a stage.")
class StageKind(Enum):
    OPEN = strawberry.enum_value("open", description="The deal is being worked on.")
    WON = strawberry.enum_value("won", description="The deal is closed with success.")
    LOST = strawberry.enum_value("lost", description="The deal is closed without success.")


@strawberry.type(description="One stage of a pipeline and what happened in it in the period.")
class FunnelStage:
    code: str = plain("The stage's code, unique in its pipeline.")
    name: str = plain("What people call it.")
    kind: StageKind = plain("Whether deals in it are open, won or lost.")
    entered: int = plain(
        "Entries into the stage in the period; a deal that comes again counts again."
    )
    open: int = plain("Deals that stand in the stage at the period's end, or now while it runs.")
    undated: int = plain("Of the open deals, those without a date: they entered in no period.")
    amount: Money | None = plain(
        "Amount of the open deals, in a stage that closes deals of those that entered in the "
        "period; null where it is not known."
    )
    entered_amount: Money | None = plain(
        "Amount of the deals that entered in the period; null where it is not known."
    )
    conversion: Percent | None = plain(
        "Share of the period's entries that has since reached a later stage (lost is not later), "
        "in percent; null where nothing entered, and for stages that close a deal."
    )
    median_days: PlainDecimal | None = plain(
        "Median of the days (the tenant's own) of the stays in the stage that ended in the period; "
        "null where none ended."
    )


@strawberry.type(description="Deals that closed in the period.")
class ClosedDeals:
    deals: int = plain("How many closed.")
    amount: Money | None = plain("Their amount; null where it is not known.")


@strawberry.type(description="A stage that converts worse than it used to, and what that costs.")
class Bottleneck:
    stage: FunnelStage = plain("The stage that deals do not get beyond.")
    conversion: Percent = plain("Its conversion in the period, in percent.")
    usual: Percent = plain(
        "Its conversion in the comparable periods before, at the same age, in percent."
    )
    amount_at_stake: Money = plain("What the usual conversion would have brought on top.")


@strawberry.type(description="What the period is expected to bring, seen in three ways.")
class Forecast:
    weighted: Money = plain("Won so far, and open deals weighted by their stage's chance.")
    run_rate: Money | None = plain(
        "Won so far, carried to the period's end at its pace; null before it begins."
    )
    low: Money = plain("The lower end: four times in five it is not less.")
    high: Money = plain("The upper end, likewise.")


def _win_rate(
    row: Row,
    denominator: Annotated[
        WinRateDenominator,
        strawberry.argument(description="What the rate is a share of: closed deals, or all."),
    ] = WinRateDenominator.CLOSED,
) -> Any:
    return row["win_rate" if denominator is WinRateDenominator.CLOSED else "win_rate_all"]


def _bottlenecks(row: Row) -> list[Any] | None:
    """Each with its stage as the funnel has it."""
    found = row.get("bottlenecks")
    if found is None:
        return None
    stages = {stage["code"]: stage for stage in row["stages"]}
    return [{**one, "stage": stages[one["stage"]]} for one in found]


@strawberry.type(
    description="The sales funnel of one rep, or of a unit with everything below it, in a period."
)
class Funnel:
    offset: Offset = plain("The log's position that these figures reflect: every entry up to it.")
    period: Period = plain("The period that was asked for.")
    currency: CurrencyCode | None = plain("The currency of all amounts; null where none is known.")
    stages: list[FunnelStage] = listed(
        "The pipeline's stages in order, at most a few dozen.", _STAGES
    )
    win_rate: Percent | None = computed(
        _win_rate, "Deals won in percent of deals by `denominator`; null where there are none."
    )
    cycle_days: PlainDecimal | None = plain(
        "Mean of the days (the tenant's own) from the first sight of a deal to its winning, of the "
        "deals won in the period; null where none was won."
    )
    created: int = plain("Deals first seen in the period.")
    undated: int = plain("Open deals without a date: they are open, but entered in no period.")
    won: ClosedDeals = plain("Deals won in the period.")
    lost: ClosedDeals = plain("Deals lost in the period.")
    coverage: Percent | None = plain(
        "Open amount in percent of what the period's target still lacks; null where there is no "
        "target of sales, or none of it is left."
    )
    bottlenecks: list[Bottleneck] | None = computed(
        _bottlenecks, "Stages that convert below their usual, the costliest first.", size=_STAGES
    )
    forecast: Forecast | None = plain(
        "What the period is expected to bring; null where nothing tells."
    )


async def funnel_of(
    rows: Rows, info: Ask, period: InPeriod, pipeline: Pipeline = None, product: Product = None,
    channel: Channel = None,
) -> Sequence[Any]:  # fmt: skip
    """The funnels of members or units; None where the viewer may not see one."""
    which = Slice(period, pipeline, product, channel)
    parts = [part for part in _PARTS if info.selects(part)]
    found = await info.context.kpi.funnels((row["id"] for row in rows), which, parts)
    return [found.get(row["id"]) for row in rows]
