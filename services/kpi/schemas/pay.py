"""Payloads of what incentives tells: that pay was settled, never what it was made of."""

from datetime import date

from pydantic import Field

from services.kpi.schemas.payload import Payload, Uuid

_Hash = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of plan, inputs and lines")


class CompensationPlanActivatedPayload(Payload):
    plan_id: str = Field(pattern=Uuid)
    version: int
    effective_on: date


class StatementApprovedPayload(Payload):
    statement_id: str = Field(pattern=Uuid)
    member_id: str = Field(pattern=Uuid)
    period: str
    hash: str = _Hash


class StatementClosedPayload(StatementApprovedPayload):
    currency: str
    total_minor: int
