"""Who may see what of kpi (contract.md, "Who may see and do what").

A rep reads the own funnel and that of the own units, a manager the units they manage with all
below, the other roles the tenant.
"""

from collections.abc import Collection, Mapping, Sequence

from services.kit.errors import Forbidden
from services.kpi.domain import events

WHOLE_TENANT = frozenset({"sales_ops", "finance", "admin", "customer_success", "service"})
CONFIGURE = frozenset({"sales_ops", "admin"})
INSTALLATION = "headwater"
"""The service name of the installation's own commands (import, demo)."""


def visible_scopes(
    role: str,
    member_id: str | None,
    asked: Sequence[str],
    units_of_members: Mapping[str, Collection[str]],
    managed: Collection[str],
    known: Collection[str],
) -> list[str]:
    """The scopes among `asked` that the viewer may read, in their order.

    `units_of_members`: for the viewer and each asked member, the units they stand in with all
    units above; `managed`: units that the viewer manages; `known`: scopes that exist.
    """
    if role in WHOLE_TENANT:
        return [scope for scope in asked if scope in known]
    if member_id is None:
        return []
    own_units = set(units_of_members.get(member_id, ()))
    mine = set(managed) if role == "manager" else set()

    def may(scope: str) -> bool:
        if scope == member_id or scope in own_units:
            return True
        above = units_of_members.get(scope, ())
        return bool(mine) and (scope in mine or bool(mine & set(above)))

    return [scope for scope in asked if scope in known and may(scope)]


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
