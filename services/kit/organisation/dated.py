"""The dated rows an organisation is made of, and what is refused about them (method.md 1.6).

>>> Placement("east", "company", date(2026, 7, 1), date(2026, 7, 1))
Traceback (most recent call last):
...
services.kit.organisation.dated.OrganisationInvalid: unit east: 2026-07-01 is not after 2026-07-01
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from services.kit.errors import Invalid

WHOLE_BP = 10_000


class OrganisationInvalid(Invalid):
    """Units, placements and memberships that make no organisation."""

    code = "organisation_invalid"


class UnitUnknown(OrganisationInvalid):
    """A placement, parent or membership names a unit that is not there."""

    code = "unit_unknown"


class UnitCycle(OrganisationInvalid):
    """A unit would lie below itself."""

    code = "unit_cycle"


class TreeTooDeep(OrganisationInvalid):
    code = "tree_too_deep"


class PlacementOverlap(OrganisationInvalid):
    """A unit would hang in two places on one day."""

    code = "placement_overlap"


class SharesExceeded(OrganisationInvalid):
    """A member's shares would sum to more than the whole on some day."""

    code = "shares_exceeded"


class TooManyMembers(OrganisationInvalid):
    code = "too_many_members"


@dataclass(frozen=True, slots=True)
class Unit:
    id: str
    name: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a unit hangs and who manages it, on [starts_on, ends_on)."""

    unit_id: str
    parent_id: str | None
    starts_on: date
    ends_on: date | None = None
    manager_id: str | None = None

    def __post_init__(self) -> None:
        _check_span(f"unit {self.unit_id}", self.starts_on, self.ends_on)


@dataclass(frozen=True, slots=True)
class Membership:
    """A member's share of work in a unit, on [starts_on, ends_on)."""

    member_id: str
    unit_id: str
    starts_on: date
    ends_on: date | None = None
    share_bp: int = WHOLE_BP

    def __post_init__(self) -> None:
        _check_span(f"member {self.member_id}", self.starts_on, self.ends_on)
        if not 1 <= self.share_bp <= WHOLE_BP:
            raise OrganisationInvalid(f"a share is 1 to {WHOLE_BP} basis points")


Dated = TypeVar("Dated", Placement, Membership)


def grouped(
    dated: Iterable[Dated], key: Callable[[Dated], str | None]
) -> dict[str, Sequence[Dated]]:
    """By name, oldest first; rows without the name are left out."""
    groups: defaultdict[str, list[Dated]] = defaultdict(list)
    for one in sorted(dated, key=lambda one: one.starts_on):
        name = key(one)
        if name is not None:
            groups[name].append(one)
    return dict(groups)


def in_force(dated: Iterable[Dated], on: date) -> Iterator[Dated]:
    return (
        one for one in dated if one.starts_on <= on and (one.ends_on is None or on < one.ends_on)
    )


def _check_span(whose: str, starts_on: date, ends_on: date | None) -> None:
    if ends_on is not None and ends_on <= starts_on:
        raise OrganisationInvalid(f"{whose}: {ends_on} is not after {starts_on}")
