"""Payloads of the facts about customers: tiers, planning classes, policies and finished tasks."""

from datetime import date
from typing import Literal

from pydantic import Field

from services.kpi.schemas.payload import AmountPayload, Payload, Uuid

Tier = Literal["strategic", "growth", "basic"]
Basis = Literal["annual_fee", "trailing_revenue"]


class TierChangedPayload(Payload):
    """From a day on. The newest statement about a day holds, so one about a day that was told
    before corrects it, with the tier that held then (method.md 2).
    """

    customer_id: str = Field(pattern=Uuid)
    account: str
    tier: Tier | None = Field(description="null: no customer any more, or not yet")
    from_tier: Tier | None = Field(description="the tier of the day before")
    basis: Basis
    value: AmountPayload = Field(description="by the basis, on that day")
    policy_version: int = Field(ge=0, description="0 is the default policy")
    effective_on: date


class ClassFixedPayload(Payload):
    """From the first day of a planning period on, until another class is fixed."""

    customer_id: str = Field(pattern=Uuid)
    account: str
    planning_class: Literal["key", "new", "existing", "prospect"] = Field(alias="class")
    period: str
    effective_on: date


class TierPolicySetPayload(Payload):
    version: int = Field(ge=1)
    effective_on: date
    basis: Basis
    strategic_above: AmountPayload
    basic_below: AmountPayload
    planning_period: Literal["year", "quarter", "month"]
    key_accounts: list[str] = Field(max_length=1_000)


class TaskCompletedPayload(Payload):
    task_id: str = Field(pattern=Uuid)
    task_kind: str
    account: str
    subject: str = Field(description="what asked for the task, e.g. deal:crm:D-17")
    owner_id: str | None = Field(pattern=Uuid)
    due_on: date
    completed_on: date
    completed_by: str | None = Field(pattern=Uuid, description="the member; null for an office")
