"""Rows of incentives' database: storage shape only. tenant_id leads every key."""

from uuid import UUID

from sqlalchemy import Column, String, Uuid
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class Row(SQLModel, registry=registry()):
    """Tables of this service alone: another service's may have the same names."""


class TenantRow(Row, table=True):
    """No business data, so no row-level security: finds the tenant of a token."""

    __tablename__ = "tenant"
    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    short_name: str = Field(sa_column=Column(String, nullable=False, unique=True))
