"""Rows of the metric catalogue and of targets."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Date, Integer, String, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.kpi.tables.columns import Row, key, may, need, tenant


class MetricRow(Row, table=True):
    """A metric as it was last declared; `number` keeps the catalogue's order."""

    __tablename__ = "metric"
    tenant_id: UUID = tenant()
    code: str = key(String)
    declaration: dict[str, Any] = need(JSONB)
    number: int = need(Integer)
    log_offset: int = need(BigInteger)


class TargetCellRow(Row, table=True):
    """A target of a plan, projected from target.set facts; values in whole numbers of the unit.

    `finest`: no cell of the plan lies within it; `above_*`: the span of the next one around it.
    """

    __tablename__ = "target_cell"
    tenant_id: UUID = tenant()
    scope: UUID = key(Uuid)
    metric: str = key(String)
    plan_id: UUID = key(Uuid)
    period: str = key(String)
    id: UUID = need(Uuid)
    first_on: date = need(Date)
    last_on: date = need(Date)
    finest: bool = need(Boolean)
    above_first_on: date | None = may(Date)
    above_last_on: date | None = may(Date)
    floor: int | None = may(BigInteger)
    target: int = need(BigInteger)
    stretch: int | None = may(BigInteger)
    unit: str = need(String)
    direction: str = need(String)
    currency: str | None = may(String)
    log_offset: int = need(BigInteger)


class ReachedDayRow(Row, table=True):
    """The last business day that started before where the projection is: its "today"."""

    __tablename__ = "reached_day"
    tenant_id: UUID = tenant()
    started_on: date = need(Date)
