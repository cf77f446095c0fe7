"""Reading targets: what owners have in a period, what it is made of, and why."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby

from services.kit import ids
from services.kit.auth import Viewer
from services.kit.period import Period
from services.targets.actions.look import Look, looking, placed
from services.targets.actions.office import Office, storable
from services.targets.domain import explain
from services.targets.domain.cascade import Axis
from services.targets.domain.explain import Explanation, Measure
from services.targets.domain.plan import Metric
from services.targets.domain.rollup import together
from services.targets.store import targets
from services.targets.store.targets import Stored


@dataclass(frozen=True, slots=True)
class TargetView:
    """A target with names; `axis` is the one it is a part along, `parts` are those seen."""

    stored: Stored
    metric: Metric
    owner_name: str
    axis: Axis | None
    explanation: Explanation
    parts: "tuple[TargetView, ...] | None" = None


async def targets_of(
    office: Office, viewer: Viewer, asked: Sequence[str], period: str, metric: str | None,
    axis: Axis | None, min_offset: int | None,
) -> tuple[int, list[tuple[str, list[TargetView]]]]:  # fmt: skip
    """One total per owner and metric: the coarsest active cells that tile the period exactly."""
    async with looking(office, viewer, min_offset) as look:
        with placed("period"):
            wanted = Period.parse(period, look.calendar)
        owners = list(dict.fromkeys((await look.owners(asked)).values()))
        found = await targets.coarsest(
            look.connection, look.tenant_id, [owner.id for owner in owners], *wanted.span, metric
        )
        wholes, tiles = _tiled(found, wanted, look)
        parts: Mapping[str, Sequence[Stored]] = {}
        if axis is not None:
            single = [whole.target.id for whole in wholes if whole.target.id not in tiles]
            parts = await targets.parts(look.connection, look.tenant_id, single, axis)
            if axis == "time":
                parts = {**parts, **tiles}
        shown = await views(look, wholes, parts if axis is not None else None, axis)
        of_owner = {owner.id: [view for view in shown if view.stored.target.owner == owner]
                    for owner in owners}  # fmt: skip
        return look.offset, list(of_owner.items())


async def parts_of(
    office: Office, viewer: Viewer, asked: Sequence[str], axis: Axis | None, min_offset: int | None
) -> tuple[int, list[tuple[str, list[TargetView]]]]:
    """What each target is made of, along an axis or as the plan's tree has it."""
    async with looking(office, viewer, min_offset) as look:
        wanted = [target_id for target_id in storable(asked) if ids.is_id(target_id)]
        wholes = await seen(look, await targets.by_id(look.connection, look.tenant_id, wanted))
        known = [whole.target.id for whole in wholes]
        parts = await targets.parts(look.connection, look.tenant_id, known, axis)
        shown = await views(look, wholes, parts, axis)
        return look.offset, [(view.stored.target.id, list(view.parts or ())) for view in shown]


async def seen(look: Look, found: Iterable[Stored]) -> list[Stored]:
    """Those that the viewer may see: drafts are for those who work on them."""
    there = [one for one in found if look.sight.drafts or one.plan_state != "draft"]
    await look.meet(one.target.owner for one in there)
    return [one for one in there if look.sees(one.target.owner)]


async def views(
    look: Look,
    found: Sequence[Stored],
    parts: Mapping[str, Sequence[Stored]] | None = None,
    axis: Axis | None = None,
) -> list[TargetView]:
    """With names and explanations, and the parts along `axis` that the viewer may see."""
    below = [part for several in (parts or {}).values() for part in several]
    visible = await seen(look, [*found, *below])
    await look.meet(one.whole.owner for one in visible if one.whole is not None)
    shown = {one.target.id for one in visible}
    wholes = [_view(look, one, None) for one in found if one.target.id in shown]
    if parts is None:
        return wholes
    return [
        replace(
            view,
            parts=tuple(
                _view(look, part, axis)
                for part in parts.get(view.stored.target.id, ())
                if part.target.id in shown
            ),
        )
        for view in wholes
    ]


def _view(look: Look, stored: Stored, axis: Axis | None) -> TargetView:
    """A part is one along the asked axis, else along the one that its parent was split."""
    target, metric, whole = stored.target, look.metrics[stored.metric], stored.whole
    if whole is not None:
        whole = replace(whole, owner_name=look.name_of(whole.owner))
    told = explain.explained(
        target.amounts.target, target.weight, whole, target.total,
        Measure(metric.unit, stored.currency),
    )  # fmt: skip
    own: Axis | None = whole.split.axis if whole else "time" if target.total else None
    return TargetView(stored, metric, look.name_of(target.owner), axis or own, told)


def _tiled(
    found: Sequence[Stored], wanted: Period, look: Look
) -> tuple[list[Stored], dict[str, Sequence[Stored]]]:
    """A total per owner and metric whose cells tile the period, and the cells of those of several.

    Rates of several cells are no total, unless all are the same.
    """
    wholes: list[Stored] = []
    tiles: dict[str, Sequence[Stored]] = {}
    for _, group in groupby(found, key=lambda one: (one.target.owner, one.metric)):
        cells = list(group)
        if not _covers(cells, wanted):
            continue
        if len(cells) == 1:
            wholes.append(cells[0])
            continue
        amounts = together(
            [cell.target.amounts for cell in cells],
            is_rate=look.metrics[cells[0].metric].is_rate,
        )
        if amounts is None:
            continue
        first = cells[0].target
        total_id = ids.derived(look.tenant_id, f"{first.owner.id}:{cells[0].metric}:{wanted}")
        total = replace(
            first, id=total_id, parent_id=None, period=wanted, amounts=amounts, weight=None,
            split=None, allocated=amounts.target, total="periods",
        )  # fmt: skip
        wholes.append(replace(cells[0], target=total, whole=None))
        tiles[total_id] = cells
    return wholes, tiles


def _covers(cells: Sequence[Stored], wanted: Period) -> bool:
    """Whether cells in order, none within another, leave no day of the period out."""
    due = wanted.first
    for cell in cells:
        if cell.target.period.first != due:
            return False
        due = cell.target.period.last + timedelta(days=1)
    return due == wanted.last + timedelta(days=1)
