"""Who may see and do what of pay (contract.md, "Who may see and do what").

Pay is private: everybody sees their own, finance all of it, a manager the totals of their subtree
without lines, and nobody else anything. What a viewer may not see is absent and looks like what is
not there. Finance and sales operations draft plans; finance activates them, approves and closes,
but never their own statement. The installation sets up plans and sees no pay.
"""

from enum import IntEnum
from typing import Protocol

from services.kit.errors import Forbidden

INSTALLATION = "headwater"
"""The service name of the installation's own commands (demo, apply)."""
OWN_PAY = frozenset({"rep", "manager", "customer_success", "finance"})


class Sight(Protocol):
    """The viewer's place in the organisation (services.kit.chart)."""

    @property
    def me(self) -> str | None: ...

    def manages(self, scope: str) -> bool:
        """Whether a member is in the viewer's subtree."""
        ...


class View(IntEnum):
    """How much of a member's pay a viewer sees."""

    NOTHING = 0
    TOTALS = 1
    LINES = 2


def view(role: str, sight: Sight, member_id: str) -> View:
    """`member_id` was met by the viewer's look (services.kit.chart)."""
    if role == "finance" or (role in OWN_PAY and sight.me == member_id):
        return View.LINES
    if role == "manager" and sight.manages(member_id):
        return View.TOTALS
    return View.NOTHING


def sees_everybody(role: str) -> bool:
    return role == "finance"


def reads_plans(role: str, service: str | None) -> bool:
    return role in {"finance", "sales_ops", "admin"} or _installation(role, service)


def need_drafting(role: str, service: str | None) -> None:
    if role not in {"finance", "sales_ops"} and not _installation(role, service):
        raise Forbidden("this needs the role finance or sales_ops")


def need_activating(role: str, service: str | None) -> None:
    if role != "finance" and not _installation(role, service):
        raise Forbidden("this needs the role finance")


def need_settling(role: str) -> None:
    """Approving and closing statements."""
    if role != "finance":
        raise Forbidden("this needs the role finance")


def need_service(role: str) -> None:
    if role != "service":
        raise Forbidden("this is for the installation's own services")


def need_operating(role: str) -> None:
    if role not in {"admin", "service"}:
        raise Forbidden("only admin reads how the service is doing")


def _installation(role: str, service: str | None) -> bool:
    return role == "service" and service == INSTALLATION
