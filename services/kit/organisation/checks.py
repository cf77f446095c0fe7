"""What must hold before rows count as an organisation (method.md 1.3 and 1.6).

>>> spring = date(2026, 3, 1)
>>> check_tree([Placement("east", "sh", spring), Placement("sh", "east", spring)])
Traceback (most recent call last):
...
services.kit.organisation.dated.UnitCycle: on 2026-03-01 units lie below themselves: east → sh → east
"""

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise

from services.kit.limits import MEMBERS, TREE_DEPTH
from services.kit.organisation.dated import (
    WHOLE_BP,
    Membership,
    Placement,
    PlacementOverlap,
    SharesExceeded,
    TooManyMembers,
    TreeTooDeep,
    Unit,
    UnitCycle,
    UnitUnknown,
    grouped,
    in_force,
)


def check_placements(units: Mapping[str, Unit], placements: Iterable[Placement]) -> None:
    """One place a day for each unit, under a parent that has a place on the same days."""
    places = grouped(placements, lambda place: place.unit_id)
    for unit_id, dated in places.items():
        if unit_id not in units:
            raise UnitUnknown(f"unit {unit_id} has a placement but is not there")
        for earlier, later in pairwise(dated):
            if earlier.ends_on is None or later.starts_on < earlier.ends_on:
                raise PlacementOverlap(f"unit {unit_id} has two places on {later.starts_on}")
        for place in dated:
            if place.parent_id is None:
                continue
            if place.parent_id not in units:
                raise UnitUnknown(f"the parent {place.parent_id} of unit {unit_id} is not there")
            orphaned_on = _first_day_without(places.get(place.parent_id, ()), place)
            if orphaned_on is not None:
                raise UnitUnknown(
                    f"the parent {place.parent_id} of unit {unit_id} has no place on {orphaned_on}"
                )


def check_tree(placements: Iterable[Placement], *, max_depth: int = TREE_DEPTH) -> None:
    """No unit below itself, and no more than `max_depth` units from a root to a leaf, on any day.

    A cycle or a deeper path can only appear on a day some unit on it is placed anew, so those
    days are looked at, and only around that unit.
    """
    placements = list(placements)
    places = grouped(placements, lambda place: place.unit_id)
    below = grouped(placements, lambda place: place.parent_id)
    for placement in placements:
        on = placement.starts_on
        path = {placement.unit_id: None}  # a set that keeps its order
        above = placement.parent_id
        while above is not None:
            if above in path:
                units = list(path)
                cycle = [*units[units.index(above) :], above]
                raise UnitCycle(f"on {on} units lie below themselves: {' → '.join(cycle)}")
            path[above] = None
            place = next(in_force(places.get(above, ()), on), None)
            above = place.parent_id if place else None
        depth, level = len(path), [placement.unit_id]
        while level and depth <= max_depth:
            level = [p.unit_id for upper in level for p in in_force(below.get(upper, ()), on)]
            depth += bool(level)
        if depth > max_depth:
            raise TreeTooDeep(
                f"on {on} the tree at unit {placement.unit_id} is over {max_depth} units deep"
            )


def check_memberships(
    units: Mapping[str, Unit], memberships: Iterable[Membership], *, max_members: int = MEMBERS
) -> None:
    """Known units, shares within the whole on every day, and not too many members."""
    by_member = grouped(memberships, lambda membership: membership.member_id)
    if len(by_member) > max_members:
        raise TooManyMembers(f"{len(by_member)} members are more than {max_members}")
    for member_id, dated in by_member.items():
        for membership in dated:
            if membership.unit_id not in units:
                raise UnitUnknown(f"unit {membership.unit_id} of member {member_id} is not there")
        starts = [(m.starts_on, m.share_bp) for m in dated]
        ends = [(m.ends_on, -m.share_bp) for m in dated if m.ends_on is not None]
        share_sum = 0
        for day, change in sorted(starts + ends):  # on one day, what ends comes before what starts
            share_sum += change
            if share_sum > WHOLE_BP:
                raise SharesExceeded(
                    f"member {member_id} has {share_sum} basis points on {day}, over {WHOLE_BP}"
                )


def _first_day_without(covers: Iterable[Placement], place: Placement) -> date | None:
    day = place.starts_on
    for cover in covers:  # oldest first
        if cover.starts_on <= day and cover.ends_on is None:
            return None
        if cover.starts_on <= day and cover.ends_on is not None:
            day = max(day, cover.ends_on)
    return day if place.ends_on is None or day < place.ends_on else None
