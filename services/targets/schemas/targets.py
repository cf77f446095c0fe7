"""What is read of targets and metrics."""

from typing import Any, Literal

from pydantic import Field

from services.kit.quantity import Unit, shown
from services.targets.actions.targets import TargetView
from services.targets.domain.cascade import Axis
from services.targets.domain.plan import Kind, Metric
from services.targets.schemas.wire import Wire


class Text(Wire):
    en: str = Field(description="in English")
    zh: str = Field(description="in Chinese")


class MetricRead(Wire):
    code: str = Field(description="its stable name", examples=["sales"])
    name: Text = Field(description="what people call it")
    unit: Unit = Field(description="what its numbers are")
    kind: Literal["process", "result"] = Field(description="leading or lagging")
    direction: Literal["higher", "lower"] = Field(description="what is better")

    @classmethod
    def of(cls, metric: Metric) -> "MetricRead":
        return cls.model_construct(
            code=metric.code, name=Text(en=metric.name_en, zh=metric.name_zh), unit=metric.unit,
            kind=metric.kind, direction=metric.direction,
        )  # fmt: skip


class Metrics(Wire):
    offset: int = Field(description="how far the log was heard")
    items: list[MetricRead] = Field(description="as kpi declared them, by code")


class OwnerRead(Wire):
    kind: Kind = Field(description="a unit or a member")
    id: str = Field(description="our id")
    name: str = Field(description="what people call it, or them")


class InputRead(Wire):
    name: str = Field(description="what it is", examples=["parent_target"])
    value: str = Field(description="its value", examples=["20000000.00"])


class ExplainRead(Wire):
    rule: str = Field(description="how the target came to be", examples=["time_shares"])
    inputs: list[InputRead] = Field(description="what the rule was applied to")
    text: Text = Field(description="the arithmetic in a sentence")


class PartRead(Wire):
    """A target within another one."""

    id: str = Field(description="the target's id; stable for a plan, owner and period")
    plan_id: str = Field(description="the plan it is in")
    owner: OwnerRead = Field(description="whose it is")
    axis: Axis | None = Field(description="the one along which it is a part; null for a root")
    label: str = Field(description="its owner's name or its period, by the axis")
    period: str = Field(description="the period's code")
    currency: str | None = Field(description="null where the metric is not money")
    metric: MetricRead = Field(description="what is counted")
    floor: str | None = Field(description="not below")
    target: str = Field(description="the number, in the metric's unit", examples=["6000000.00"])
    stretch: str | None = Field(description="the challenge")
    allocated: str | None = Field(description="what its parts sum to; null: it has none")
    buffer: str | None = Field(
        description="allocated less target: above 0 over-assigned, below 0 kept back"
    )


class TargetRead(PartRead):
    explain: ExplainRead = Field(description="why it is what it is")
    children: list[PartRead] | None = Field(
        None, description="totals along the asked axis; null where none was asked"
    )


class TargetsOfOwner(Wire):
    owner_id: str = Field(description="our id of a unit or member")
    targets: list[TargetRead] = Field(description="one for each metric, by its code")


class Targets(Wire):
    offset: int = Field(description="how far the log was heard")
    items: list[TargetsOfOwner] = Field(description="one for each owner seen, in the order asked")


class PartsOfTarget(Wire):
    id: str = Field(description="the target's id")
    children: list[PartRead] = Field(description="its parts that the viewer may see, in order")


class Parts(Wire):
    offset: int = Field(description="how far the log was heard")
    items: list[PartsOfTarget] = Field(description="one for each target seen, in the order asked")


class Changes(Wire):
    offset: int = Field(description="the answer is complete up to this offset of the log")
    subjects: list[str] = Field(description="units and members whose targets changed")


def target_json(view: TargetView) -> dict[str, Any]:
    """A TargetRead as it is written: boards have hundreds, which need no second check."""
    told = view.explanation
    return part_json(view) | {
        "explain": {
            "rule": told.rule, "text": dict(told.text),
            "inputs": [{"name": name, "value": value} for name, value in told.inputs],
        },
        "children": None if view.parts is None else [part_json(part) for part in view.parts],
    }  # fmt: skip


def part_json(view: TargetView) -> dict[str, Any]:
    """A PartRead as it is written."""
    target, metric, currency = view.stored.target, view.metric, view.stored.currency

    def number(value: int | None) -> str | None:
        return None if value is None else shown(value, metric.unit, currency)

    return {
        "id": target.id, "plan_id": view.stored.plan_id,
        "owner": {"kind": target.owner.kind, "id": target.owner.id, "name": view.owner_name},
        "axis": view.axis,
        "label": target.period.code if view.axis == "time" else view.owner_name,
        "period": target.period.code, "currency": currency,
        "metric": {
            "code": metric.code, "name": {"en": metric.name_en, "zh": metric.name_zh},
            "unit": metric.unit, "kind": metric.kind, "direction": metric.direction,
        },
        "floor": number(target.amounts.floor), "target": number(target.amounts.target),
        "stretch": number(target.amounts.stretch), "allocated": number(target.allocated),
        "buffer": number(target.buffer),
    }  # fmt: skip
