"""Rows of customers' database: storage shape only. tenant_id leads every key."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
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


class ProjectionCursorRow(Row, table=True):
    __tablename__ = "projection_cursor"
    tenant_id: UUID = _key(Uuid)
    projection: str = _key(String)
    log_offset: int = _need(BigInteger)


class SubjectVersionRow(Row, table=True):
    """The offset of the last effect on a customer, member or unit."""

    __tablename__ = "subject_version"
    __table_args__ = (Index("subject_version_offset", "tenant_id", "log_offset"),)
    tenant_id: UUID = _key(Uuid)
    subject_id: UUID = _key(Uuid)
    log_offset: int = _need(BigInteger)


class TenantSettingRow(Row, table=True):
    """Dated settings that came with tenant.configured facts."""

    __tablename__ = "tenant_setting"
    tenant_id: UUID = _key(Uuid)
    effective_on: date = _key(Date)
    zone: str = _need(String)
    currency: str = _need(String)
    fiscal_start_month: int = _need(SmallInteger)
    week_rule: str = _need(String)


class DayRow(Row, table=True):
    """The last business day that day.started named."""

    __tablename__ = "day"
    tenant_id: UUID = _key(Uuid)
    started_on: date = _need(Date)


class FirstDayRow(Row, table=True):
    """The first business day that the log has started: planning classes are fixed from it on."""

    __tablename__ = "first_day"
    tenant_id: UUID = _key(Uuid)
    started_on: date = _need(Date)


class OrgHeadRow(Row, table=True):
    """The offset of the last fact about the organisation, the settings or the day."""

    __tablename__ = "org_head"
    tenant_id: UUID = _key(Uuid)
    log_offset: int = _need(BigInteger)


class OrgUnitRow(Row, table=True):
    __tablename__ = "org_unit"
    tenant_id: UUID = _key(Uuid)
    unit_id: UUID = _key(Uuid)
    external_id: str | None = _may(String)
    manager_id: UUID | None = _may(Uuid)
    placements: list[dict[str, Any]] = _need(JSONB)
    log_offset: int = _need(BigInteger)


class OrgMemberRow(Row, table=True):
    __tablename__ = "org_member"
    __table_args__ = (Index("org_member_external_id", "tenant_id", "external_id"),)
    tenant_id: UUID = _key(Uuid)
    member_id: UUID = _key(Uuid)
    external_id: str | None = _may(String)
    joined_on: date | None = _may(Date)
    left_on: date | None = _may(Date)
    log_offset: int = _need(BigInteger)


class OrgMembershipRow(Row, table=True):
    __tablename__ = "org_membership"
    __table_args__ = (Index("org_membership_unit", "tenant_id", "unit_id"),)
    tenant_id: UUID = _key(Uuid)
    member_id: UUID = _key(Uuid)
    unit_id: UUID = _key(Uuid)
    starts_on: date = _key(Date)
    ends_on: date | None = _may(Date)
    share_bp: int = _need(Integer)


class RecordRow(Row, table=True):
    """What stands of a deal, contract, collection, refund or description.

    `account` is the customer it belongs to: its own, else its deal's, else its contract's.
    """

    __tablename__ = "record"
    __table_args__ = (
        Index("record_account", "tenant_id", "account"),
        Index("record_deal", "tenant_id", "deal"),
        Index("record_contract", "tenant_id", "contract"),
    )
    tenant_id: UUID = _key(Uuid)
    subject: str = _key(String)
    own_account: str | None = _may(String)
    deal: str | None = _may(String)
    contract: str | None = _may(String)
    account: str | None = _may(String)
    standing: list[Any] = _need(JSONB)


class CustomerRow(Row, table=True):
    """A customer as the business day has it; `digest` is of everything derived of it."""

    __tablename__ = "customer"
    __table_args__ = (
        Index("customer_account", "tenant_id", "account", unique=True),
        Index("customer_name", "tenant_id", "name", "id"),
        Index("customer_next_change", "tenant_id", "next_change_on"),
        Index("customer_owner", "tenant_id", "owner_id", "tier"),
    )
    tenant_id: UUID = _key(Uuid)
    id: UUID = _key(Uuid)
    account: str = _need(String)
    name: str = _need(String)
    industry: str | None = _may(String)
    region: str | None = _may(String)
    owner_id: UUID | None = _may(Uuid)
    team: list[UUID] = _need(ARRAY(Uuid))
    tier: str | None = _may(String)
    basis: str | None = _may(String)
    value_minor: int = _need(BigInteger)
    revenue_minor: int = _need(BigInteger)
    collected_minor: int = _need(BigInteger)
    currency: str | None = _may(String)
    customer_since: date | None = _may(Date)
    planning_class: str | None = _may(String)
    class_period: str | None = _may(String)
    next_change_on: date | None = _may(Date)
    digest: bytes = _need(LargeBinary)


class TierChangeRow(Row, table=True):
    __tablename__ = "tier_change"
    tenant_id: UUID = _key(Uuid)
    customer_id: UUID = _key(Uuid)
    effective_on: date = _key(Date)
    tier: str | None = _may(String)
    from_tier: str | None = _may(String)
    basis: str = _need(String)
    value_minor: int = _need(BigInteger)
    policy_version: int = _need(Integer)
    causes: list[Any] = _need(JSONB)


class ClassFixRow(Row, table=True):
    """The planning class of a customer, fixed on the period's first day."""

    __tablename__ = "class_fix"
    tenant_id: UUID = _key(Uuid)
    customer_id: UUID = _key(Uuid)
    effective_on: date = _key(Date)
    period: str = _need(String)
    planning_class: str = _need(String)


class TaskRow(Row, table=True):
    """An open task."""

    __tablename__ = "task"
    __table_args__ = (Index("task_customer", "tenant_id", "customer_id"),)
    tenant_id: UUID = _key(Uuid)
    id: UUID = _key(Uuid)
    customer_id: UUID = _need(Uuid)
    kind: str = _need(String)
    subject: str = _need(String)
    owner_id: UUID | None = _may(Uuid)
    due_on: date = _need(Date)


class TaskAssigneeRow(Row, table=True):
    """Whose list an open task is on, in the order in which they see it."""

    __tablename__ = "task_assignee"
    __table_args__ = (Index("task_assignee_task", "tenant_id", "task_id"),)
    tenant_id: UUID = _key(Uuid)
    member_id: UUID = _key(Uuid)
    due_on: date = _key(Date)
    task_id: UUID = _key(Uuid)


class TaskCompletionRow(Row, table=True):
    """A task that was done; without an offset until its fact came back from the log."""

    __tablename__ = "task_completion"
    __table_args__ = (
        Index("task_completion_account", "tenant_id", "account"),
        Index("task_completion_member", "tenant_id", "owner_id", "completed_on", "task_id"),
    )
    tenant_id: UUID = _key(Uuid)
    task_id: UUID = _key(Uuid)
    kind: str = _need(String)
    account: str = _need(String)
    subject: str = _need(String)
    owner_id: UUID | None = _may(Uuid)
    due_on: date = _need(Date)
    completed_on: date = _need(Date)
    completed_by: UUID | None = _may(Uuid)
    told: bool = _need(Boolean)


class TierPolicyRow(Row, table=True):
    """A version of the tier policy; not yet `told` until its fact came back from the log."""

    __tablename__ = "tier_policy"
    tenant_id: UUID = _key(Uuid)
    version: int = _key(Integer)
    effective_on: date = _need(Date)
    basis: str = _need(String)
    currency: str = _need(String)
    strategic_above_minor: int = _need(BigInteger)
    basic_below_minor: int = _need(BigInteger)
    planning_period: str = _need(String)
    key_accounts: list[str] = _need(ARRAY(String))
    told: bool = _need(Boolean)


class PolicyHeadRow(Row, table=True):
    """The last version given out; its lock makes changes of the policy serial."""

    __tablename__ = "policy_head"
    tenant_id: UUID = _key(Uuid)
    last_version: int = _need(Integer)


class StatementRow(Row, table=True):
    """What the log was told of a customer, day by day; a rebuild leaves it as it is."""

    __tablename__ = "statement"
    tenant_id: UUID = _key(Uuid)
    customer_id: UUID = _key(Uuid)
    kind: str = _key(String)
    effective_on: date = _key(Date)
    value: str | None = _may(String)


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
