"""Wire models of metrics, attainments and leaderboards."""

from typing import Literal

from pydantic import Field

from services.kit.quantity import Unit
from services.kpi.domain.metrics import TERMS_MOST
from services.kpi.schemas.wire import Wire

Light = Literal["green", "yellow", "red"]
_VALUE = "plain decimal in the metric's unit"
_PERCENT = "percent with one decimal"


class TermWire(Wire):
    """`sign` times the count or the amount of a measure, narrowed where a field is given."""

    measure: str = Field(examples=["activity"])
    value: Literal["amount", "count"]
    stage: str | None = Field(None, max_length=200, examples=["visit"])
    sign: Literal[1, -1] = 1
    pipeline: str | None = Field(None, max_length=200)
    product: str | None = Field(None, max_length=200)
    channel: str | None = Field(None, max_length=200)


class NameWire(Wire):
    en: str = Field(min_length=1, max_length=200)
    zh: str = Field(min_length=1, max_length=200)


class MetricPut(Wire):
    name: NameWire
    kind: Literal["process", "result"] = Field(description="leading or lagging")
    unit: Unit
    direction: Literal["higher", "lower"] = Field("higher", description="which is better")
    numerator: list[TermWire] = Field(min_length=1, max_length=TERMS_MOST)
    denominator: list[TermWire] | None = Field(None, min_length=1, max_length=TERMS_MOST)
    yellow_below: str = Field("80.00", description="attainment in percent below which it is yellow")
    red_below: str = Field("60.00", description="likewise, red")


class MetricRead(MetricPut):
    code: str


class MetricDeclared(MetricRead):
    changed: bool
    offset: int


class MetricList(Wire):
    offset: int
    items: list[MetricRead]


class SpanRead(Wire):
    """A metric in a period. Null: no target, no value below the line, or no light yet."""

    period: str
    target: str | None = Field(description=_VALUE)
    actual: str | None = Field(description=_VALUE)
    attainment: str | None = Field(description=_PERCENT, examples=["75.0"])
    pace: str | None = Field(description="due by now, " + _VALUE)
    light: Light | None


class AttainmentRead(SpanRead):
    scope: str
    metric: str
    unit: Unit
    currency: str | None
    children: list[SpanRead] = Field(description="one level down in time, where asked for")


class AttainmentBoard(Wire):
    offset: int
    period: str
    items: list[AttainmentRead]


class RankRead(Wire):
    rank: int = Field(description="equal values share a rank, the next one is passed over: 1 2 2 4")
    member_id: str
    value: str = Field(description=_VALUE)


class Leaderboard(Wire):
    offset: int
    period: str
    metric: str
    unit: Unit
    currency: str | None
    items: list[RankRead]
