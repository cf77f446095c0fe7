"""Compensation plans and the statements that follow from them."""

from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from gateway.fields import listed, plain
from gateway.incentives.types.earnings import EarningsLine, EarningsStatus
from gateway.scalars import CurrencyCode, Period
from gateway.values import Money

if TYPE_CHECKING:
    from gateway.targets.types.people import Rep


@strawberry.enum(description="How far a compensation plan is.")
class CompensationPlanState(Enum):
    DRAFT = strawberry.enum_value("draft", description="It pays nobody.")
    ACTIVE = strawberry.enum_value("active", description="It pays on its days.")


@strawberry.type(description="How credit is paid: one version of a compensation plan.")
class CompensationPlan:
    id: strawberry.ID = plain("Our id: a UUID.")
    name: str = plain("What its versions share.")
    version: int = plain("Counts from 1 by name.")
    state: CompensationPlanState = plain("Draft, or active on its days.")
    effective_on: date | None = plain("The first day in force; null while it is a draft.")
    ends_on: date | None = plain("The last day in force; null until a new version.")


@strawberry.type(description="One person's pay of one period of a compensation plan.")
class Statement:
    id: strawberry.ID = plain("Our id: a UUID.")
    rep: Annotated["Rep", strawberry.lazy("gateway.targets.types.people")] = plain("Whose it is.")
    period: Period = plain("The plan's period.")
    first_on: date = plain("The period's first day.")
    last_on: date = plain("The period's last day.")
    status: EarningsStatus = plain("How final it is; approval lapses when the figures change.")
    currency: CurrencyCode = plain("The currency of all amounts.")
    total: Money = plain("The sum of its lines.")
    lines: list[EarningsLine] | None = listed(
        "What it is made of; null to viewers who may see totals only.", 12
    )


def statement_row(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Amounts with the currency that the service says once."""
    currency = statement["currency"]

    def money(amount: str) -> dict[str, str]:
        return {"amount": amount, "currency": currency}

    lines = statement["lines"]
    if lines is not None:
        lines = [{**line, "amount": money(line["amount"])} for line in lines]
    return {
        **statement, "rep": {"id": statement["member_id"]}, "lines": lines,
        "total": money(statement["total"]),
    }  # fmt: skip
