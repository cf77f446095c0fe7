"""Acts on tasks and tiers: each mutation is one call of customers."""

from collections.abc import Sequence
from datetime import date
from enum import Enum
from typing import Annotated, Any, TypeAlias

import strawberry

from gateway.customers.types import Task
from gateway.execution.asking import Ask
from gateway.fields import Rows, joined, plain
from gateway.refusals import (
    GIVEN,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    acted,
    given,
    idempotency_key,
    maybe,
    offset_of,
    result,
    segment,
)
from gateway.scalars import CurrencyCode, Offset, PlainDecimal
from gateway.values import Money


@strawberry.enum(description="What a customer's value is measured by.")
class TierBasis(Enum):
    ANNUAL_FEE = strawberry.enum_value(
        "annual_fee", description="Fees a year of the contracts in force."
    )
    TRAILING_REVENUE = strawberry.enum_value(
        "trailing_revenue", description="Won minus refunded within twelve months."
    )


@strawberry.enum(description="At whose start planning classes are fixed.")
class PlanningPeriod(Enum):
    MONTH = strawberry.enum_value("month", description="Calendar months.")
    QUARTER = strawberry.enum_value("quarter", description="Fiscal quarters.")
    YEAR = strawberry.enum_value("year", description="Fiscal years.")


@strawberry.input(description="A task that is done.")
class TaskCompleteInput:
    task_id: strawberry.ID = given("The task; one that is done stays as it is.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Which customers belong to which tier, from a day on.")
class TierPolicySetInput:
    basis: TierBasis = given("What a customer's value is measured by.")
    strategic_above: PlainDecimal = given(
        "A value above this is strategic; exactly this is growth."
    )
    basic_below: PlainDecimal = given("A value below this is basic; exactly this is growth.")
    currency: CurrencyCode | None = maybe("The tenant's; another one is refused.")
    planning_period: PlanningPeriod = strawberry.field(
        description="At whose start planning classes are fixed.", default=PlanningPeriod.QUARTER
    )
    key_accounts: list[str] = strawberry.field(
        description="Accounts of class key whatever their tier, at most 1,000.",
        default_factory=list,
    )
    effective_on: date | None = maybe(
        "The first day; the business day when not given. A day in the past restates history."
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.type(description="Which customers belong to which tier: one version of the policy.")
class TierPolicy:
    version: int = plain("Counts from 1; 0 is the default policy.")
    effective_on: date | None = plain("The first day; null: since ever.")
    basis: TierBasis = plain("What a customer's value is measured by.")
    strategic_above: Money = plain("A value above this is strategic.")
    basic_below: Money = plain("A value below this is basic.")
    planning_period: PlanningPeriod = plain("At whose start planning classes are fixed.")
    key_accounts: list[str] = plain("Accounts of class key whatever their tier.")


@strawberry.type(description="A task after it was done.")
class TaskCompletePayload:
    task: Task = plain("The task as it is now.")
    offset: Offset | None = offset_of("customers")


@strawberry.type(description="The policy after it was set.")
class TierPolicySetPayload:
    policy: TierPolicy = plain("The version that holds from the day on.")
    offset: Offset | None = offset_of("customers")


TaskCompleteResult: TypeAlias = Annotated[
    TaskCompletePayload | NotFoundError | ForbiddenError | InvalidError | ConflictError,
    result("TaskCompleteResult"),
]


TierPolicySetResult: TypeAlias = Annotated[
    TierPolicySetPayload | NotFoundError | ForbiddenError | InvalidError | ConflictError,
    result("TierPolicySetResult"),
]


async def _complete(
    rows: Rows,  # noqa: ARG001
    info: Ask,
    input: Annotated[TaskCompleteInput, GIVEN],  # noqa: A002
) -> Sequence[Any]:
    path = f"tasks/{segment(input.task_id)}/complete"
    acting = info.context.customers.act("POST", path, {}, input.idempotency_key)
    return await acted("TaskCompletePayload", acting)


async def _set_policy(
    rows: Rows,  # noqa: ARG001
    info: Ask,
    input: Annotated[TierPolicySetInput, GIVEN],  # noqa: A002
) -> Sequence[Any]:
    body = {
        "basis": input.basis.value, "strategic_above": input.strategic_above,
        "basic_below": input.basic_below, "currency": input.currency,
        "planning_period": input.planning_period.value, "key_accounts": input.key_accounts,
        "effective_on": input.effective_on and input.effective_on.isoformat(),
    }  # fmt: skip
    acting = info.context.customers.act("PUT", "policies/tier", body, input.idempotency_key)
    return await acted("TierPolicySetPayload", acting)


@strawberry.type
class CustomersMutation:
    task_complete: TaskCompleteResult | None = joined(
        _complete, "Says that a task is done. For whose it is, and the offices above."
    )
    tier_policy_set: TierPolicySetResult | None = joined(
        _set_policy, "Sets the tiers' edges from a day on. For sales_ops and admin."
    )
