"""Making and activating compensation plans: each mutation is one call of incentives."""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any, TypeAlias

import strawberry

from gateway.execution.asking import Ask
from gateway.fields import Rows, joined, plain
from gateway.incentives.types.plan import CompensationPlan
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
from gateway.scalars import CurrencyCode, Offset, Percent, Period, PlainDecimal, basis_points


@strawberry.enum(description="Over which period bands count.")
class BandPeriod(Enum):
    MONTH = strawberry.enum_value("month", description="Calendar months.")
    QUARTER = strawberry.enum_value("quarter", description="Fiscal quarters.")
    YEAR = strawberry.enum_value("year", description="Fiscal years.")


@strawberry.enum(description="What a reached rate band applies to.")
class BandMode(Enum):
    MARGINAL = strawberry.enum_value("marginal", description="Each slice at its band's rate.")
    RETROACTIVE = strawberry.enum_value(
        "retroactive", description="The reached band's rate on everything."
    )


@strawberry.enum(description="How a line is rounded to a minor unit, once.")
class LineRounding(Enum):
    HALF_EVEN = strawberry.enum_value("half_even", description="A half goes to the even unit.")
    HALF_UP = strawberry.enum_value("half_up", description="A half goes away from zero.")


@strawberry.input(description="One rate band.")
class BandInput:
    up_to: PlainDecimal | None = maybe("Its last amount in major units; null on the last band.")
    rate: Percent = given("What it pays: 0 to 100 percent, two decimals at most.")


@strawberry.input(description="One component: it pays on all credit, by its bands.")
class ComponentInput:
    code: str = strawberry.field(description="Names its lines.", default="commission")
    mode: BandMode = strawberry.field(
        description="What a reached band applies to.", default=BandMode.MARGINAL
    )
    bands: list[BandInput] = given("Ascending, 1 to 20; one band is a flat rate.")
    rounding: LineRounding = strawberry.field(
        description="How its lines are rounded.", default=LineRounding.HALF_EVEN
    )


@strawberry.input(description="A compensation plan's draft; of a name that exists, a new version.")
class CompensationPlanCreateInput:
    name: str = given("What its versions share: 1 to 200 characters.")
    period: BandPeriod = strawberry.field(
        description="Over which bands count.", default=BandPeriod.QUARTER
    )
    currency: CurrencyCode = given("Credit in others is not paid.")
    components: list[ComponentInput] = given("1 to 10 of them.")
    units: list[strawberry.ID] = strawberry.field(
        description="Who has it, with all below; everybody where neither units nor reps are named.",
        default_factory=list,
    )
    reps: list[strawberry.ID] = strawberry.field(
        description="Who has it beside them, at most 1,000.", default_factory=list
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="A compensation plan to put in force.")
class CompensationPlanActivateInput:
    plan_id: strawberry.ID = given("The plan; an active one is answered unchanged.")
    effective_from: Period = given("The first period in force, of the plan's own kind.")
    idempotency_key: str | None = idempotency_key()


@strawberry.type(description="A compensation plan that was drafted.")
class CompensationPlanCreatePayload:
    plan: CompensationPlan = plain("The draft.")
    offset: Offset | None = offset_of("incentives")


@strawberry.type(description="A compensation plan in force.")
class CompensationPlanActivatePayload:
    plan: CompensationPlan = plain("The plan as it is now.")
    offset: Offset | None = offset_of("incentives")


CompensationPlanCreateResult: TypeAlias = Annotated[
    CompensationPlanCreatePayload | NotFoundError | ForbiddenError | InvalidError | ConflictError,
    result("CompensationPlanCreateResult"),
]


CompensationPlanActivateResult: TypeAlias = Annotated[
    CompensationPlanActivatePayload | NotFoundError | ForbiddenError | InvalidError | ConflictError,
    result("CompensationPlanActivateResult"),
]


async def _create(
    rows: Rows,  # noqa: ARG001
    info: Ask,
    input: Annotated[CompensationPlanCreateInput, GIVEN],  # noqa: A002
) -> Sequence[Any]:
    async def act() -> Any:
        body = {
            "name": input.name, "period": input.period.value, "currency": input.currency,
            "components": [_component(one, at) for at, one in enumerate(input.components)],
            "eligible": {"units": input.units, "members": input.reps},
        }  # fmt: skip
        return await info.context.incentives.act("plans", body, input.idempotency_key)

    return await acted("CompensationPlanCreatePayload", act())


def _component(component: ComponentInput, at: int) -> dict[str, Any]:
    bands = [
        {
            "up_to": band.up_to,
            "rate_bp": basis_points(band.rate, f"components.{at}.bands.{index}.rate"),
        }
        for index, band in enumerate(component.bands)
    ]
    return {
        "code": component.code, "mode": component.mode.value, "bands": bands,
        "rounding": component.rounding.value,
    }  # fmt: skip


async def _activate(
    rows: Rows,  # noqa: ARG001
    info: Ask,
    input: Annotated[CompensationPlanActivateInput, GIVEN],  # noqa: A002
) -> Sequence[Any]:
    path = f"plans/{segment(input.plan_id)}/activate"
    body = {"effective_from": input.effective_from}
    acting = info.context.incentives.act(path, body, input.idempotency_key)
    return await acted("CompensationPlanActivatePayload", acting)


@strawberry.type
class PlanActs:
    compensation_plan_create: CompensationPlanCreateResult | None = joined(
        _create, "Drafts a compensation plan. For finance."
    )
    compensation_plan_activate: CompensationPlanActivateResult | None = joined(
        _activate, "Puts a compensation plan in force from a period on. For finance."
    )
