"""Rows of targets' database: storage shape only. tenant_id leads every key."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
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
