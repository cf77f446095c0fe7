"""Rows of alerts."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Date, Index, String, Uuid

from services.kpi.tables.columns import Instant, Row, key, may, need, tenant


class AlertRow(Row, table=True):
    """A target whose light is or was not green, projected; one per target cell.

    Values in whole numbers of the unit, `attained` in tenths of a percent.
    """

    __tablename__ = "alert"
    __table_args__ = (
        Index("alert_scope", "tenant_id", "scope", "opened_at", "id"),
        Index("alert_target", "tenant_id", "target_id", unique=True),
    )
    tenant_id: UUID = tenant()
    id: UUID = key(Uuid)
    target_id: UUID = need(Uuid)
    scope: UUID = need(Uuid)
    metric: str = need(String)
    period: str = need(String)
    unit: str = need(String)
    currency: str | None = may(String)
    comparison: str = need(String)
    light: str = need(String)
    actual: int = need(BigInteger)
    standard: int = need(BigInteger)
    attained: int = need(BigInteger)
    measured_on: date = need(Date)
    status: str = need(String)
    opened_at: datetime = need(Instant)
    opened_on: date = need(Date)
    log_offset: int = need(BigInteger)
    acknowledged_light: str | None = may(String)
    acknowledged_at: datetime | None = may(Instant)
    acknowledged_by: str | None = may(String)
    resolved_at: datetime | None = may(Instant)
    resolution: str | None = may(String)
