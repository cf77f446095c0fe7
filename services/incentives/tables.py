"""Rows of incentives' database: storage shape only. tenant_id leads every key.

Three sorts: what people decided (plans, approvals, closings), what follows from it and the log
(credits, statements; they are rebuilt by doctor and replay), and what every service has.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Uuid,
    text,
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


class CompensationPlanRow(Row, table=True):
    """A version of a plan; in force on [effective_on, ends_on] once it is active."""

    __tablename__ = "compensation_plan"
    __table_args__ = (Index("compensation_plan_name", "tenant_id", "name", "version", unique=True),)
    tenant_id: UUID = _key(Uuid)
    id: UUID = _key(Uuid)
    name: str = _need(String)
    version: int = _need(Integer)
    document: dict[str, Any] = _need(JSONB)
    state: str = _need(String)
    effective_on: date | None = _may(Date)
    ends_on: date | None = _may(Date)
    rank: int | None = _may(Integer)
    drafted_by: str = _need(String)
    activated_by: str | None = _may(String)
    created_at: datetime = _need(Instant)
    activated_at: datetime | None = _may(Instant)


class StatementApprovalRow(Row, table=True):
    """The last approval of a statement; it is of the figures with this hash."""

    __tablename__ = "statement_approval"
    tenant_id: UUID = _key(Uuid)
    statement_id: UUID = _key(Uuid)
    hash: str = _need(String)
    approved_by: str = _need(String)
    approver_id: UUID | None = _may(Uuid)
    approved_at: datetime = _need(Instant)


class StatementClosingRow(Row, table=True):
    """A closed statement as it was: never changed, and read by every rebuild."""

    __tablename__ = "statement_closing"
    __table_args__ = (Index("statement_closing_member", "tenant_id", "member_id", "first_on"),)
    tenant_id: UUID = _key(Uuid)
    statement_id: UUID = _key(Uuid)
    member_id: UUID = _need(Uuid)
    period: str = _need(String)
    first_on: date = _need(Date)
    last_on: date = _need(Date)
    plan_id: UUID = _need(Uuid)
    lines: list[Any] = _need(JSONB)
    counted: list[Any] = _need(JSONB)
    credited_minor: int = _need(BigInteger)
    total_minor: int = _need(BigInteger)
    hash: str = _need(String)
    closed_by: str = _need(String)
    closed_at: datetime = _need(Instant)


class PaySubjectRow(Row, table=True):
    """What stands of a deal, contract or refund; `deal` and `contract` are what it names."""

    __tablename__ = "pay_subject"
    __table_args__ = (
        Index("pay_subject_deal", "tenant_id", "deal", postgresql_where=text("deal IS NOT NULL")),
        Index(
            "pay_subject_contract", "tenant_id", "contract",
            postgresql_where=text("contract IS NOT NULL"),
        ),
    )  # fmt: skip
    tenant_id: UUID = _key(Uuid)
    subject: str = _key(String)
    deal: str | None = _may(String)
    contract: str | None = _may(String)
    standing: list[Any] = _need(JSONB)


class CreditRow(Row, table=True):
    """A change of a member's credit for a deal (domain.credits)."""

    __tablename__ = "credit"
    __table_args__ = (
        Index("credit_member", "tenant_id", "member_id", "credited_on", "deal", "event_id"),
        Index("credit_day", "tenant_id", "credited_on", "deal", "event_id"),
    )
    tenant_id: UUID = _key(Uuid)
    deal: str = _key(String)
    event_id: UUID = _key(Uuid)
    member_id: UUID = _key(Uuid)
    currency: str = _key(String)
    won_on: date = _key(Date)
    credited_on: date = _need(Date)
    kind: str = _need(String)
    amount_minor: int = _need(BigInteger)


class StatementRow(Row, table=True):
    """A statement as it stands; once closed, as it was closed."""

    __tablename__ = "statement"
    __table_args__ = (
        Index("statement_id", "tenant_id", "id", unique=True),
        Index("statement_period", "tenant_id", "first_on", "member_id"),
    )
    tenant_id: UUID = _key(Uuid)
    member_id: UUID = _key(Uuid)
    first_on: date = _key(Date)
    last_on: date = _need(Date)
    id: UUID = _need(Uuid)
    period: str = _need(String)
    plan_id: UUID = _need(Uuid)
    currency: str = _need(String)
    total_minor: int = _need(BigInteger)
    credited_minor: int = _need(BigInteger)
    hash: str = _need(String)
    lines: list[Any] = _need(JSONB)
    counted: list[Any] = _need(JSONB)


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


class ProjectionCursorRow(Row, table=True):
    __tablename__ = "projection_cursor"
    tenant_id: UUID = _key(Uuid)
    projection: str = _key(String)
    log_offset: int = _need(BigInteger)


class SubjectVersionRow(Row, table=True):
    """The offset of the last effect on a member's pay: what subscriptions and caches follow."""

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
