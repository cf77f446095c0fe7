"""Making plans: what is asked, and what is answered."""

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from services.kit import limits
from services.targets.actions.catalogue import PlanView
from services.targets.actions.plans import Proposal, SplitAsked
from services.targets.domain import plan as plans
from services.targets.domain.cascade import Axis, Buffer, BufferKind, Method
from services.targets.domain.checks import Finding, Severity
from services.targets.domain.plan import Level, State
from services.targets.domain.splitting import Request, Share
from services.targets.schemas.targets import TargetRead, Text, target_json
from services.targets.schemas.wire import ExternalId, Name, Wire

Number = Annotated[str, Field(min_length=1, max_length=30, pattern=r"^[0-9]+(\.[0-9]+)?$")]
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
PeriodCode = Annotated[str, Field(min_length=4, max_length=10)]


class PlanWrite(Wire):
    name: Name = Field(description="what people call it", examples=["2026 销售目标"])
    metric: Code = Field(description="a declared metric's code", examples=["sales"])
    owner_id: ExternalId = Field(
        description="whose target it is, most often the company: our id or an external one",
        examples=["hr:company"],
    )
    period: PeriodCode = Field(
        description="year, quarter, month or week piece", examples=["2026", "2026-Q1"]
    )
    target: Number = Field(description="in the metric's unit", examples=["100000000.00"])
    floor: Number | None = Field(None, description="not below", examples=["90000000.00"])
    stretch: Number | None = Field(None, description="the challenge", examples=["110000000.00"])
    predecessor_id: str | None = Field(
        None, max_length=36, description="the plan that this one supersedes when it is activated",
        examples=[None],
    )  # fmt: skip
    consensus_threshold_bp: Annotated[int, Field(strict=True)] = Field(
        plans.CONSENSUS_BP, ge=0, le=10_000,
        description="share of owners whose acknowledgement an approval needs, basis points",
    )  # fmt: skip

    def proposal(self) -> Proposal:
        return Proposal(**self.model_dump())


class PartWrite(Wire):
    owner_id: ExternalId | None = Field(
        None, description="along the organisation: our id or an external one", examples=["hr:east"]
    )
    period: PeriodCode | None = Field(
        None, description="in time; without it parts are in order of the periods", examples=[None]
    )
    share_bp: Annotated[int, Field(strict=True, ge=0, le=10_000)] | None = Field(
        None, description="by shares: basis points, which sum to 10,000", examples=[3000]
    )
    weight: Annotated[str, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$")] | None = Field(
        None, description="by weights: a plain decimal", examples=[None]
    )


class BufferWrite(Wire):
    percent_bp: Annotated[int, Field(strict=True, ge=1, le=9_999)] = Field(
        description="of the target, basis points; 1,000 to 1,500 are usual", examples=[1000]
    )
    kind: BufferKind = Field(description="parts sum to the target and the buffer, or less it")


class SplitWrite(Wire):
    target_id: str | None = Field(
        None, max_length=36, description="the node to split; or `of`", examples=[None]
    )
    of: Literal["leaves"] | None = Field(
        None, description="every leaf that passes `owner_id` and `level`, all alike"
    )
    owner_id: ExternalId | None = Field(
        None, description="with `of`: only leaves of this owner", examples=[None]
    )
    level: Level | None = Field(None, description="with `of`: only leaves for such periods")
    axis: Axis = Field(description="along the organisation or time")
    method: Method = Field(
        description="shares and weights are given; calendar_days is for time; same is for rates"
    )
    into: Level | None = Field(
        None, description="in time: the periods of the parts; the next finer ones without it"
    )
    parts: list[PartWrite] = Field(
        [], max_length=limits.ARRAY_ITEMS,
        description="along the organisation one for each owner; in time with given shares one for "
        "each period, none otherwise",
    )  # fmt: skip
    buffer: BufferWrite | None = Field(None, description="along the organisation only, once")
    reason: Name | None = Field(None, description="why these shares", examples=["spring campaign"])

    @model_validator(mode="after")
    def _names_one_place(self) -> Self:
        if (self.target_id is None) == (self.of is None):
            raise ValueError("a split names target_id, or of: leaves")
        if self.of is None and (self.owner_id or self.level):
            raise ValueError("owner_id and level go with of: leaves")
        for part in self.parts:
            wrong = part.weight if self.method == "shares" else part.share_bp
            if wrong is not None:
                raise ValueError("by shares a part has share_bp, by weights weight")
        return self

    def asked(self) -> SplitAsked:
        buffer = Buffer(self.buffer.percent_bp, self.buffer.kind) if self.buffer else None
        request = Request(
            self.target_id, self.axis, self.method, (), self.into, buffer, self.reason,
            of_level=self.level,
        )  # fmt: skip
        shares = tuple(
            (part.owner_id, Share(period=part.period, weight=_weight(part))) for part in self.parts
        )
        return SplitAsked(request, shares, self.owner_id)


def _weight(part: PartWrite) -> Fraction | None:
    if part.share_bp is not None:
        return Fraction(part.share_bp)
    return Fraction(Decimal(part.weight)) if part.weight is not None else None


class SplitsWrite(Wire):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "splits": [
                        {
                            "of": "leaves", "axis": "organisation", "method": "shares",
                            "parts": [
                                {"owner_id": "hr:east", "share_bp": 6000},
                                {"owner_id": "hr:west", "share_bp": 4000},
                            ],
                        },
                        {"of": "leaves", "axis": "time", "into": "month", "method": "equal"},
                        {"of": "leaves", "axis": "time", "method": "calendar_days"},
                    ]
                }
            ]
        }
    )  # fmt: skip
    splits: list[SplitWrite] = Field(
        min_length=1, max_length=limits.ARRAY_ITEMS,
        description="applied in order, all or none; 1,000 at most",
    )  # fmt: skip


class ApproveWrite(Wire):
    override_reason: Name | None = Field(
        None, description="why the plan is approved below its consensus threshold",
        examples=["the board decided on 15 January"],
    )  # fmt: skip


class FindingRead(Wire):
    code: str = Field(description="CONSENSUS_LOW, SPLIT_INCOMPLETE or BUFFER")
    severity: Severity = Field(description="info or warning")
    message: Text = Field(description="what was found")
    target_ids: list[str] = Field(description="where, as far as the viewer sees it; 100 at most")

    @classmethod
    def of(cls, found: Finding) -> "FindingRead":
        return cls(
            code=found.code, severity=found.severity, message=Text(**found.message),
            target_ids=list(found.target_ids),
        )  # fmt: skip


class PlanRead(Wire):
    id: str = Field(description="the plan's id")
    name: str = Field(description="what people call it")
    version: int = Field(description="1, and one more for each plan before it")
    state: State = Field(description="only the active one counts")
    period: str = Field(description="its root's period")
    metric: str = Field(description="the metric's code")
    predecessor_id: str | None = Field(description="the plan that it supersedes")
    consensus_rate: str = Field(description="owners that acknowledged, percent", examples=["85.0"])
    consensus_threshold: str = Field(description="what approval needs, percent")
    root: TargetRead = Field(description="the target that is split")
    checks: list[FindingRead] = Field(description="what to look at before approving")

    @classmethod
    def of(cls, view: PlanView) -> "PlanRead":
        plan = view.plan
        return cls(
            id=plan.id, name=plan.name, version=plan.version, state=plan.state,
            period=plan.period.code, metric=plan.metric, predecessor_id=plan.predecessor_id,
            consensus_rate=_percent(view.consensus_bp),
            consensus_threshold=_percent(plan.consensus_threshold_bp),
            root=TargetRead(**target_json(view.root)),
            checks=[FindingRead.of(one) for one in view.findings],
        )  # fmt: skip


class Plans(Wire):
    offset: int = Field(description="how far the log was heard")
    items: list[PlanRead] = Field(description="by id: in the order asked; as a list: newest first")
    next_cursor: str | None = Field(description="for the next page as `cursor`; null: the last")


class PlanAnswer(Wire):
    plan: PlanRead = Field(description="the plan after it")
    offset: int | None = Field(
        description="where the log has the plan's targets; null while kpi has not accepted them"
    )


def _percent(bp: int) -> str:
    """With one decimal, halves up: 6,667 → 66.7."""
    tenths = (bp + 5) // 10
    return f"{tenths // 10}.{tenths % 10}"
