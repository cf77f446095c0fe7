"""Targets next to what came of them: targets' numbers joined with kpi's.

Both services are asked at once, each one time for all owners of a level. They meet by owner,
metric and period; where one of them does not answer, the other's numbers stand alone.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Annotated, Any

import strawberry

from gateway.execution.asking import Ask
from gateway.fields import Rows, joined, late, plain
from gateway.kpi.types.metric import InPeriod, Light, Metric, MetricCode
from gateway.scalars import CurrencyCode, Percent, Period, PlainDecimal
from gateway.targets.types.owner import Owner
from gateway.values import Explain

FIGURES = ("actual", "attainment", "pace", "light")
"""What kpi knows of a target."""
_CHILDREN = "children by axis"
_WITHOUT_PLAN = "; null where targets does not answer"
_WITHOUT_KPI = "or kpi does not answer."


@strawberry.enum(description="What a target was split by.")
class Axis(Enum):
    TIME = strawberry.enum_value("time", description="Quarters, months, weeks.")
    ORGANISATION = strawberry.enum_value("organisation", description="Units and people.")


AlongAxis = Annotated[
    Axis | None,
    strawberry.argument(
        description="Totals along this axis, whatever the order of splits; null for the tree's own "
        "nodes."
    ),
]


async def _standing(rows: Sequence[Any], ask: Ask) -> list[Any]:
    """Rows that came without kpi's numbers, with them: one call per period."""
    by_period: defaultdict[str, set[str]] = defaultdict(set)
    metrics = sorted({row["metric"]["code"] for row in rows})
    for row in rows:
        by_period[row["period"]].add(row["owner"]["id"])
    answers = await asyncio.gather(
        *(
            ask.context.kpi.attainments(owners, period, metrics)
            for period, owners in by_period.items()
        )
    )
    found = dict(zip(by_period, answers, strict=True))
    nothing: Any = {"metrics": {}}
    return [
        {
            **row,
            **_figures(
                found[row["period"]].get(row["owner"]["id"], nothing), row["metric"]["code"]
            ),
        }
        for row in rows
    ]


async def _children(rows: Rows, info: Ask, axis: AlongAxis = None) -> Sequence[Any]:
    """Those that came with their parents, and the others in one call."""
    wanted = axis.value if axis is not None else None
    known = [row.get(_CHILDREN, {}).get(wanted) for row in rows]
    ids = [
        row["id"]
        for row, children in zip(rows, known, strict=True)
        if children is None and isinstance(row["id"], str)
    ]
    found = await info.context.targets.target_children(ids, wanted)
    values = []
    for row, children in zip(rows, known, strict=True):
        item = children if children is not None else found.get(row["id"])
        if isinstance(item, Mapping):
            item = [_child(row, child) for child in item["children"]]
        values.append([] if item is None else item)
    return values


def _child(parent: Any, child: Any) -> Any:
    """A child has its parent's metric and currency, and its owner where it has none of its own."""
    inherited = {name: parent.get(name) for name in ("metric", "currency", "owner")}
    return {**inherited, **child}


@strawberry.type(
    description="What an owner is to reach in a period, and how far they are. Numbers are in the "
    "metric's unit: major units of `currency` for money, things, percent, or points."
)
class Target:
    id: strawberry.ID | None = plain("Our id: a UUID" + _WITHOUT_PLAN + ".")
    axis: Axis | None = plain("What it was split by from its parent; null for a plan's root.")
    label: str | None = plain(
        "What tells it from its siblings: a period, a name" + _WITHOUT_PLAN + "."
    )
    owner: Owner | None = plain("Whose it is" + _WITHOUT_PLAN + ".")
    period: Period = plain("The period that it covers.")
    metric: Metric = plain("What is measured.")
    currency: CurrencyCode | None = plain("Of money; null for metrics that are not money.")
    floor: PlainDecimal | None = plain("The least that must be reached; null where none is set.")
    target: PlainDecimal | None = plain("What is to be reached.")
    stretch: PlainDecimal | None = plain("What is rewarded beyond it; null where none is set.")
    allocated: PlainDecimal | None = plain(
        "What its children have of it; null where it is not split."
    )
    buffer: PlainDecimal | None = plain(
        "The declared difference between it and its children; null where none is declared."
    )
    actual: PlainDecimal | None = late(
        _standing, "What came of it so far; null where nothing is counted, " + _WITHOUT_KPI
    )
    attainment: Percent | None = late(
        _standing,
        "Actual in percent of the target (lower is better: 2 − actual ÷ target, at least 0), one "
        "decimal; null where the target is zero, nothing is counted, " + _WITHOUT_KPI,
    )
    pace: PlainDecimal | None = late(
        _standing, "What is due by now; null where nothing is, " + _WITHOUT_KPI
    )
    light: Light | None = late(
        _standing,
        "How actual compares with pace; null before 10 % of the period's pace, " + _WITHOUT_KPI,
    )
    explain: Explain | None = plain("How the number came about" + _WITHOUT_PLAN + ".")
    children: list["Target"] = joined(
        _children, "The targets below it; empty where it is not split further.", size=20
    )


async def targets_of(rows: Rows, info: Ask, period: InPeriod) -> Sequence[Any]:
    """Each owner's totals; None where the viewer may not see them."""
    return await _board(rows, info, period, None)


async def target_of(rows: Rows, info: Ask, period: InPeriod, metric: MetricCode) -> Sequence[Any]:
    """Each owner's total of one metric; None where there is none."""
    boards = await _board(rows, info, period, metric)
    return [
        next((one for one in board if one["metric"]["code"] == metric), None)
        if isinstance(board, list)
        else board
        for board in boards
    ]


async def _board(rows: Rows, ask: Ask, period: str, metric: str | None) -> list[Any]:
    owners = [row["id"] for row in rows]
    below = ask.below("children")
    axes = [given.value for one in below if (given := one.arguments.get("axis")) is not None]
    axis = axes[0] if len(set(axes)) == 1 else None  # what is not read here is read below
    by_time = axis == Axis.TIME.value and any(one.selects(*FIGURES) for one in below)
    planning = ask.context.targets.targets(owners, period, metric, axis)
    if by_time or ask.selects(*FIGURES):
        metrics = [] if metric is None else [metric]
        planned, reached = await asyncio.gather(
            planning, ask.context.kpi.attainments(owners, period, metrics, by_time=by_time)
        )
    else:
        planned, reached = await planning, None
    nothing: Any = {"metrics": {}}
    return [
        _joined(
            planned.get(one), None if reached is None else reached.get(one, nothing), axis,
            by_time=by_time,
        )
        for one in owners
    ]  # fmt: skip


def _joined(planned: Any, reached: Any, axis: str | None, *, by_time: bool) -> Any:
    """One owner's targets, without kpi's part where `reached` is None; None: not to be seen."""
    if planned is None:
        return None
    if isinstance(planned, Exception):
        if reached is None or isinstance(reached, Exception):
            return planned
        items = reached["metrics"].values()
        return [_unplanned(item, planned) for item in items if item["target"] is not None]
    rows = []
    for target in planned["targets"]:
        code = target["metric"]["code"]
        row = {**target, **(_figures(reached, code) if reached is not None else {})}
        if axis is not None:
            children = [_child(target, child) for child in target["children"]]
            if by_time:
                children = _children_reached(children, reached, code)
            row[_CHILDREN] = {axis: children}
        rows.append(row)
    return rows


def _figures(reached: Any, metric: str) -> dict[str, Any]:
    """What kpi has of a target: its numbers, or why there are none."""
    if isinstance(reached, Exception):
        return dict.fromkeys(FIGURES, reached)
    item = reached["metrics"].get(metric, {})
    return {name: item.get(name) for name in FIGURES}


def _children_reached(children: list[Any], reached: Any, metric: str) -> list[Any]:
    if isinstance(reached, Exception):
        return [{**child, **dict.fromkeys(FIGURES, reached)} for child in children]
    parts = reached["metrics"].get(metric, {}).get("children", [])
    by_period = {part["period"]: part for part in parts}
    shown = []
    for child in children:
        # A period that kpi did not split by is read by itself, where the row lacks it.
        part = by_period.get(child["period"])
        shown.append(child if part is None else {**child, **{n: part[n] for n in FIGURES}})
    return shown


def _unplanned(item: Any, fault: Exception) -> dict[str, Any]:
    """What kpi knows of a target that targets cannot tell about now."""
    lost = ("id", "axis", "label", "owner", "floor", "stretch", "allocated", "buffer", "explain")
    same = {name: item[name] for name in ("period", "currency", "target", *FIGURES)}
    children = [
        {**dict.fromkeys(lost, fault), "currency": item["currency"], **part}
        for part in item["children"]
    ]
    metric = {"code": item["metric"], "unit": item["unit"]}
    row = {**dict.fromkeys(lost, fault), **same, "metric": metric}
    row[_CHILDREN] = {Axis.TIME.value: [{**child, "metric": metric} for child in children]}
    return row
