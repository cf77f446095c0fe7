"""Reading units: by id, their children, and the members of their subtrees."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.kit.auth import Viewer
from services.kit.errors import Invalid
from services.targets.actions.members import MemberView, views
from services.targets.actions.office import Office, Reading, storable
from services.targets.domain.identity import matched
from services.targets.domain.records import MemberOnDay, UnitRecord
from services.targets.store import members


@dataclass(frozen=True, slots=True)
class UnitView:
    """A unit on a day; `asked` are the ids that meant it."""

    unit: UnitRecord
    parent_id: str | None
    manager_id: str | None
    manager_name: str | None
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Staff:
    """A page of the members of a unit's subtree, one more than the page if there is."""

    unit_id: str
    asked: tuple[str, ...]
    total_count: int
    members: Sequence[MemberView]


async def units_by_id(
    office: Office, viewer: Viewer, asked: Sequence[str], as_of: date | None
) -> list[UnitView]:
    async with office.reading(viewer, as_of) as reading:
        meant = _meant(reading, asked)
        return await _views(reading, [reading.tree.units[unit_id] for unit_id in meant], meant)


async def all_units(
    office: Office, viewer: Viewer, as_of: date | None, after: Sequence[Any] | None, size: int
) -> list[UnitView]:
    """A page by name of the units whose name the viewer may see."""
    async with office.reading(viewer, as_of) as reading:
        start = tuple(after) if after else ("", "")
        found = sorted(
            (unit for unit in reading.tree.units.values() if _is_there(reading, unit)),
            key=lambda unit: (unit.name, unit.id),
        )
        page = [unit for unit in found if (unit.name, unit.id) > start][: size + 1]
        return await _views(reading, page, {})


async def children_of_units(
    office: Office, viewer: Viewer, asked: Sequence[str], as_of: date | None
) -> list[tuple[UnitView, list[UnitView]]]:
    """Each asked unit with the units right below it that the viewer may see, by name."""
    async with office.reading(viewer, as_of) as reading:
        meant = _meant(reading, asked)
        parents = await _views(reading, [reading.tree.units[unit_id] for unit_id in meant], meant)
        below = {
            child.id: child for unit_id in meant for child in reading.tree.below.get(unit_id, ())
        }
        children = [child for child in below.values() if _is_there(reading, child)]
        by_parent: defaultdict[str | None, list[UnitView]] = defaultdict(list)
        for child in await _views(reading, children, {}):
            by_parent[child.parent_id].append(child)
        return [(parent, by_parent[parent.unit.id]) for parent in parents]


async def staff_of_units(
    office: Office, viewer: Viewer, asked: Sequence[str], as_of: date | None,
    after: Sequence[Any] | None, size: int,
) -> list[Staff]:  # fmt: skip
    """The members in each unit or below it, by name."""
    if after is not None and len(asked) != 1:
        raise Invalid("a cursor belongs to one unit: ask for that one", path="cursor")
    async with office.reading(viewer, as_of) as reading:
        meant = {
            unit_id: names
            for unit_id, names in _meant(reading, asked).items()
            if reading.sight.shows_members_of(unit_id)
        }
        subtrees = [reading.tree.organisation.subtree(unit_id, reading.on) for unit_id in meant]
        counts = await office.trees.head_counts(reading.connection, reading.tenant_id, reading.on)
        totals = [sum(counts.get(unit_id, 0) for unit_id in subtree) for subtree in subtrees]
        pages = await _pages(reading, subtrees, totals, after, size + 1)
        people = iter(await views(reading, [one for page in pages for one in page], {}))
        return [
            Staff(unit_id, tuple(meant[unit_id]), total, [next(people) for _ in page])
            for unit_id, total, page in zip(meant, totals, pages, strict=True)
        ]


async def _pages(
    reading: Reading, subtrees: Sequence[frozenset[str]], totals: Sequence[int],
    after: Sequence[Any] | None, size: int,
) -> list[list[MemberOnDay]]:  # fmt: skip
    """Small units all at once, large ones each by walking the members in order."""
    where = reading.connection, reading.tenant_id, reading.on
    small = [n for n, total in enumerate(totals) if total <= members.SMALL]
    gathered = await members.pages(
        *where, groups=[subtrees[n] for n in small], after=after, size=size
    )
    found = dict(zip(small, gathered, strict=True))
    for n, subtree in enumerate(subtrees):
        if n not in found:
            found[n] = await members.page(*where, units=subtree, after=after, size=size)
    return [found[n] for n in range(len(subtrees))]


def _is_there(reading: Reading, unit: UnitRecord) -> bool:
    return (
        reading.sight.names(unit.id)
        and reading.tree.organisation.placement_of(unit.id, reading.on) is not None
    )


def _meant(reading: Reading, asked: Sequence[str]) -> dict[str, list[str]]:
    """The ids of the visible units that were asked for, in that order, with what was asked."""
    names = storable(asked)
    seen = [unit for unit in reading.tree.called(names).values() if _is_there(reading, unit)]
    meant: defaultdict[str, list[str]] = defaultdict(list)
    for name, unit in matched(names, seen).items():
        meant[unit.id].append(name)
    return dict(meant)


async def _views(
    reading: Reading, units: Iterable[UnitRecord], asked: dict[str, list[str]]
) -> list[UnitView]:
    placed = [(unit, reading.tree.organisation.placement_of(unit.id, reading.on)) for unit in units]
    managers = sorted({place.manager_id for _, place in placed if place and place.manager_id})
    names = await members.names(reading.connection, reading.tenant_id, managers)
    return [
        UnitView(
            unit, place.parent_id, place.manager_id, names.get(place.manager_id or ""),
            tuple(asked.get(unit.id, ())),
        )
        for unit, place in placed
        if place is not None
    ]  # fmt: skip
