"""Payloads of the facts about metrics and targets."""

from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from services.kit.limits import ARRAY_ITEMS
from services.kit.quantity import Unit
from services.kpi.domain import attainment, metrics
from services.kpi.schemas.payload import Payload, Uuid

_MOST = 2**63 - 1
Direction = Literal["higher", "lower"]


class TermPayload(Payload):
    """`sign` times the count or the amount of a measure, narrowed where a field is not null."""

    measure: str
    value: Literal["amount", "count"]
    stage: str | None = None
    sign: Literal[1, -1] = 1
    pipeline: str | None = None
    product: str | None = None
    channel: str | None = None


class MetricNamePayload(Payload):
    en: str
    zh: str


class MetricDeclaredPayload(Payload):
    code: str
    name: MetricNamePayload
    kind: Literal["process", "result"]
    unit: Unit
    direction: Direction
    numerator: list[TermPayload]
    denominator: list[TermPayload] | None
    yellow_below_bp: int = Field(
        metrics.YELLOW_BELOW_BP, description="attainment in basis points; below it: yellow"
    )
    red_below_bp: int = Field(metrics.RED_BELOW_BP, description="below it: red")


class ClosedValuePayload(Payload):
    scope: str
    numerator: int
    denominator: int | None


class MetricClosedPayload(Payload):
    """What a metric came to in an ended period, as the log knew it on the day after.

    Scopes that are absent from all parts had nothing to count.
    """

    metric: str
    period: str
    first_on: date
    last_on: date
    unit: Unit
    currency: str | None
    values: list[ClosedValuePayload] = Field(max_length=ARRAY_ITEMS)
    part: int = Field(ge=1)
    parts: int = Field(ge=1)


class TargetOwnerPayload(Payload):
    kind: Literal["unit", "member"]
    id: str = Field(pattern=Uuid)


class CellPayload(Payload):
    """A target in whole numbers of its unit: minor units, ones, or hundredths."""

    id: str = Field(pattern=Uuid)
    period: str
    first_on: date
    last_on: date
    floor: int | None = Field(None, ge=0, le=_MOST)
    target: int = Field(ge=0, le=_MOST)
    stretch: int | None = Field(None, ge=0, le=_MOST)


class TargetSetPayload(Payload):
    """All cells of an owner and metric in a plan; they replace what the plan said before."""

    plan_id: str = Field(pattern=Uuid)
    plan_version: int
    owner: TargetOwnerPayload
    metric: str
    unit: Unit
    direction: Direction
    currency: str | None
    cells: list[CellPayload] = Field(max_length=ARRAY_ITEMS)

    @model_validator(mode="after")
    def _cells_nest(self) -> Self:
        if len({cell.period for cell in self.cells}) != len(self.cells):
            raise ValueError("a period is there twice")
        if any(cell.last_on < cell.first_on for cell in self.cells):
            raise ValueError("a cell ends before it starts")
        attainment.nested(
            attainment.Cell(c.id, c.period, c.first_on, c.last_on, c.floor, c.target, c.stretch)
            for c in self.cells
        )
        return self
