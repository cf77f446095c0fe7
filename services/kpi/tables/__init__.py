"""Rows of kpi's database: storage shape only. tenant_id leads every key."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from services.kpi.tables.alerts import AlertRow
from services.kpi.tables.columns import Instant, Row, key, may, need, tenant
from services.kpi.tables.metrics import MetricRow, ReachedDayRow, TargetCellRow
from services.kpi.tables.records import RecordRow

__all__ = ["AlertRow", "MetricRow", "ReachedDayRow", "RecordRow", "Row", "TargetCellRow"]


class TenantRow(Row, table=True):
    """No business data, so no row-level security: finds the tenant of a token."""

    __tablename__ = "tenant"
    id: UUID = key(Uuid)
    short_name: str = Field(sa_column=Column(String, nullable=False, unique=True))


class LogHeadRow(Row, table=True):
    """The last offset of a tenant's log; its lock makes appends serial per tenant."""

    __tablename__ = "log_head"
    tenant_id: UUID = tenant()
    log_offset: int = need(BigInteger, "0")


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
    tenant_id: UUID = tenant()
    log_offset: int = key(BigInteger)
    id: UUID = need(Uuid)
    kind: str = need(String)
    type: str = need(String)
    subject: str = need(String)
    effective_at: datetime | None = may(Instant)
    recorded_at: datetime = need(Instant)
    supersedes: list[UUID] = need(ARRAY(Uuid), "'{}'")
    cause: UUID | None = may(Uuid)
    payload: dict[str, Any] = need(JSONB)


class DeliveryRow(Row, table=True):
    """What came in, to the byte, for a retention."""

    __tablename__ = "delivery"
    __table_args__ = (Index("delivery_received", "tenant_id", "connection_id", "received_at"),)
    tenant_id: UUID = tenant()
    id: UUID = key(Uuid)
    connection_id: UUID = need(Uuid)
    received_at: datetime = need(Instant)
    content_type: str = need(String)
    message_id: str | None = may(String)
    body: bytes = need(LargeBinary)


class ItemRow(Row, table=True):
    """One item of a delivery was taken: the unique key that makes repeats harmless."""

    __tablename__ = "item"
    tenant_id: UUID = tenant()
    connection_id: UUID = key(Uuid)
    item_key: str = key(String)
    body_hash: bytes = need(LargeBinary)
    delivery_id: UUID = need(Uuid)


class QuarantineRow(Row, table=True):
    """A well-formed item that cannot be used yet."""

    __tablename__ = "quarantine"
    __table_args__ = (
        Index(
            "quarantine_waits", "tenant_id", "waits_for", postgresql_where=text("state = 'open'")
        ),
        Index("quarantine_state", "tenant_id", "state", "id"),
    )
    tenant_id: UUID = tenant()
    id: UUID = key(Uuid)
    connection_id: UUID = need(Uuid)
    delivery_id: UUID = need(Uuid)
    item_key: str = need(String)
    item: str = need(String)
    reason: str = need(String)
    message: str = need(String)
    path: str | None = may(String)
    waits_for: str | None = may(String)
    state: str = need(String)
    created_at: datetime = need(Instant)
    settled_at: datetime | None = may(Instant)


class SubjectRow(Row, table=True):
    """The engine's state of one deal: its standing observations and conclusions."""

    __tablename__ = "subject"
    tenant_id: UUID = tenant()
    subject: str = key(String)
    state: dict[str, Any] = need(JSONB)
    log_offset: int = need(BigInteger)


class ConnectionRow(Row, table=True):
    __tablename__ = "connection"
    __table_args__ = (Index("connection_short_name", "tenant_id", "short_name", unique=True),)
    tenant_id: UUID = tenant()
    id: UUID = key(Uuid)
    short_name: str = need(String)
    vendor: str = need(String)
    secrets: bytes = need(LargeBinary)
    mapping_version: int | None = may(Integer)
    created_at: datetime = need(Instant)
    disabled_at: datetime | None = may(Instant)


class MappingRow(Row, table=True):
    """Mapping documents; never changed, a new version is added."""

    __tablename__ = "mapping"
    tenant_id: UUID = tenant()
    connection_id: UUID = key(Uuid)
    version: int = key(Integer)
    document: dict[str, Any] = need(JSONB)
    created_at: datetime = need(Instant)


class PipelineRow(Row, table=True):
    __tablename__ = "pipeline"
    tenant_id: UUID = tenant()
    code: str = key(String)
    name: str = need(String)
    stages: list[dict[str, Any]] = need(JSONB)
    number: int = need(Integer)


class TenantSettingRow(Row, table=True):
    """Dated settings that came with tenant.configured facts."""

    __tablename__ = "tenant_setting"
    tenant_id: UUID = tenant()
    effective_on: date = key(Date)
    zone: str = need(String)
    currency: str = need(String)
    fiscal_start_month: int = need(SmallInteger)
    week_rule: str = need(String)


class DayRow(Row, table=True):
    """The last business day that day.started named."""

    __tablename__ = "day"
    tenant_id: UUID = tenant()
    started_on: date = need(Date)


class OrgHeadRow(Row, table=True):
    """The offset of the last fact about the organisation, the settings or the day."""

    __tablename__ = "org_head"
    tenant_id: UUID = tenant()
    log_offset: int = need(BigInteger)


class OrgUnitRow(Row, table=True):
    __tablename__ = "org_unit"
    tenant_id: UUID = tenant()
    unit_id: UUID = key(Uuid)
    external_id: str | None = may(String)
    manager_id: UUID | None = may(Uuid)
    placements: list[dict[str, Any]] = need(JSONB)
    log_offset: int = need(BigInteger)


class OrgMemberRow(Row, table=True):
    __tablename__ = "org_member"
    __table_args__ = (Index("org_member_external_id", "tenant_id", "external_id"),)
    tenant_id: UUID = tenant()
    member_id: UUID = key(Uuid)
    external_id: str | None = may(String)
    joined_on: date | None = may(Date)
    left_on: date | None = may(Date)
    log_offset: int = need(BigInteger)


class OrgMembershipRow(Row, table=True):
    __tablename__ = "org_membership"
    __table_args__ = (Index("org_membership_unit", "tenant_id", "unit_id"),)
    tenant_id: UUID = tenant()
    member_id: UUID = key(Uuid)
    unit_id: UUID = key(Uuid)
    starts_on: date = key(Date)
    ends_on: date | None = may(Date)
    share_bp: int = need(Integer)


class ProjectionCursorRow(Row, table=True):
    __tablename__ = "projection_cursor"
    tenant_id: UUID = tenant()
    projection: str = key(String)
    log_offset: int = need(BigInteger)


class DealRow(Row, table=True):
    """A deal as it now is, projected from its conclusions."""

    __tablename__ = "deal"
    __table_args__ = (
        Index("deal_undated", "tenant_id", "subject", postgresql_where=text("undated")),
        Index("deal_owner_history", "owner_history", postgresql_using="gin"),
    )
    tenant_id: UUID = tenant()
    subject: str = key(String)
    owners: list[UUID] = need(ARRAY(Uuid))
    owner_history: list[UUID] = need(ARRAY(Uuid))
    pipeline: str | None = may(String)
    stage: str | None = may(String)
    kind: str | None = may(String)
    amount_minor: int | None = may(BigInteger)
    currency: str | None = may(String)
    product: str | None = may(String)
    channel: str | None = may(String)
    account: str | None = may(String)
    created_on: date | None = may(Date)
    closed_on: date | None = may(Date)
    undated: bool = Field()
    incomplete: bool = Field()
    deleted: bool = Field()
    log_offset: int = need(BigInteger)


class FunnelPostingRow(Row, table=True):
    """Append-only: a superseded event is reversed by a posting that names it."""

    __tablename__ = "funnel_posting"
    __table_args__ = (Index("funnel_posting_scope", "tenant_id", "scope", "day"),)
    tenant_id: UUID = tenant()
    subject: str = key(String)
    log_offset: int = key(BigInteger)
    number: int = key(Integer)
    event_id: UUID = need(Uuid)
    scope: UUID = need(Uuid)
    measure: str = need(String)
    pipeline: str = need(String)
    stage: str = need(String)
    product: str = need(String)
    channel: str = need(String)
    currency: str = need(String)
    day: date = need(Date)
    effective_on: date = need(Date)
    days: int = need(Integer)
    deals: int = need(BigInteger)
    amount_minor: int = need(BigInteger)


class FunnelRollupRow(Row, table=True):
    """The sum of the postings of a key."""

    __tablename__ = "funnel_rollup"
    tenant_id: UUID = tenant()
    scope: UUID = key(Uuid)
    measure: str = key(String)
    pipeline: str = key(String)
    day: date = key(Date)
    stage: str = key(String)
    product: str = key(String)
    channel: str = key(String)
    currency: str = key(String)
    days: int = key(Integer)
    deals: int = need(BigInteger)
    amount_minor: int = need(BigInteger)


class SubjectVersionRow(Row, table=True):
    """The offset of the last effect on a member or unit: what subscriptions and caches follow."""

    __tablename__ = "subject_version"
    __table_args__ = (Index("subject_version_offset", "tenant_id", "log_offset"),)
    tenant_id: UUID = tenant()
    subject_id: UUID = key(Uuid)
    log_offset: int = need(BigInteger)


class IdempotencyRow(Row, table=True):
    __tablename__ = "idempotency"
    tenant_id: UUID = tenant()
    key: str = key(String)
    body_hash: bytes = need(LargeBinary)
    status: int | None = may(Integer)
    answer: bytes | None = may(LargeBinary)
    created_at: datetime = need(Instant)


class OperationRow(Row, table=True):
    """Work longer than a request: its progress and its result."""

    __tablename__ = "operation"
    tenant_id: UUID = tenant()
    id: UUID = key(Uuid)
    kind: str = need(String)
    state: str = need(String)
    progress: int = need(SmallInteger, "0")
    result: dict[str, Any] | None = may(JSONB)
    error: str | None = may(String)
    asked_by: str = need(String)
    created_at: datetime = need(Instant)
    updated_at: datetime = need(Instant)
