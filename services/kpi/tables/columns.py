"""The base of kpi's rows and their kinds of columns. tenant_id leads every key."""

from typing import Any

from sqlalchemy import Column, DateTime, Uuid, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


def tenant() -> Any:
    return Field(sa_column=Column(Uuid, primary_key=True))


def key(kind: Any) -> Any:
    return Field(sa_column=Column(kind, primary_key=True))


def need(kind: Any, default: str | None = None) -> Any:
    server = None if default is None else text(default)
    return Field(sa_column=Column(kind, nullable=False, server_default=server))


def may(kind: Any) -> Any:
    return Field(default=None, sa_column=Column(kind, nullable=True))


Instant = DateTime(timezone=True)


class Row(SQLModel, registry=registry()):
    """Tables of this service alone: another service's may have the same names."""
