"""Payloads of the log by event type; the snapshot events.schema.json is made from these."""

from datetime import date
from typing import Any, Literal

from pydantic import Field

from services.kpi.schemas.customers import (
    ClassFixedPayload,
    TaskCompletedPayload,
    TierChangedPayload,
    TierPolicySetPayload,
)
from services.kpi.schemas.metrics import (
    MetricClosedPayload,
    MetricDeclaredPayload,
    TargetSetPayload,
)
from services.kpi.schemas.pay import (
    CompensationPlanActivatedPayload,
    StatementApprovedPayload,
    StatementClosedPayload,
)
from services.kpi.schemas.payload import AmountPayload, OwnerPayload, Payload, Uuid
from services.kpi.schemas.records import (
    ActivityPayload,
    ContractPayload,
    CustomerPayload,
    ReceiptPayload,
)


class StagePayload(Payload):
    pipeline: str
    code: str
    kind: Literal["open", "won", "lost"]
    position: int


class DealPayload(Payload):
    """The deal as the event leaves it."""

    stage: StagePayload | None
    amount: AmountPayload | None
    owners: list[OwnerPayload]
    product: str | None
    channel: str | None
    account: str | None
    precision: Literal["instant", "day", "unknown"]
    incomplete: bool = Field(description="stages may have been passed that nobody told us about")
    order: int = Field(description="place among the deal's events of one instant")


class StageChangedPayload(DealPayload):
    from_stage: StagePayload | None


class AmountChangedPayload(DealPayload):
    from_amount: AmountPayload | None


class OwnerChangedPayload(DealPayload):
    from_owners: list[OwnerPayload]


class ObservedPayload(Payload):
    kind: Literal["delta", "snapshot", "notice", "deleted", "restored"]
    source: str
    precision: Literal["instant", "day", "unknown"]
    version: int
    ordinal: int
    fields: dict[str, Any]


class RetractedPayload(Payload):
    source: str


class SupersededPayload(Payload):
    """Empty: the entry's `supersedes` names the conclusions that no longer hold."""


class DayStartedPayload(Payload):
    day: date
    zone: str


class PipelineStagePayload(Payload):
    code: str
    name: str
    kind: Literal["open", "won", "lost"]
    position: int


class PipelineConfiguredPayload(Payload):
    code: str
    name: str
    stages: list[PipelineStagePayload]


class TenantConfiguredPayload(Payload):
    zone: str
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    fiscal_start_month: int = Field(ge=1, le=12)
    week_rule: Literal["iso_clipped", "month_quarters"]
    effective_on: date


class PlacementPayload(Payload):
    parent_id: str | None
    manager_id: str | None = None
    starts_on: date
    ends_on: date | None


class UnitPlacedPayload(Payload):
    unit_id: str = Field(pattern=Uuid)
    external_id: str | None
    manager_id: str | None
    placements: list[PlacementPayload]


class MemberJoinedPayload(Payload):
    member_id: str = Field(pattern=Uuid)
    external_id: str | None
    joined_on: date | None
    left_on: date | None


class MembershipPayload(Payload):
    unit_id: str = Field(pattern=Uuid)
    starts_on: date
    ends_on: date | None
    share_bp: int = Field(ge=1, le=10_000)


class MemberMovedPayload(Payload):
    member_id: str = Field(pattern=Uuid)
    memberships: list[MembershipPayload]


class AlertAcknowledgedPayload(Payload):
    alert_id: str = Field(pattern=Uuid)
    light: Literal["yellow", "red"] = Field(description="how bad it was when it was seen")
    by: str = Field(description="the member, or the role of a token that names none")


PAYLOADS: dict[str, type[Payload]] = {
    "deal.observed.v1": ObservedPayload,
    "contract.observed.v1": ObservedPayload,
    "collection.observed.v1": ObservedPayload,
    "refund.observed.v1": ObservedPayload,
    "activity.observed.v1": ObservedPayload,
    "customer.observed.v1": ObservedPayload,
    "observation.retracted.v1": RetractedPayload,
    "deal.created.v1": DealPayload,
    "deal.stage_changed.v1": StageChangedPayload,
    "deal.won.v1": DealPayload,
    "deal.lost.v1": DealPayload,
    "deal.reopened.v1": StageChangedPayload,
    "deal.amount_changed.v1": AmountChangedPayload,
    "deal.owner_changed.v1": OwnerChangedPayload,
    "deal.details_changed.v1": DealPayload,
    "deal.deleted.v1": DealPayload,
    "deal.restored.v1": DealPayload,
    "contract.signed.v1": ContractPayload,
    "contract.changed.v1": ContractPayload,
    "contract.ended.v1": ContractPayload,
    "collection.received.v1": ReceiptPayload,
    "collection.refunded.v1": ReceiptPayload,
    "activity.recorded.v1": ActivityPayload,
    "customer.described.v1": CustomerPayload,
    "conclusions.superseded.v1": SupersededPayload,
    "day.started.v1": DayStartedPayload,
    "pipeline.configured.v1": PipelineConfiguredPayload,
    "tenant.configured.v1": TenantConfiguredPayload,
    "unit.placed.v1": UnitPlacedPayload,
    "member.joined.v1": MemberJoinedPayload,
    "member.moved.v1": MemberMovedPayload,
    "metric.declared.v1": MetricDeclaredPayload,
    "metric.closed.v1": MetricClosedPayload,
    "target.set.v1": TargetSetPayload,
    "compensation_plan.activated.v1": CompensationPlanActivatedPayload,
    "statement.approved.v1": StatementApprovedPayload,
    "statement.closed.v1": StatementClosedPayload,
    "tier.changed.v1": TierChangedPayload,
    "class.fixed.v1": ClassFixedPayload,
    "tier_policy.set.v1": TierPolicySetPayload,
    "task.completed.v1": TaskCompletedPayload,
    "alert.acknowledged.v1": AlertAcknowledgedPayload,
}


def events_schema() -> dict[str, Any]:
    """JSON Schema of every payload by event type."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Payloads of the log by event type",
        "properties": {
            type_: model.model_json_schema(mode="serialization")
            for type_, model in PAYLOADS.items()
        },
    }
