"""The dated tree of units and members that roll-ups, moves and access read.

Rule (method.md 1.3 and 1.6, "Moves"): a unit hangs under one parent, and has one manager, from a
day to a day; a member belongs to units by shares that sum to at most 10,000 basis points on any
day. Every span is [starts_on, ends_on): the last day is not in it, and None leaves it open. A unit
without a placement on a day is not part of the organisation that day, nor are its memberships;
what is unknown or not part of it answers empty, so access by this tree fails closed.

>>> from datetime import date
>>> january, july = date(2026, 1, 1), date(2026, 7, 1)
>>> org = Organisation.build(
...     [Unit("co", "Company"), Unit("east", "East"), Unit("sh", "Shanghai")],
...     [Placement("co", None, january, manager_id="wang"),
...      Placement("east", "co", january, manager_id="li"),
...      Placement("sh", "east", january, july), Placement("sh", "co", july)],
...     [Membership("zhang", "sh", january), Membership("li", "east", january)])
>>> org.ancestors("sh", january), org.ancestors("sh", july)
(('east', 'co'), ('co',))
>>> org.manager_of("zhang", january), org.manager_of("zhang", july), org.manager_of("li", july)
('li', 'wang', 'wang')
"""

from services.kit.organisation.checks import check_memberships, check_placements, check_tree
from services.kit.organisation.dated import (
    Membership,
    OrganisationInvalid,
    Placement,
    PlacementOverlap,
    SharesExceeded,
    TooManyMembers,
    TreeTooDeep,
    Unit,
    UnitCycle,
    UnitUnknown,
)
from services.kit.organisation.tree import Organisation

__all__ = [
    "Membership",
    "Organisation",
    "OrganisationInvalid",
    "Placement",
    "PlacementOverlap",
    "SharesExceeded",
    "TooManyMembers",
    "TreeTooDeep",
    "Unit",
    "UnitCycle",
    "UnitUnknown",
    "check_memberships",
    "check_placements",
    "check_tree",
]
