"""Who may see what of kpi (contract.md, "Who may see and do what").

A rep and customer success read the own figures and those of the own units, a manager the units
they manage with all below, the other roles the tenant.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from services.kit.errors import Forbidden
from services.kpi.domain import events

WHOLE_TENANT = frozenset({"sales_ops", "finance", "admin", "service"})
CONFIGURE = frozenset({"sales_ops", "admin"})
INSTALLATION = "headwater"
"""The service name of the installation's own commands (import, demo)."""


class Sight(Protocol):
    """The viewer's place in the organisation (services.kit.chart)."""

    @property
    def me(self) -> str | None: ...
    @property
    def own_units(self) -> Collection[str]: ...
    def knows(self, scope: str) -> bool: ...
    def manages(self, scope: str) -> bool: ...


def visible_scopes(role: str, sight: Sight, asked: Sequence[str]) -> list[str]:
    """The scopes among `asked`, members and units, that the viewer may read, in their order.

    Everybody sees the totals of the own team, and nobody those of the units above it.
    """
    known = [scope for scope in asked if sight.knows(scope)]
    if role in WHOLE_TENANT:
        return known
    if sight.me is None:
        return []
    return [
        scope
        for scope in known
        if scope == sight.me
        or scope in sight.own_units
        or (role == "manager" and sight.manages(scope))
    ]


def alert_scopes(role: str, sight: Sight, asked: Sequence[str]) -> list[str]:
    """The scopes among `asked` whose alerts the viewer may read: one's own, a manager's subtree."""
    known = [scope for scope in asked if sight.knows(scope)]
    if role in WHOLE_TENANT:
        return known
    return [
        scope
        for scope in known
        if sight.me is not None
        and (scope == sight.me or (role == "manager" and sight.manages(scope)))
    ]


def need_acknowledging(role: str, sight: Sight, scope: str) -> None:
    """An alert is its supervisor's to acknowledge: a manager above, or an admin."""
    if role != "admin" and not (role == "manager" and sight.manages(scope)):
        raise Forbidden("this needs the role manager above the alert's owner, or admin")


def need_configuration(role: str, service: str | None) -> None:
    """Connections, mappings, quarantine and replays are for sales operations and admins."""
    if role not in CONFIGURE and not (role == "service" and service == INSTALLATION):
        raise Forbidden("this needs the role sales_ops or admin")


def need_events(role: str, service: str | None) -> None:
    """Posting events speaks for the tenant's data."""
    need_configuration(role, service)


def need_fact(service: str | None, type_: str) -> None:
    if service is None or not events.may_append(service, type_):
        raise Forbidden(f"{service or 'this token'} may not append {type_}")


def need_service(role: str) -> None:
    if role != "service":
        raise Forbidden("this is for the installation's own services")
