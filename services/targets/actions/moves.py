"""Moving one member to another unit from a day on."""

from dataclasses import replace
from datetime import date

from services.kit import outbox
from services.kit.auth import Viewer
from services.kit.organisation import Membership, UnitUnknown
from services.kit.organisation.dated import WHOLE_BP
from services.targets.actions import facts
from services.targets.actions.office import Office, storable
from services.targets.domain import policy
from services.targets.domain.identity import matched
from services.targets.domain.moves import restated, within
from services.targets.domain.records import MemberNotFound, MemberRecord, MembershipOutside
from services.targets.store import members, tenants


async def move_member(
    office: Office, viewer: Viewer, member: str, unit: str, on: date, share_bp: int = WHOLE_BP
) -> MemberRecord:
    """The member after the move; being there already changes nothing."""
    policy.refuse_moving_people(viewer.role, viewer.service)
    tenant_id = await office.tenant_id(viewer)
    async with office.database.write(tenant_id) as connection:
        await tenants.lock_organisation(connection, tenant_id)
        tree = await office.trees.get(connection, tenant_id)
        names = storable([member])
        who = matched(names, await members.called(connection, tenant_id, names, on)).get(member)
        if who is None:
            raise MemberNotFound(f"no member {member!r}", path="id")
        to = matched([unit], tree.called([unit]).values()).get(unit)
        if to is None:
            raise UnitUnknown(f"no unit {unit!r}", path="unit_id")
        (before,) = await members.records(connection, tenant_id, member_ids=[who.id])
        if on < before.joined_on or (before.left_on is not None and on >= before.left_on):
            until = f" until {before.left_on}" if before.left_on else ""
            raise MembershipOutside(
                f"the member is there from {before.joined_on}{until}, not on {on}", path="on"
            )
        if tree.organisation.placement_of(to.id, on) is None:
            raise MembershipOutside(f"the unit is not part of the organisation on {on}", path="on")
        span = Membership(before.id, to.id, on, share_bp=share_bp)
        history = restated(before.memberships, span, on)
        after = replace(before, memberships=within(history, before.joined_on, before.left_on))
        if after == before:
            return before
        await members.save_memberships(connection, tenant_id, [after])
        await tenants.bump(connection, tenant_id, units=False, members=True)
        await outbox.put(connection, tenant_id, [facts.member_moved(after, office.now())])
    office.outbox.wake()
    return after
