"""Taking a statement of the organisation."""

from services.kit import ids, limits, outbox
from services.kit.auth import Viewer
from services.kit.db import Connection
from services.kit.errors import TenantNotConfigured
from services.kit.organisation import TooManyMembers
from services.kit.outbox import Fact
from services.targets.actions import facts
from services.targets.actions.office import Office
from services.targets.domain import policy
from services.targets.domain.imports import Difference, difference
from services.targets.domain.records import MemberRecord, UnitRecord
from services.targets.domain.statement import Statement
from services.targets.store import members, tenants, units


async def import_organisation(office: Office, viewer: Viewer, statement: Statement) -> Difference:
    """All of it or nothing; what is as stated already is neither written nor told."""
    policy.refuse_moving_people(viewer.role, viewer.service)
    tenant_id = await office.tenant_id(viewer)
    async with office.database.write(tenant_id) as connection:
        if not await tenants.lock_organisation(connection, tenant_id):
            raise TenantNotConfigured("configure the tenant first: PUT /targets/v1/tenants/…")
        tree = await office.trees.get(connection, tenant_id)
        known_units = {unit.external_id: unit for unit in tree.units.values()}
        known_members = {
            one.external_id: one
            for one in await members.records(
                connection, tenant_id, external_ids=list(statement.member_names())
            )
        }
        change = difference(statement, known_units, known_members, ids.new)
        if change.units or change.members:
            await _save(connection, tenant_id, change)
            told = _facts(office, change, known_units, known_members)
            await outbox.put(connection, tenant_id, told)
    office.outbox.wake()
    return change


async def _save(connection: Connection, tenant_id: str, change: Difference) -> None:
    await units.save_units(connection, tenant_id, change.units)
    await members.save_members(connection, tenant_id, change.members)
    if change.members and (count := await members.count(connection, tenant_id)) > limits.MEMBERS:
        raise TooManyMembers(f"{count} members are more than {limits.MEMBERS}", path="members")
    await units.save_placements(connection, tenant_id, change.units)
    await members.save_memberships(connection, tenant_id, change.members)
    await tenants.bump(
        connection, tenant_id, units=bool(change.units), members=bool(change.members)
    )


def _facts(
    office: Office,
    change: Difference,
    units_before: dict[str, UnitRecord],
    members_before: dict[str, MemberRecord],
) -> list[Fact]:
    """Names travel in no fact, so a change of name alone is told to nobody."""
    at = office.now()
    told = [
        facts.unit_placed(unit, at)
        for unit in change.units
        if (before := units_before.get(unit.external_id)) is None
        or before.placements != unit.placements
    ]
    for member in change.members:
        known = members_before.get(member.external_id)
        dates = (known.joined_on, known.left_on) if known else None
        if dates != (member.joined_on, member.left_on):
            told.append(facts.member_joined(member, at))
        if member.memberships != (known.memberships if known else ()):
            told.append(facts.member_moved(member, at))
    return told
