"""Questions to the organisation on a day (rule and example: the package)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

from services.kit.limits import MEMBERS, TREE_DEPTH
from services.kit.organisation.checks import check_memberships, check_placements, check_tree
from services.kit.organisation.dated import (
    Membership,
    OrganisationInvalid,
    Placement,
    Unit,
    grouped,
    in_force,
)


@dataclass(frozen=True, slots=True, eq=False)
class Organisation:
    """The checked tree, indexed once; every question is about one day."""

    units: Mapping[str, Unit]
    _places: Mapping[str, Sequence[Placement]]  # by unit
    _below: Mapping[str, Sequence[Placement]]  # by parent
    _managed: Mapping[str, Sequence[Placement]]  # by manager
    _by_member: Mapping[str, Sequence[Membership]]
    _by_unit: Mapping[str, Sequence[Membership]]

    @classmethod
    def build(
        cls,
        units: Iterable[Unit],
        placements: Sequence[Placement],
        memberships: Sequence[Membership],
        *,
        max_depth: int = TREE_DEPTH,
        max_members: int = MEMBERS,
    ) -> Self:
        by_id: dict[str, Unit] = {}
        for unit in units:
            if by_id.setdefault(unit.id, unit) is not unit:
                raise OrganisationInvalid(f"two units have the id {unit.id}")
        check_placements(by_id, placements)
        check_tree(placements, max_depth=max_depth)
        check_memberships(by_id, memberships, max_members=max_members)
        return cls(
            by_id,
            grouped(placements, lambda place: place.unit_id),
            grouped(placements, lambda place: place.parent_id),
            grouped(placements, lambda place: place.manager_id),
            grouped(memberships, lambda membership: membership.member_id),
            grouped(memberships, lambda membership: membership.unit_id),
        )

    def placement_of(self, unit_id: str, on: date) -> Placement | None:
        return next(in_force(self._places.get(unit_id, ()), on), None)

    def ancestors(self, unit_id: str, on: date) -> tuple[str, ...]:
        """The units above, nearest first, the root last; the unit itself is not among them."""
        return tuple(place.unit_id for place in self._upwards(unit_id, on))[1:]

    def subtree(self, unit_id: str, on: date) -> frozenset[str]:
        """The unit and everything below it."""
        if self.placement_of(unit_id, on) is None:
            return frozenset()
        found = [unit_id]
        for upper in found:  # grows while it is read: breadth first, no recursion
            found += [place.unit_id for place in in_force(self._below.get(upper, ()), on)]
        return frozenset(found)

    def units_of(self, member_id: str, on: date) -> tuple[str, ...]:
        """The member's units, the largest share first, equal shares by id."""
        shares_bp: Counter[str] = Counter()
        for membership in in_force(self._by_member.get(member_id, ()), on):
            if self.placement_of(membership.unit_id, on) is not None:
                shares_bp[membership.unit_id] += membership.share_bp
        return tuple(sorted(shares_bp, key=lambda unit_id: (-shares_bp[unit_id], unit_id)))

    def members_of(self, unit_id: str, on: date, *, deep: bool) -> frozenset[str]:
        """The members of the unit alone, or of its whole subtree."""
        placed = self.placement_of(unit_id, on) is not None
        within = self.subtree(unit_id, on) if deep else [unit_id] if placed else []
        return frozenset(
            membership.member_id
            for unit in within
            for membership in in_force(self._by_unit.get(unit, ()), on)
        )

    def manager_of(self, member_id: str, on: date) -> str | None:
        """The nearest manager at or above the member's main unit who is not the member; where
        there is none, of the member's next unit.
        """
        for unit_id in self.units_of(member_id, on):
            for place in self._upwards(unit_id, on):
                if place.manager_id not in (None, member_id):
                    return place.manager_id
        return None

    def is_in_subtree(self, member_id: str, unit_id: str, on: date) -> bool:
        return any(
            place.unit_id == unit_id
            for own in self.units_of(member_id, on)
            for place in self._upwards(own, on)
        )

    def managed_units(self, manager_id: str, on: date) -> frozenset[str]:
        """The units whose manager this is, without those below them (see `subtree`)."""
        return frozenset(place.unit_id for place in in_force(self._managed.get(manager_id, ()), on))

    def _upwards(self, unit_id: str, on: date) -> Iterator[Placement]:
        place = self.placement_of(unit_id, on)
        while place is not None:
            yield place
            place = None if place.parent_id is None else self.placement_of(place.parent_id, on)
