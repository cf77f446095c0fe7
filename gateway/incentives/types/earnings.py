"""What the schema shows of incentives: what a person earns, and why."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

import strawberry

from gateway.execution.asking import Ask
from gateway.fields import Rows, listed, plain
from gateway.kpi.types.metric import InPeriod
from gateway.values import Explain, Money

_LINES = 12


@strawberry.enum(description="How final a period's pay is.")
class EarningsStatus(Enum):
    LIVE = strawberry.enum_value("live", description="It moves with every deal.")
    APPROVED = strawberry.enum_value("approved", description="Finance agreed; not yet closed.")
    CLOSED = strawberry.enum_value("closed", description="It never changes again.")


@strawberry.type(description="How far the next commission band is and what it is worth.")
class NextBand:
    gap: Money = plain("What is still to be sold to reach it.")
    worth: Money = plain("What selling that pays on top.")


@strawberry.type(description="One line of a period's pay: a component, and one of its bands.")
class EarningsLine:
    component: str = plain("The compensation plan's component that pays it.")
    amount: Money = plain("What it pays; negative for a claw-back. Rounded once, here.")
    explain: Explain | None = plain("The rule and its arithmetic.")
    event_ids: list[str] = plain("Entries of the log that it rests on, at most 100.")


@strawberry.type(description="One person's pay of one period, before income tax.")
class Earnings:
    status: EarningsStatus = plain("How final it is.")
    earned: Money | None = plain("Earned so far: the sum of the lines.")
    projected: Money | None = plain(
        "What the period pays at its pace so far; null where nothing tells."
    )
    next_band: NextBand | None = plain("The next band; null at the highest, and without bands.")
    lines: list[EarningsLine] | None = listed(
        "What it is made of; null to viewers who may see totals only.", _LINES
    )


async def earnings_of(rows: Rows, info: Ask, period: InPeriod) -> Sequence[Any]:
    """The pay of each member; None where the viewer may not see it, or there is none."""
    found = await info.context.incentives.earnings((row["id"] for row in rows), period)
    return [earnings_row(found.get(row["id"])) for row in rows]


def earnings_row(item: Any) -> Any:
    """Amounts of one currency, said once by the service."""
    if item is None or isinstance(item, Exception):
        return item
    currency = item.get("currency")

    def money(amount: Any) -> Any:
        if isinstance(amount, str):
            return {"amount": amount, "currency": currency}
        return amount

    band, lines = item.get("next_band"), item.get("lines")
    return {
        **item,
        "earned": money(item.get("earned")),
        "projected": money(item.get("projected")),
        "next_band": band and {name: money(value) for name, value in band.items()},
        "lines": lines
        if not lines
        else [{**line, "amount": money(line["amount"])} for line in lines],
    }
