"""What the making of plans takes."""

from enum import Enum

import strawberry

from gateway.refusals import given, idempotency_key, maybe
from gateway.scalars import Percent, Period, PlainDecimal
from gateway.targets.types.target import Axis


@strawberry.enum(description="How long the periods are.")
class PeriodLevel(Enum):
    YEAR = strawberry.enum_value("year", description="Fiscal years.")
    QUARTER = strawberry.enum_value("quarter", description="Fiscal quarters.")
    MONTH = strawberry.enum_value("month", description="Calendar months.")
    WEEK = strawberry.enum_value(
        "week", description="Week pieces of a month, by the tenant's rule."
    )


@strawberry.enum(description="How a target is shared among its parts.")
class SplitMethod(Enum):
    SHARES = strawberry.enum_value("shares", description="By given shares, which sum to 100 %.")
    WEIGHTS = strawberry.enum_value("weights", description="In proportion to given weights.")
    EQUAL = strawberry.enum_value("equal", description="The same to each.")
    CALENDAR_DAYS = strawberry.enum_value("calendar_days", description="By days; in time only.")
    SAME = strawberry.enum_value("same", description="The whole to each; for rates only.")


@strawberry.enum(description="Which way a buffer goes.")
class BufferKind(Enum):
    OVER_ASSIGNED = strawberry.enum_value(
        "over_assigned", description="Parts sum to the target and the buffer."
    )
    RESERVED = strawberry.enum_value("reserved", description="Parts sum to the target less it.")


@strawberry.input(description="A plan: one target, which is split afterwards.")
class PlanCreateInput:
    name: str = given("What people call it: 1 to 200 characters.")
    metric: str = given("Code of a declared metric, such as sales.")
    owner_id: strawberry.ID = given(
        "Whose it is, most often the company: our id or an external one."
    )
    period: Period = given("Year, quarter, month or week piece.")
    target: PlainDecimal = given("The number, in the metric's unit.")
    floor: PlainDecimal | None = maybe("The least that must be reached.")
    stretch: PlainDecimal | None = maybe("The challenge beyond it.")
    predecessor_id: strawberry.ID | None = maybe("The plan that its activation supersedes.")
    consensus_threshold: Percent | None = maybe(
        "Share of owners whose acknowledgement an approval needs; 90 when not given."
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="One part of a split.")
class SplitPartInput:
    owner_id: strawberry.ID | None = maybe("Along the organisation: whose it is.")
    period: Period | None = maybe("In time: which one; without it parts are in periods' order.")
    share: Percent | None = maybe("By shares: its percentage, two decimals at most.")
    weight: PlainDecimal | None = maybe("By weights: its weight, six decimals at most.")


@strawberry.input(description="A declared difference between a target and its parts; once a plan.")
class BufferInput:
    percent: Percent = given("Of the target; 10 to 15 are usual.")
    kind: BufferKind = given("Which way it goes.")


@strawberry.input(description="One rule along one axis, for one target or for many alike.")
class SplitInput:
    target_id: strawberry.ID | None = maybe("The target to split; or `leaves`.")
    leaves: bool = strawberry.field(
        description="Every target that is not split, within `ownerId` and `level`, all alike.",
        default=False,
    )
    owner_id: strawberry.ID | None = maybe("With `leaves`: of this owner only.")
    level: PeriodLevel | None = maybe("With `leaves`: for such periods only.")
    axis: Axis = given("Along the organisation or time.")
    method: SplitMethod = given("How it is shared.")
    into: PeriodLevel | None = maybe("In time: how long the parts are; the next finer ones if not.")
    parts: list[SplitPartInput] = strawberry.field(
        description="One for each owner; in time with given shares one for each period. At most "
        "1,000.",
        default_factory=list,
    )
    buffer: BufferInput | None = maybe("Along the organisation only.")
    reason: str | None = maybe("Why these shares: 1 to 200 characters.")


@strawberry.input(description="Splits of a plan, applied in order, all or none.")
class PlanSplitInput:
    plan_id: strawberry.ID = given("The plan, a draft or proposed.")
    splits: list[SplitInput] = given("1 to 1,000 of them.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="A plan to propose.")
class PlanProposeInput:
    plan_id: strawberry.ID = given("The plan, a draft.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="A plan to approve.")
class PlanApproveInput:
    plan_id: strawberry.ID = given("The plan, proposed.")
    override_reason: str | None = maybe("Why it is approved below its consensus threshold.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="A plan to activate.")
class PlanActivateInput:
    plan_id: strawberry.ID = given("The plan, approved; an active one is answered unchanged.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="A target to acknowledge.")
class TargetAcknowledgeInput:
    target_id: strawberry.ID = given("The viewer's own target, in a proposed plan.")
    idempotency_key: str | None = idempotency_key()
