"""Rows of kpi's database: storage shape only. tenant_id leads every key."""

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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


def _tenant() -> Any:
    return Field(sa_column=Column(Uuid, primary_key=True))


def _key(kind: Any) -> Any:
    return Field(sa_column=Column(kind, primary_key=True))


def _need(kind: Any, default: str | None = None) -> Any:
    server = None if default is None else text(default)
    return Field(sa_column=Column(kind, nullable=False, server_default=server))


def _may(kind: Any) -> Any:
    return Field(default=None, sa_column=Column(kind, nullable=True))


Instant = DateTime(timezone=True)


class Row(SQLModel, registry=registry()):
    """Tables of this service alone: another service's may have the same names."""


class TenantRow(Row, table=True):
    """No business data, so no row-level security: finds the tenant of a token."""

    __tablename__ = "tenant"
    id: UUID = _key(Uuid)
    short_name: str = Field(sa_column=Column(String, nullable=False, unique=True))


class LogHeadRow(Row, table=True):
    """The last offset of a tenant's log; its lock makes appends serial per tenant."""

    __tablename__ = "log_head"
    tenant_id: UUID = _tenant()
    log_offset: int = _need(BigInteger, "0")


class EntryRow(Row, table=True):
    """The log. The app role may insert and select, nothing else."""

    __tablename__ = "entry"
    __table_args__ = (
        Index("entry_id", "tenant_id", "id", unique=True),
        Index("entry_subject", "tenant_id", "subject", "log_offset"),
        Index(
            "entry_fact", "tenant_id", "type", "log_offset", postgresql_where=text("kind = 'fact'")
        ),
    )
    tenant_id: UUID = _tenant()
    log_offset: int = _key(BigInteger)
    id: UUID = _need(Uuid)
    kind: str = _need(String)
    type: str = _need(String)
    subject: str = _need(String)
    effective_at: datetime | None = _may(Instant)
    recorded_at: datetime = _need(Instant)
    supersedes: list[UUID] = _need(ARRAY(Uuid), "'{}'")
    cause: UUID | None = _may(Uuid)
    payload: dict[str, Any] = _need(JSONB)


class DeliveryRow(Row, table=True):
    """What came in, to the byte, for a retention."""

    __tablename__ = "delivery"
    __table_args__ = (Index("delivery_received", "tenant_id", "connection_id", "received_at"),)
    tenant_id: UUID = _tenant()
    id: UUID = _key(Uuid)
    connection_id: UUID = _need(Uuid)
    received_at: datetime = _need(Instant)
    content_type: str = _need(String)
    message_id: str | None = _may(String)
    body: bytes = _need(LargeBinary)


class ItemRow(Row, table=True):
    """One item of a delivery was taken: the unique key that makes repeats harmless."""

    __tablename__ = "item"
    tenant_id: UUID = _tenant()
    connection_id: UUID = _key(Uuid)
    item_key: str = _key(String)
    body_hash: bytes = _need(LargeBinary)
    delivery_id: UUID = _need(Uuid)


class QuarantineRow(Row, table=True):
    """A well-formed item that cannot be used yet."""

    __tablename__ = "quarantine"
    __table_args__ = (
        Index(
            "quarantine_waits", "tenant_id", "waits_for", postgresql_where=text("state = 'open'")
        ),
        Index("quarantine_state", "tenant_id", "state", "id"),
    )
    tenant_id: UUID = _tenant()
    id: UUID = _key(Uuid)
    connection_id: UUID = _need(Uuid)
    delivery_id: UUID = _need(Uuid)
    item_key: str = _need(String)
    item: str = _need(String)
    reason: str = _need(String)
    message: str = _need(String)
    path: str | None = _may(String)
    waits_for: str | None = _may(String)
    state: str = _need(String)
    created_at: datetime = _need(Instant)
    settled_at: datetime | None = _may(Instant)


class SubjectRow(Row, table=True):
    """The engine's state of one deal: its standing observations and conclusions."""

    __tablename__ = "subject"
    tenant_id: UUID = _tenant()
    subject: str = _key(String)
    state: dict[str, Any] = _need(JSONB)
    log_offset: int = _need(BigInteger)


class ConnectionRow(Row, table=True):
    __tablename__ = "connection"
    __table_args__ = (Index("connection_short_name", "tenant_id", "short_name", unique=True),)
    tenant_id: UUID = _tenant()
    id: UUID = _key(Uuid)
    short_name: str = _need(String)
    vendor: str = _need(String)
    secrets: bytes = _need(LargeBinary)
    mapping_version: int | None = _may(Integer)
    created_at: datetime = _need(Instant)
    disabled_at: datetime | None = _may(Instant)


class MappingRow(Row, table=True):
    """Mapping documents; never changed, a new version is added."""

    __tablename__ = "mapping"
    tenant_id: UUID = _tenant()
    connection_id: UUID = _key(Uuid)
    version: int = _key(Integer)
    document: dict[str, Any] = _need(JSONB)
    created_at: datetime = _need(Instant)


class PipelineRow(Row, table=True):
    __tablename__ = "pipeline"
    tenant_id: UUID = _tenant()
    code: str = _key(String)
    name: str = _need(String)
    stages: list[dict[str, Any]] = _need(JSONB)
    number: int = _need(Integer)


class TenantSettingRow(Row, table=True):
    """Dated settings that came with tenant.configured facts."""

    __tablename__ = "tenant_setting"
    tenant_id: UUID = _tenant()
    effective_on: date = _key(Date)
    zone: str = _need(String)
    currency: str = _need(String)
    fiscal_start_month: int = _need(SmallInteger)
    week_rule: str = _need(String)


class DayRow(Row, table=True):
    """The last business day that day.started named."""

    __tablename__ = "day"
    tenant_id: UUID = _tenant()
    started_on: date = _need(Date)


class OrgHeadRow(Row, table=True):
    """The offset of the last fact about the organisation, the settings or the day."""

    __tablename__ = "org_head"
    tenant_id: UUID = _tenant()
    log_offset: int = _need(BigInteger)


class OrgUnitRow(Row, table=True):
    __tablename__ = "org_unit"
    tenant_id: UUID = _tenant()
    unit_id: UUID = _key(Uuid)
    external_id: str | None = _may(String)
    manager_id: UUID | None = _may(Uuid)
    placements: list[dict[str, Any]] = _need(JSONB)
    log_offset: int = _need(BigInteger)


class OrgMemberRow(Row, table=True):
    __tablename__ = "org_member"
    __table_args__ = (Index("org_member_external_id", "tenant_id", "external_id"),)
    tenant_id: UUID = _tenant()
    member_id: UUID = _key(Uuid)
    external_id: str | None = _may(String)
    joined_on: date | None = _may(Date)
    left_on: date | None = _may(Date)
    log_offset: int = _need(BigInteger)


class OrgMembershipRow(Row, table=True):
    __tablename__ = "org_membership"
    __table_args__ = (Index("org_membership_unit", "tenant_id", "unit_id"),)
    tenant_id: UUID = _tenant()
    member_id: UUID = _key(Uuid)
    unit_id: UUID = _key(Uuid)
    starts_on: date = _key(Date)
    ends_on: date | None = _may(Date)
    share_bp: int = _need(Integer)


class ProjectionCursorRow(Row, table=True):
    __tablename__ = "projection_cursor"
    tenant_id: UUID = _tenant()
    projection: str = _key(String)
    log_offset: int = _need(BigInteger)


class DealRow(Row, table=True):
    """A deal as it now is, projected from its conclusions."""

    __tablename__ = "deal"
    __table_args__ = (
        Index("deal_undated", "tenant_id", "subject", postgresql_where=text("undated")),
        Index("deal_owner_history", "owner_history", postgresql_using="gin"),
    )
    tenant_id: UUID = _tenant()
    subject: str = _key(String)
    owners: list[UUID] = _need(ARRAY(Uuid))
    owner_history: list[UUID] = _need(ARRAY(Uuid))
    pipeline: str | None = _may(String)
    stage: str | None = _may(String)
    kind: str | None = _may(String)
    amount_minor: int | None = _may(BigInteger)
    currency: str | None = _may(String)
    product: str | None = _may(String)
    channel: str | None = _may(String)
    account: str | None = _may(String)
    created_on: date | None = _may(Date)
    closed_on: date | None = _may(Date)
    undated: bool = Field()
    incomplete: bool = Field()
    deleted: bool = Field()
    log_offset: int = _need(BigInteger)


class FunnelPostingRow(Row, table=True):
    """Append-only: a superseded event is reversed by a posting that names it."""

    __tablename__ = "funnel_posting"
    __table_args__ = (Index("funnel_posting_scope", "tenant_id", "scope", "day"),)
    tenant_id: UUID = _tenant()
    subject: str = _key(String)
    log_offset: int = _key(BigInteger)
    number: int = _key(Integer)
    event_id: UUID = _need(Uuid)
    scope: UUID = _need(Uuid)
    measure: str = _need(String)
    pipeline: str = _need(String)
    stage: str = _need(String)
    product: str = _need(String)
    channel: str = _need(String)
    currency: str = _need(String)
    day: date = _need(Date)
    effective_on: date = _need(Date)
    days: int = _need(Integer)
    deals: int = _need(BigInteger)
    amount_minor: int = _need(BigInteger)


class FunnelRollupRow(Row, table=True):
    """The sum of the postings of a key."""

    __tablename__ = "funnel_rollup"
    tenant_id: UUID = _tenant()
    scope: UUID = _key(Uuid)
    measure: str = _key(String)
    pipeline: str = _key(String)
    day: date = _key(Date)
    stage: str = _key(String)
    product: str = _key(String)
    channel: str = _key(String)
    currency: str = _key(String)
    days: int = _key(Integer)
    deals: int = _need(BigInteger)
    amount_minor: int = _need(BigInteger)


class SubjectVersionRow(Row, table=True):
    """The offset of the last effect on a member or unit: what subscriptions and caches follow."""

    __tablename__ = "subject_version"
    __table_args__ = (Index("subject_version_offset", "tenant_id", "log_offset"),)
    tenant_id: UUID = _tenant()
    subject_id: UUID = _key(Uuid)
    log_offset: int = _need(BigInteger)


class IdempotencyRow(Row, table=True):
    __tablename__ = "idempotency"
    tenant_id: UUID = _tenant()
    key: str = _key(String)
    body_hash: bytes = _need(LargeBinary)
    status: int | None = _may(Integer)
    answer: bytes | None = _may(LargeBinary)
    created_at: datetime = _need(Instant)


class OperationRow(Row, table=True):
    """Work longer than a request: its progress and its result."""

    __tablename__ = "operation"
    tenant_id: UUID = _tenant()
    id: UUID = _key(Uuid)
    kind: str = _need(String)
    state: str = _need(String)
    progress: int = _need(SmallInteger, "0")
    result: dict[str, Any] | None = _may(JSONB)
    error: str | None = _may(String)
    asked_by: str = _need(String)
    created_at: datetime = _need(Instant)
    updated_at: datetime = _need(Instant)
