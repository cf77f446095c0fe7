"""Compensation plans: drafting, activating, reading."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from services.incentives.actions import facts
from services.incentives.actions.office import Office, Reading
from services.incentives.actions.restate import restate
from services.incentives.domain import plan as plans
from services.incentives.domain import policy
from services.incentives.domain.plan import ActivePlan, CompensationPlanInvalid, Terms
from services.incentives.store import credits as credits_store
from services.incentives.store import members as members_store
from services.incentives.store import plans as store
from services.incentives.store import statements as statements_store
from services.incentives.store.plans import PlanRecord
from services.kit import ids, outbox
from services.kit.auth import Viewer
from services.kit.errors import Invalid, NotFound


async def draft(
    office: Office, viewer: Viewer, document: Mapping[str, Any]
) -> tuple[PlanRecord, int]:
    """The document as the next version of its name, and the offset."""
    policy.need_drafting(viewer.role, viewer.service)
    Terms.read(document)
    async with office.deciding(viewer) as deciding:
        known = await _resolved(deciding, document["eligible"])
        plan_id = ids.new()
        await store.add_draft(
            deciding.connection, deciding.tenant_id, plan_id, {**document, "eligible": known},
            viewer.subject, office.now(),
        )  # fmt: skip
        return await _plan(deciding, plan_id), deciding.offset


async def activate(
    office: Office, viewer: Viewer, plan_id: str, effective_from: str
) -> tuple[PlanRecord, int]:
    """In force from the first day of the period `effective_from`; ends the version before it.

    CompensationPlanOverlap where a member would have two plans, CompensationPlanInvalid where pay in
    two currencies, Invalid where it would cut into what is closed. An active plan is answered
    unchanged.
    """
    policy.need_activating(viewer.role, viewer.service)
    async with office.deciding(viewer) as deciding:
        found = await _plan(deciding, plan_id)
        if found.state == "active":
            return found, deciding.offset
        connection, tenant_id = deciding.connection, deciding.tenant_id
        calendar = deciding.settings.calendar
        terms = Terms.read(found.document)
        first = plans.first_day(terms, effective_from, calendar)
        others = []
        for other in await store.active(connection, tenant_id):
            if other.terms.name != terms.name:
                others.append(other)
            elif other.ends_on is None or other.ends_on >= first:
                await _end(deciding, other, first)
        new = ActivePlan(found.id, found.version, terms, first, None)
        active = await store.active(connection, tenant_id)
        members = await members_store.all_members(connection, tenant_id)
        if any(one.terms.units for one in (new, *active)):
            await deciding.chart.meet(connection, members)
        above = deciding.chart.above
        plans.refuse_overlap(new, others, members, above, calendar)
        plans.refuse_other_currency(new, active, members, above, calendar)
        closed = await statements_store.closed_since(connection, tenant_id, first)
        plans.refuse_cutting(new, closed, above, calendar)
        await store.activate(connection, tenant_id, plan_id, first, viewer.subject, office.now())
        await restate(
            connection, tenant_id, await credits_store.members_with_pay(connection, tenant_id)
        )
        fact = facts.plan_activated(found, first, office.now())
        await outbox.put(connection, tenant_id, [fact])
        return await _plan(deciding, plan_id), deciding.offset


async def all_plans(
    office: Office, viewer: Viewer, plan_id: str | None, after: Sequence[Any] | None, size: int
) -> tuple[list[PlanRecord], int]:
    """One plan, or a page by name and version, one more than the page if there is."""
    async with office.reading(viewer) as reading:
        if not policy.reads_plans(viewer.role, viewer.service):
            return [], reading.offset
        if plan_id is not None:
            if not ids.is_id(plan_id):
                return [], reading.offset
            one = await store.plan(reading.connection, reading.tenant_id, plan_id)
            return [one] if one else [], reading.offset
        found = await store.page(reading.connection, reading.tenant_id, after, size + 1)
        return found, reading.offset


async def _plan(deciding: Reading, plan_id: str) -> PlanRecord:
    found = None
    if ids.is_id(plan_id):
        found = await store.plan(deciding.connection, deciding.tenant_id, plan_id)
    if found is None:
        raise NotFound("no such compensation plan", path="plan")
    return found


async def _end(deciding: Reading, other: ActivePlan, first: date) -> None:
    """End the version before on the day before `first`, which must be a period's start for it."""
    if other.period(first, deciding.settings.calendar).first != first:
        raise Invalid(
            f"the version before counts by the {other.terms.period}: start with one of these",
            path="effective_from",
        )
    await store.end(deciding.connection, deciding.tenant_id, other.id, first - timedelta(days=1))


async def _resolved(deciding: Reading, eligible: Mapping[str, Any]) -> dict[str, list[str]]:
    """Units and members as our ids, whatever they were named by."""
    chart = deciding.chart
    await chart.meet(deciding.connection, eligible["members"])
    units = await members_store.units_by_reference(
        deciding.connection, deciding.tenant_id, eligible["units"]
    )
    found: dict[str, list[str]] = {"units": [], "members": []}
    for sort, known in (("units", units), ("members", chart.references)):
        for number, name in enumerate(eligible[sort]):
            id_ = known.get(name)
            if id_ is None:
                raise CompensationPlanInvalid(
                    f"there is no {sort[:-1]} {name[:80]!r}", path=f"eligible.{sort}.{number}"
                )
            found[sort].append(id_)
    return found
