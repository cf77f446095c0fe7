"""Who may read which part of the organisation, and who may change it (contract: "Who may see").

A rep reads their own member and the names of their own units; a manager also the subtrees of the
units they manage on that day; the other roles their whole tenant. What a viewer may not see is
absent, not refused, so that nothing tells whether it is there.

Targets: a rep (and customer success) reads their own and the totals of the units above them, never
a peer's; a manager also those of their subtree; sales_ops, finance and admin all. sales_ops and
admin make plans and approve them, a manager splits what the own units have, and an owner's yes is
the member's own, or of the unit's manager.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from services.kit.errors import Forbidden
from services.kit.organisation import Organisation

INSTALLATION = "headwater"
_SEES_TENANT = frozenset({"sales_ops", "finance", "admin", "customer_success", "service"})
_SEES_TARGETS = frozenset({"sales_ops", "finance", "admin", "service"})
_MOVES_PEOPLE = frozenset({"admin", "sales_ops"})
_PLANS = frozenset({"admin", "sales_ops"})


@dataclass(frozen=True, slots=True)
class Sight:
    """What one viewer sees on one day; `staffed` are the units whose members are seen."""

    everything: bool
    member_id: str | None = None
    named: frozenset[str] = frozenset()
    staffed: frozenset[str] = frozenset()

    def names(self, unit_id: str) -> bool:
        return self.everything or unit_id in self.named

    def shows_members_of(self, unit_id: str) -> bool:
        return self.everything or unit_id in self.staffed

    def shows_member(self, member_id: str, unit_id: str | None) -> bool:
        return self.everything or member_id == self.member_id or unit_id in self.staffed


def sight(
    role: str,
    member_id: str | None,
    own_units: Collection[str],
    organisation: Organisation,
    on: date,
) -> Sight:
    """`member_id` is who the token names, `own_units` where that member is on the day."""
    if role in _SEES_TENANT:
        return Sight(everything=True)
    if member_id is None:
        return Sight(everything=False)
    staffed: frozenset[str] = frozenset()
    if role == "manager":
        managed = organisation.managed_units(member_id, on)
        staffed = staffed.union(*(organisation.subtree(unit_id, on) for unit_id in managed))
    return Sight(False, member_id, staffed | frozenset(own_units), staffed)


@dataclass(frozen=True, slots=True)
class TargetSight:
    """Whose targets one viewer sees on one day; `staffed` are the units of their subtree."""

    everything: bool
    drafts: bool
    member_id: str | None = None
    units: frozenset[str] = frozenset()
    staffed: frozenset[str] = frozenset()

    def shows_unit(self, unit_id: str) -> bool:
        return self.everything or unit_id in self.units

    def shows_member(self, member_id: str, unit_id: str | None) -> bool:
        return self.everything or member_id == self.member_id or unit_id in self.staffed


def target_sight(
    role: str,
    member_id: str | None,
    own_units: Collection[str],
    organisation: Organisation,
    on: date,
) -> TargetSight:
    if role in _SEES_TARGETS:
        return TargetSight(everything=True, drafts=True)
    if member_id is None:
        return TargetSight(everything=False, drafts=False)
    managed = organisation.managed_units(member_id, on) if role == "manager" else frozenset()
    staffed: frozenset[str] = frozenset()
    staffed = staffed.union(*(organisation.subtree(unit_id, on) for unit_id in managed))
    above = {
        upper
        for unit_id in (*own_units, *managed)
        for upper in (unit_id, *organisation.ancestors(unit_id, on))
    }
    return TargetSight(False, role == "manager", member_id, staffed | above, staffed)


def plans(role: str, service: str | None) -> bool:
    """Whether the viewer makes plans."""
    return role in _PLANS or (role == "service" and service == INSTALLATION)


def refuse_planning(role: str, service: str | None) -> None:
    if not plans(role, service):
        raise Forbidden("only sales_ops and admin make, propose, approve and activate plans")


def refuse_splitting(role: str, service: str | None) -> None:
    if not plans(role, service) and role != "manager":
        raise Forbidden("only sales_ops, admin and managers split targets")


def refuse_configuring(role: str, service: str | None) -> None:
    if role != "service" or service != INSTALLATION:
        raise Forbidden("only the installation itself configures tenants")


def refuse_moving_people(role: str, service: str | None) -> None:
    if role in _MOVES_PEOPLE or (role == "service" and service == INSTALLATION):
        return
    raise Forbidden("only admin and sales_ops change the organisation")


def refuse_operating(role: str) -> None:
    if role not in {"admin", "service"}:
        raise Forbidden("only admin reads how the service is doing")


def refuse_following(role: str) -> None:
    if role != "service":
        raise Forbidden("only services follow what changed")
