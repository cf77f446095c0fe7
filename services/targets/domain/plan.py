"""A plan: a tree of targets of one metric, and the states that it passes.

Rule (method.md 1.3 and 1.5): a plan goes draft → proposed → approved → active → superseded or
closed, and only the active version counts. Each (owner, metric, period) is one cell, and cells of
one owner lie within each other only along their own branch, so that nothing counts twice. A part
lies within its parent: its owner below the owner, its period inside the period. Approval below the
plan's consensus threshold needs a reason.

>>> consensus(acknowledged=9, owners=10) >= 9_000, consensus(acknowledged=2, owners=3)
(True, 6667)
>>> after("draft", "proposed")
'proposed'
>>> after("draft", "active")
Traceback (most recent call last):
...
services.targets.domain.plan.PlanStateWrong: a draft plan cannot become active: it has to be approved
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from services.kit.errors import Conflict, Invalid
from services.kit.period import Calendar, Period
from services.kit.quantity import Unit
from services.targets.domain.cascade import Amounts, Axis, Buffer, Method

State = Literal["draft", "proposed", "approved", "active", "superseded", "closed"]
Kind = Literal["unit", "member"]
Level = Literal["year", "quarter", "month", "week"]
LEVELS: tuple[Level, ...] = ("year", "quarter", "month", "week")
CONSENSUS_BP = 9_000
"""The share of owners whose acknowledgement an approval needs, unless the plan says otherwise."""
_BEFORE: dict[State, State] = {
    "proposed": "draft", "approved": "proposed", "active": "approved", "superseded": "active",
}  # fmt: skip
CHANGEABLE: tuple[State, ...] = ("draft", "proposed")
"""States in which targets may still be split."""


class PlanStateWrong(Conflict):
    """The plan's state does not allow this."""

    code = "plan_state"


class PlanOverlap(Conflict):
    """Another active plan gives these owners a target of the metric in the same time."""

    code = "plan_overlap"


class ConsensusMissing(Conflict):
    """Too few owners acknowledged, and no reason to go on without them was given."""

    code = "consensus_missing"


class MetricNotDeclared(Invalid):
    """kpi has declared no metric of this code, or targets has not heard of it yet."""

    code = "metric_not_declared"


class OwnerUnknown(Invalid):
    """No such unit or member, or none that this viewer may see."""

    code = "owner_unknown"


class OwnerOutside(Invalid):
    """A part's owner who is not below the owner of what is split."""

    code = "owner_outside"


class PeriodOutside(Invalid):
    """A part's period that is not inside the period of what is split."""

    code = "period_outside"


class TargetDuplicate(Conflict):
    """The owner has a target in this time already, so it would count twice."""

    code = "target_duplicate"


class PlanTooDeep(Invalid):
    code = "plan_too_deep"


class PlanTooLarge(Invalid):
    code = "plan_too_large"


class Owner(NamedTuple):
    kind: Kind
    id: str


class Split(NamedTuple):
    """How a target was split, as it is kept with it; the parts keep their own weights."""

    axis: Axis
    method: Method
    parts: int
    weight_sum: str
    buffer: Buffer | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as kpi declared it; `is_rate`: its values do not add up over owners or periods."""

    code: str
    name_en: str
    name_zh: str
    unit: Unit
    kind: Literal["process", "result"]
    direction: Literal["higher", "lower"]
    is_rate: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan without its targets; `calendar` is the tenant's when the plan was made."""

    id: str
    name: str
    version: int
    state: State
    metric: str
    currency: str | None
    period: Period
    calendar: Calendar
    root_id: str
    predecessor_id: str | None
    consensus_threshold_bp: int
    log_offset: int | None
    """Where the log has the plan's targets; None until it has."""


@dataclass(frozen=True, slots=True)
class Target:
    """A cell of a plan. `weight` is its own share in the rule that split its parent.

    `total` names how the amounts of a cell that is no node of the tree follow from others:
    `periods` (the sum of its parts in time) or `parts` (a period's part of a longer cell, as the
    owners below have it). `above_id` is the owner above it.
    """

    id: str
    parent_id: str | None
    above_id: str | None
    owner: Owner
    period: Period
    amounts: Amounts
    position: int = 0
    weight: str | None = None
    split: Split | None = None
    allocated: int | None = None
    total: Literal["periods", "parts"] | None = None

    @property
    def buffer(self) -> int | None:
        """What the parts carry beyond the target; negative where it is kept back."""
        return None if self.allocated is None else self.allocated - self.amounts.target


def after(state: State, wanted: State) -> State:
    """`wanted`, if a plan in `state` may become it."""
    needed = _BEFORE.get(wanted)
    if state != needed:
        raise PlanStateWrong(
            f"a{'n' if state[0] == 'a' else ''} {state} plan cannot become {wanted}: "
            f"it has to be {needed}"
        )
    return wanted


def refuse_unchangeable(state: State) -> None:
    if state not in CHANGEABLE:
        raise PlanStateWrong(f"targets of {state} plans stay as they are: make a new plan")


def consensus(*, acknowledged: int, owners: int) -> int:
    """The share of owners that acknowledged, in basis points; 2 of 3 are 6,667."""
    return (2 * acknowledged * 10_000 + owners) // (2 * owners)


def needs_override(*, acknowledged: int, owners: int, threshold_bp: int) -> bool:
    return acknowledged * 10_000 < threshold_bp * owners


def refuse_overlap(new: Iterable[Target], existing: Iterable[Target], axis: Axis) -> None:
    """Refuse a cell in whose time its owner has another one that does not contain it by descent.

    Parts in time lie in their parent, which alone its owner has there; so only owners who come
    in by a split along the organisation can meet themselves.
    """
    if axis == "time":
        return
    spans: defaultdict[str, list[tuple[date, date]]] = defaultdict(list)
    for cell in existing:
        spans[cell.owner.id].append(cell.period.span)
    for cell in new:
        first, last = cell.period.span
        for start, end in spans[cell.owner.id]:
            if start <= last and first <= end:
                raise TargetDuplicate(
                    f"{cell.owner.kind} {cell.owner.id} has a target in {cell.period} already"
                )
        spans[cell.owner.id].append((first, last))
