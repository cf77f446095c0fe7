"""Rows of targets' database: storage shape only. tenant_id leads every key."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

Instant = DateTime(timezone=True)


def _key(kind: Any) -> Any:
    return Field(sa_column=Column(kind, primary_key=True))


def _need(kind: Any) -> Any:
    return Field(sa_column=Column(kind, nullable=False))


def _may(kind: Any) -> Any:
    return Field(default=None, sa_column=Column(kind, nullable=True))


class Row(SQLModel, registry=registry()):
    """Tables of this service alone: another service's may have the same names."""


class TenantRow(Row, table=True):
    """No business data, so no row-level security: finds the tenant of a token."""

    __tablename__ = "tenant"
    id: UUID = _key(Uuid)
    short_name: str = Field(sa_column=Column(String, nullable=False, unique=True))


class TenantSettingRow(Row, table=True):
    """A tenant's choices from a day on, until the next row."""

    __tablename__ = "tenant_setting"
    tenant_id: UUID = _key(Uuid)
    effective_on: date = _key(Date)
    zone: str = _need(String)
    currency: str = _need(String)
    fiscal_start_month: int = _need(SmallInteger)
    week_rule: str = _need(String)


class OrganisationHeadRow(Row, table=True):
    """Its lock makes changes of a tenant's organisation serial; its versions tell caches."""

    __tablename__ = "organisation_head"
    tenant_id: UUID = _key(Uuid)
    units_version: int = _need(BigInteger)
    members_version: int = _need(BigInteger)


class UnitRow(Row, table=True):
    __tablename__ = "unit"
    __table_args__ = (Index("unit_external_id", "tenant_id", "external_id", unique=True),)
    tenant_id: UUID = _key(Uuid)
    id: UUID = _key(Uuid)
    external_id: str = _need(String)
    name: str = _need(String)
    kind: str | None = _may(String)


class MemberRow(Row, table=True):
    """`bare_id` is the external id without its connection."""

    __tablename__ = "member"
    __table_args__ = (
        Index("member_external_id", "tenant_id", "external_id", unique=True),
        Index("member_bare_id", "tenant_id", "bare_id"),
        Index("member_name", "tenant_id", "name", "id"),
    )
    tenant_id: UUID = _key(Uuid)
    id: UUID = _key(Uuid)
    external_id: str = _need(String)
    bare_id: str = _need(String)
    name: str = _need(String)
    joined_on: date = _need(Date)
    left_on: date | None = _may(Date)


class PlacementRow(Row, table=True):
    """Where a unit hangs and who manages it, on [starts_on, ends_on)."""

    __tablename__ = "placement"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "unit_id"], ["unit.tenant_id", "unit.id"]),
        ForeignKeyConstraint(["tenant_id", "parent_id"], ["unit.tenant_id", "unit.id"]),
        ForeignKeyConstraint(["tenant_id", "manager_id"], ["member.tenant_id", "member.id"]),
    )
    tenant_id: UUID = _key(Uuid)
    unit_id: UUID = _key(Uuid)
    starts_on: date = _key(Date)
    ends_on: date | None = _may(Date)
    parent_id: UUID | None = _may(Uuid)
    manager_id: UUID | None = _may(Uuid)


class MembershipRow(Row, table=True):
    """The unit a member is in, on [starts_on, ends_on)."""

    __tablename__ = "membership"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"]),
        ForeignKeyConstraint(["tenant_id", "unit_id"], ["unit.tenant_id", "unit.id"]),
        Index("membership_unit", "tenant_id", "unit_id", "starts_on", "member_id"),
    )
    tenant_id: UUID = _key(Uuid)
    member_id: UUID = _key(Uuid)
    starts_on: date = _key(Date)
    ends_on: date | None = _may(Date)
    unit_id: UUID = _need(Uuid)
    share_bp: int = _need(Integer)


class MetricRow(Row, table=True):
    """A metric as kpi last declared it."""

    __tablename__ = "metric"
    tenant_id: UUID = _key(Uuid)
    code: str = _key(String)
    name_en: str = _need(String)
    name_zh: str = _need(String)
    unit: str = _need(String)
    kind: str = _need(String)
    direction: str = _need(String)
    is_rate: bool = _need(Boolean)
    log_offset: int = _need(BigInteger)


class PlanRow(Row, table=True):
    """A plan; `log_offset` is where the log has its targets, `unheard` how many it has not yet."""

    __tablename__ = "plan"
    __table_args__ = (Index("plan_state", "tenant_id", "state"),)
    tenant_id: UUID = _key(Uuid)
    id: UUID = _key(Uuid)
    name: str = _need(String)
    version: int = _need(Integer)
    state: str = _need(String)
    metric: str = _need(String)
    currency: str | None = _may(String)
    period: str = _need(String)
    fiscal_start_month: int = _need(SmallInteger)
    week_rule: str = _need(String)
    root_id: UUID = _need(Uuid)
    predecessor_id: UUID | None = _may(Uuid)
    consensus_threshold_bp: int = _need(Integer)
    log_offset: int | None = _may(BigInteger)
    unheard: int = _need(Integer)


class PlanStepRow(Row, table=True):
    """Who brought a plan into a state, when, and why if a reason was needed."""

    __tablename__ = "plan_step"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "plan_id"], ["plan.tenant_id", "plan.id"]),
    )
    tenant_id: UUID = _key(Uuid)
    plan_id: UUID = _key(Uuid)
    state: str = _key(String)
    at: datetime = _need(Instant)
    by: str = _need(String)
    reason: str | None = _may(String)


class TargetRow(Row, table=True):
    """A cell of a plan: a node of its tree, or (`total`) what follows from others.

    `parent_id` is the node that was split, `above_id` the owner above, `weight` the part's own
    share of its parent's rule, `split` the rule by which it was split itself.
    """

    __tablename__ = "target"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "plan_id"], ["plan.tenant_id", "plan.id"]),
        Index("target_cell", "tenant_id", "plan_id", "owner_id", "period", unique=True),
        Index("target_parent", "tenant_id", "parent_id"),
        Index("target_above", "tenant_id", "plan_id", "above_id"),
        Index("target_owner", "tenant_id", "owner_id", "first_on"),
    )
    tenant_id: UUID = _key(Uuid)
    id: UUID = _key(Uuid)
    plan_id: UUID = _need(Uuid)
    parent_id: UUID | None = _may(Uuid)
    above_id: UUID | None = _may(Uuid)
    owner_kind: str = _need(String)
    owner_id: UUID = _need(Uuid)
    period: str = _need(String)
    first_on: date = _need(Date)
    last_on: date = _need(Date)
    position: int = _need(Integer)
    floor: int | None = _may(BigInteger)
    target: int = _need(BigInteger)
    stretch: int | None = _may(BigInteger)
    allocated: int | None = _may(BigInteger)
    weight: str | None = _may(String)
    split: dict[str, Any] | None = _may(JSONB)
    total: str | None = _may(String)


class AcknowledgementRow(Row, table=True):
    """An owner's yes to their targets in a plan; a unit's manager says it for the unit."""

    __tablename__ = "acknowledgement"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "plan_id"], ["plan.tenant_id", "plan.id"]),
    )
    tenant_id: UUID = _key(Uuid)
    plan_id: UUID = _key(Uuid)
    owner_id: UUID = _key(Uuid)
    member_id: UUID = _need(Uuid)
    at: datetime = _need(Instant)


class ProjectionCursorRow(Row, table=True):
    """How far the log was taken in."""

    __tablename__ = "projection_cursor"
    tenant_id: UUID = _key(Uuid)
    projection: str = _key(String)
    log_offset: int = _need(BigInteger)


class SubjectVersionRow(Row, table=True):
    """The offset of the last effect on a member's or unit's targets."""

    __tablename__ = "subject_version"
    __table_args__ = (Index("subject_version_offset", "tenant_id", "log_offset"),)
    tenant_id: UUID = _key(Uuid)
    subject_id: UUID = _key(Uuid)
    log_offset: int = _need(BigInteger)


class OutboxHeadRow(Row, table=True):
    """The last number of a tenant's outbox; its lock keeps facts in the order of commits."""

    __tablename__ = "outbox_head"
    tenant_id: UUID = _key(Uuid)
    last_number: int = _need(BigInteger)


class OutboxRow(Row, table=True):
    """A fact on its way to kpi."""

    __tablename__ = "outbox"
    tenant_id: UUID = _key(Uuid)
    number: int = _key(BigInteger)
    id: UUID = _need(Uuid)
    type: str = _need(String)
    subject: str = _need(String)
    occurred_at: datetime = _need(Instant)
    payload: dict[str, Any] = _need(JSONB)
    created_at: datetime = _need(Instant)


class IdempotencyRow(Row, table=True):
    """The first answer to an Idempotency-Key."""

    __tablename__ = "idempotency"
    tenant_id: UUID = _key(Uuid)
    key: str = _key(String)
    body_hash: bytes = _need(LargeBinary)
    status: int | None = _may(Integer)
    answer: bytes | None = _may(LargeBinary)
    created_at: datetime = _need(Instant)
