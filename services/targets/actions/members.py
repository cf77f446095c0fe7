"""Reading members: by id, and as a list."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.kit.auth import Viewer
from services.targets.actions.office import Office, Reading, storable
from services.targets.domain.identity import matched
from services.targets.domain.records import MemberOnDay, manager_above
from services.targets.domain.tenure import tenure_months
from services.targets.store import members


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member on a day with the names around them; `asked` are the ids that meant them."""

    member: MemberOnDay
    unit_name: str | None
    manager_id: str | None
    manager_name: str | None
    tenure_months: int
    asked: tuple[str, ...] = ()


async def members_by_id(
    office: Office, viewer: Viewer, asked: Sequence[str], as_of: date | None
) -> list[MemberView]:
    """Those whom the viewer may see, in the order asked; the others are absent."""
    names = storable(asked)
    async with office.reading(viewer, as_of) as reading:
        candidates = await members.called(reading.connection, reading.tenant_id, names, reading.on)
        seen = [one for one in candidates if reading.sight.shows_member(one.id, one.unit_id)]
        meant: defaultdict[str, list[str]] = defaultdict(list)
        by_id = {}
        for name, one in matched(names, seen).items():
            meant[one.id].append(name)
            by_id[one.id] = one
        return await views(reading, list(by_id.values()), meant)


async def all_members(
    office: Office, viewer: Viewer, as_of: date | None, after: Sequence[Any] | None, size: int
) -> list[MemberView]:
    """A page by name of everybody whom the viewer may see, one more than `size` if there is."""
    async with office.reading(viewer, as_of) as reading:
        sight = reading.sight
        where = reading.connection, reading.tenant_id, reading.on
        if sight.everything:
            found = await members.page(*where, units=None, after=after, size=size + 1)
        else:
            oneself = [sight.member_id] if sight.member_id else []
            counts = await office.trees.head_counts(*where) if sight.staffed else {}
            if sum(counts.get(unit_id, 0) for unit_id in sight.staffed) > members.SMALL:
                found = await members.page(
                    *where, units=sight.staffed, extra=oneself, after=after, size=size + 1
                )
            else:
                (found,) = await members.pages(
                    *where, groups=[sight.staffed], extra=oneself, after=after, size=size + 1
                )
        return await views(reading, found, {})


async def views(
    reading: Reading, found: Sequence[MemberOnDay], asked: dict[str, list[str]]
) -> list[MemberView]:
    tree, on = reading.tree, reading.on
    above = {one.id: manager_above(tree.organisation, one.id, one.unit_id, on) for one in found}
    managers = sorted({manager for manager in above.values() if manager is not None})
    names = await members.names(reading.connection, reading.tenant_id, managers)
    return [
        MemberView(
            one,
            tree.units[one.unit_id].name if one.unit_id else None,
            above[one.id],
            names.get(above[one.id] or ""),
            tenure_months(one.joined_on, one.left_on, on),
            tuple(asked.get(one.id, ())),
        )
        for one in found
    ]
