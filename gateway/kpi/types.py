"""The funnel as the schema shows it; every figure is kpi's, nothing is computed here."""

from enum import Enum
from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.execution.cost import LIST_SIZE
from gateway.fields import resolved
from gateway.kpi import client
from gateway.kpi.client import Slice
from gateway.kpi.loaders import FunnelAt, FunnelKey
from gateway.scalars import CurrencyCode, Offset, Percent, Period, PlainDecimal

_STAGES = 12
"""How many stages a pipeline has at most in practice; what a funnel's stages cost."""

InPeriod = Annotated[
    Period, strawberry.argument(description="The period, such as 2026-Q1, 2026-01 or 2026-01-15.")
]
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


@strawberry.type(description="An exact amount in one currency.")
class Money:
    amount: PlainDecimal = strawberry.field(
        description="The amount in major units with the currency's own number of decimals."
    )
    currency: CurrencyCode = strawberry.field(description="The currency of the amount.")

    @classmethod
    def of(cls, money: client.Money | None) -> "Money | None":
        if money is None:
            return None
        return cls(amount=PlainDecimal(money["amount"]), currency=CurrencyCode(money["currency"]))


@strawberry.type(description="One stage of a pipeline and what happened in it in the period.")
class FunnelStage:
    code: str = strawberry.field(description="The stage's code, unique in its pipeline.")
    name: str = strawberry.field(description="What people call it.")
    kind: StageKind = strawberry.field(description="Whether deals in it are open, won or lost.")
    entered: int = strawberry.field(
        description="Entries into the stage in the period; a deal that comes again counts again."
    )
    open: int = strawberry.field(
        description="Deals that stand in the stage at the period's end, or now while it runs."
    )
    undated: int = strawberry.field(
        description="Of the open deals, those without a date: they entered in no period."
    )
    amount: Money | None = strawberry.field(
        description="Amount of the open deals, in a stage that closes deals of those that entered in "
        "the period; null where it is not known."
    )
    entered_amount: Money | None = strawberry.field(
        description="Amount of the deals that entered in the period; null where it is not known."
    )
    conversion: Percent | None = strawberry.field(
        description="Share of the period's entries that has since reached a later stage (lost is "
        "not later), in percent; null where nothing entered, and for stages that close a deal."
    )
    median_days: PlainDecimal | None = strawberry.field(
        description="Median of the days (the tenant's own) of the stays in the stage that ended in the period; null "
        "where none ended."
    )

    @classmethod
    def of(cls, row: client.Stage) -> "FunnelStage":
        conversion, median_days = row["conversion"], row["median_days"]
        return cls(
            code=row["code"], name=row["name"], kind=StageKind(row["kind"]),
            entered=row["entered"], open=row["open"], undated=row["undated"],
            amount=Money.of(row["amount"]), entered_amount=Money.of(row["entered_amount"]),
            conversion=None if conversion is None else Percent(conversion),
            median_days=None if median_days is None else PlainDecimal(median_days),
        )  # fmt: skip


@strawberry.type(description="Deals that closed in the period.")
class ClosedDeals:
    deals: int = strawberry.field(description="How many closed.")
    amount: Money | None = strawberry.field(description="Their amount; null where it is not known.")

    @classmethod
    def of(cls, row: client.Deals) -> "ClosedDeals":
        return cls(deals=row["deals"], amount=Money.of(row["amount"]))


@strawberry.type(description="A stage that converts worse than it used to, and what that costs.")
class Bottleneck:
    stage: FunnelStage = strawberry.field(description="The stage that deals do not get beyond.")
    conversion: Percent = strawberry.field(description="Its conversion in the period, in percent.")
    usual: Percent = strawberry.field(
        description="The conversion it is measured against: its own history or a set line."
    )
    amount_at_stake: Money = strawberry.field(
        description="What the usual conversion would have brought on top."
    )


@strawberry.type(description="What the period is expected to bring, seen in three ways.")
class Forecast:
    weighted: Money = strawberry.field(description="Open deals weighted by their stage.")
    run_rate: Money = strawberry.field(description="The pace so far, carried to the period's end.")
    low: Money = strawberry.field(description="The lower end of the likely range.")
    high: Money = strawberry.field(description="The upper end of the likely range.")


@strawberry.type(
    description="The sales funnel of one rep, or of a unit with everything below it, in a period."
)
class Funnel:
    row: strawberry.Private[client.Funnel]
    offset: Offset = strawberry.field(
        description="The log's position that these figures reflect: every entry up to it."
    )
    period: Period = strawberry.field(description="The period that was asked for.")
    currency: CurrencyCode | None = strawberry.field(
        description="The currency of all amounts; null where none is known."
    )
    cycle_days: PlainDecimal | None = strawberry.field(
        description="Mean of the days (the tenant's own) from the first sight of a deal to its winning, of the "
        "deals won in the period; null where none was won."
    )
    created: int = strawberry.field(description="Deals first seen in the period.")
    undated: int = strawberry.field(
        description="Open deals without a date: they are open, but entered in no period."
    )
    won: ClosedDeals = strawberry.field(description="Deals won in the period.")
    lost: ClosedDeals = strawberry.field(description="Deals lost in the period.")
    coverage: Percent | None = strawberry.field(
        default=None,
        description="Open amount in percent of what the target still lacks; null until targets of "
        "the period are known to the funnel.",
    )
    bottlenecks: list[Bottleneck] | None = strawberry.field(
        default=None,
        description="Stages that convert below their usual, the costliest first; null until they "
        "are measured.",
        metadata={LIST_SIZE: _STAGES},
    )
    forecast: Forecast | None = strawberry.field(
        default=None,
        description="What the period is expected to bring; null until it is forecast.",
    )

    @classmethod
    def of(cls, found: FunnelAt) -> "Funnel":
        row = found.row
        currency, cycle_days = row["currency"], row["cycle_days"]
        return cls(
            row=row, offset=Offset(found.offset), period=Period(found.period),
            currency=CurrencyCode(currency) if currency else None,
            cycle_days=None if cycle_days is None else PlainDecimal(cycle_days),
            created=row["created"], undated=row["undated"],
            won=ClosedDeals.of(row["won"]), lost=ClosedDeals.of(row["lost"]),
        )  # fmt: skip

    @resolved(
        description="The pipeline's stages in order, at most a few dozen.",
        metadata={LIST_SIZE: _STAGES},
    )
    def stages(self) -> list[FunnelStage]:
        return [FunnelStage.of(stage) for stage in self.row["stages"]]

    @resolved(
        description="Deals won in percent of deals by `denominator`; null where there are none."
    )
    def win_rate(
        self,
        denominator: Annotated[
            WinRateDenominator,
            strawberry.argument(description="What the rate is a share of: closed deals, or all."),
        ] = WinRateDenominator.CLOSED,
    ) -> Percent | None:
        closed = denominator is WinRateDenominator.CLOSED
        rate = self.row["win_rate"] if closed else self.row["win_rate_all"]
        return None if rate is None else Percent(rate)


async def funnel_of(scope: str, which: Slice, info: Info) -> Funnel | None:
    """The funnel of a member or unit; None where the viewer may not see it."""
    found = await info.context.kpi.funnels.load(FunnelKey(scope, which))
    return None if found is None else Funnel.of(found)
