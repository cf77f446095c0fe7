"""Who may see and do what in customers (contract.md, "Who may see and do what").

A rep and a customer success manager see the customers of whose team they are (they own them, or are
named by the customer's description) and the tasks on their own list; a manager also those of their
subtree; sales operations, finance and admin the tenant. What a viewer may not see is absent, not
refused, so that nothing tells whether it is there.

A task is completed by whom it is assigned to, by a manager above them, or by sales operations and
admin; the policy is changed by these two.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from services.kit.errors import Forbidden

INSTALLATION = "headwater"
"""The service name of the installation's own commands (import, demo)."""
_SEES_TENANT = frozenset({"sales_ops", "finance", "admin", "service"})
_DECIDES = frozenset({"sales_ops", "admin"})


@dataclass(frozen=True, slots=True)
class Reach:
    """The members whose customers and tasks a viewer sees; everybody's where `everything`."""

    everything: bool
    members: frozenset[str] = frozenset()

    def shows(self, team: Collection[str]) -> bool:
        """Whether something that these members have to do with is seen."""
        return self.everything or not self.members.isdisjoint(team)

    def scopes(self, asked: Sequence[str], managed: Collection[str]) -> list[str]:
        """Of the asked members and units those that are seen; `managed` are asked units that lie
        in the viewer's subtree.
        """
        return [
            scope for scope in asked if self.everything or scope in self.members or scope in managed
        ]


def sees_subtree(role: str) -> bool:
    return role == "manager"


def reach(role: str, me: str | None, staff: Collection[str]) -> Reach:
    """`staff` are the members below a manager."""
    if role in _SEES_TENANT:
        return Reach(everything=True)
    if me is None:
        return Reach(everything=False)
    below = frozenset(staff) if sees_subtree(role) else frozenset()
    return Reach(False, below | {me})


def refuse_deciding(role: str, service: str | None) -> None:
    if role not in _DECIDES and not (role == "service" and service == INSTALLATION):
        raise Forbidden("only admin and sales_ops change the policy")


def may_complete(role: str, service: str | None, seen: Reach, assignees: Collection[str]) -> bool:
    if role in _DECIDES or (role == "service" and service == INSTALLATION):
        return True
    return not seen.everything and not seen.members.isdisjoint(assignees)


def refuse_operating(role: str) -> None:
    if role not in {"admin", "service"}:
        raise Forbidden("only admin reads how the service is doing")


def need_service(role: str) -> None:
    if role != "service":
        raise Forbidden("this is for the installation's own services")
