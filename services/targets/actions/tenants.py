"""Configuring a tenant and reading what it chose."""

from dataclasses import dataclass
from datetime import date

from services.kit import ids, outbox
from services.kit.auth import Viewer
from services.kit.errors import Conflict, Forbidden, TenantNotConfigured
from services.targets.actions import facts
from services.targets.actions.office import Office
from services.targets.domain import policy
from services.targets.domain.configuration import SINCE_EVER, Configuration
from services.targets.store import tenants


class TenantIdTaken(Conflict):
    """The tenant has another id already, or the id is another tenant's."""

    code = "tenant_id_taken"


@dataclass(frozen=True, slots=True)
class Tenant:
    id: str
    short_name: str
    effective_on: date
    chosen: Configuration


async def configure_tenant(
    office: Office, viewer: Viewer, short_name: str, chosen: Configuration, asked_id: str | None
) -> tuple[Tenant, bool]:
    """The tenant after it, and whether it is new. The same choice again changes nothing."""
    policy.refuse_configuring(viewer.role, viewer.service)
    if viewer.tenant != short_name:
        raise Forbidden("the token is for another tenant")
    tenant_id, created = await _tenant(office, short_name, asked_id)
    async with office.database.write(tenant_id) as connection:
        await tenants.add_organisation_head(connection, tenant_id)
        await tenants.lock_organisation(connection, tenant_id)
        before = await tenants.configuration(connection, tenant_id)
        if before is not None and before[1] == chosen:
            return Tenant(tenant_id, short_name, before[0], chosen), created
        # Deals older than the tenant need a business day too, so its first choice always held.
        effective_on = office.day_in(chosen.zone) if before else SINCE_EVER
        if before is not None:
            effective_on = max(effective_on, before[0])  # a zone further west may still be behind
        await tenants.set_configuration(connection, tenant_id, effective_on, chosen)
        fact = facts.tenant_configured(tenant_id, chosen, effective_on, office.now())
        await outbox.put(connection, tenant_id, [fact])
    office.outbox.wake()
    return Tenant(tenant_id, short_name, effective_on, chosen), created


async def current_tenant(office: Office, viewer: Viewer) -> Tenant:
    tenant_id = await office.tenant_id(viewer)
    async with office.database.read(tenant_id) as connection:
        found = await tenants.configuration(connection, tenant_id)
    if found is None:
        raise TenantNotConfigured("this tenant has chosen nothing yet")
    return Tenant(tenant_id, viewer.tenant, *found)


async def facts_waiting(office: Office, viewer: Viewer) -> tuple[int, float]:
    """How many facts kpi has not yet accepted, and the oldest one's age in seconds."""
    policy.refuse_operating(viewer.role)
    return await office.outbox.pending(await office.tenant_id(viewer))


async def check_ready(office: Office) -> None:
    """Raises a Refusal while the service cannot do its work."""
    async with office.database.read(None) as connection:
        await tenants.refuse_unmigrated(connection)


async def _tenant(office: Office, short_name: str, asked_id: str | None) -> tuple[str, bool]:
    """Its row is made on its own: under it the transaction that follows sets the tenant."""
    async with office.database.write(None) as connection:
        created = await tenants.add_tenant(connection, asked_id or ids.new(), short_name)
        found = await tenants.tenant_id(connection, short_name)
    if found is None:
        raise TenantIdTaken("another tenant has this id", path="id")
    if asked_id is not None and found != asked_id:
        raise TenantIdTaken(f"the tenant {short_name!r} has another id: {found}", path="id")
    return found, created
