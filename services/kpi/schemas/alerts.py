"""Wire models of alerts."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from services.kpi.schemas.attainments import Light, NameWire
from services.kpi.schemas.wire import Wire


class AlertRead(Wire):
    id: str
    scope: str = Field(description="the member or unit whose target it is")
    kind: Literal["light"]
    light: Light = Field(description="as it is, or when the alert was resolved")
    metric: str = Field(description="code", examples=["sales"])
    period: str = Field(description="of the target", examples=["2026-03"])
    target_id: str = Field(description="the cause: one target, one alert")
    message: NameWire = Field(description="what, how far and since when")
    owner_id: str | None = Field(description="who is to step in: the nearest manager above")
    status: Literal["open", "acknowledged", "resolved"]
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None = Field(description="a member, or the role of a token without one")
    resolved_at: datetime | None
    resolution: Literal["green", "over", "withdrawn"] | None = Field(
        description="green again, the period is over, or the target was taken back"
    )


class ScopeAlerts(Wire):
    scope: str
    alerts: list[AlertRead] = Field(description="the newest first")
    next_cursor: str | None


class AlertBoard(Wire):
    offset: int
    items: list[ScopeAlerts]


class AlertAcknowledged(Wire):
    alert: AlertRead
    offset: int
