"""Units and members as targets knows them: identity, name and dated history."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

from services.kit.errors import Invalid, NotFound
from services.kit.organisation import Membership, Organisation, Placement, Unit
from services.targets.domain.identity import bare


class MemberNotFound(NotFound):
    """No such member, or none that this viewer may see."""

    code = "member_not_found"


class MembershipOutside(Invalid):
    """A membership on days on which the member or the unit is not there."""

    code = "membership_outside"


@dataclass(frozen=True, slots=True)
class UnitRecord:
    id: str
    external_id: str
    name: str
    kind: str | None
    placements: tuple[Placement, ...]


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """Somebody on [joined_on, left_on): left_on is the first day they are no longer there."""

    id: str
    external_id: str
    name: str
    joined_on: date
    left_on: date | None
    memberships: tuple[Membership, ...]


@dataclass(frozen=True, slots=True)
class MemberOnDay:
    """A member and where they are on one day; None where they are nowhere."""

    id: str
    external_id: str
    name: str
    joined_on: date
    left_on: date | None
    unit_id: str | None


@dataclass(frozen=True, slots=True)
class Tree:
    """A tenant's units: few, so they are held whole; members are many and stay in the database."""

    units: Mapping[str, UnitRecord]
    organisation: Organisation
    units_version: int
    named: Mapping[str, Sequence[UnitRecord]]
    below: Mapping[str, Sequence[UnitRecord]]
    """Units that are right below this one on some day, by name."""

    @classmethod
    def build(cls, units: Iterable[UnitRecord], units_version: int) -> Self:
        by_name = sorted(units, key=lambda unit: (unit.name, unit.id))
        named: defaultdict[str, list[UnitRecord]] = defaultdict(list)
        below: defaultdict[str, list[UnitRecord]] = defaultdict(list)
        for unit in by_name:
            for name in (unit.id, unit.external_id, bare(unit.external_id)):
                named[name].append(unit)
            for parent_id in {place.parent_id for place in unit.placements}:
                if parent_id is not None:
                    below[parent_id].append(unit)
        organisation = Organisation.build(
            [Unit(unit.id, unit.name, unit.external_id) for unit in by_name],
            [place for unit in by_name for place in unit.placements],
            [],
        )
        by_id = {unit.id: unit for unit in by_name}
        return cls(by_id, organisation, units_version, dict(named), dict(below))

    def called(self, names: Iterable[str]) -> dict[str, UnitRecord]:
        """Everything that one of the names may mean, by id."""
        return {unit.id: unit for name in names for unit in self.named.get(name, ())}


def manager_above(
    organisation: Organisation, member_id: str | None, unit_id: str | None, on: date
) -> str | None:
    """The nearest manager at or above a unit who is not the member: who one answers to."""
    if unit_id is None:
        return None
    for above in (unit_id, *organisation.ancestors(unit_id, on)):
        place = organisation.placement_of(above, on)
        if place is not None and place.manager_id not in (None, member_id):
            return place.manager_id
    return None
