"""Activating a plan: it counts from now on, the one before it no longer, and kpi is told."""

import asyncio
from itertools import groupby

from services.kit import outbox
from services.kit.auth import Viewer
from services.kit.db import Connection
from services.kit.outbox import Fact
from services.targets.actions import facts
from services.targets.actions.look import Look, acting
from services.targets.actions.office import Office
from services.targets.actions.plans import declared, locked, step
from services.targets.domain import plan as plans
from services.targets.domain import policy
from services.targets.domain.plan import Metric, Plan
from services.targets.store import plans as store
from services.targets.store import targets, tenants

OFFSET_WAIT_SECONDS = 1.0
"""How long an activation waits to hear its facts back from the log."""


async def activate(office: Office, viewer: Viewer, plan_id: str) -> int | None:
    """Where the log has the plan's targets, or None if it has not yet. Again changes nothing."""
    policy.refuse_planning(viewer.role, viewer.service)
    async with acting(office, viewer) as look:
        # Two plans that overlap must not become active at once.
        await tenants.lock_organisation(look.connection, look.tenant_id)
        plan = await locked(look, plan_id)
        if plan.state != "active":
            await _activate(office, viewer, look, plan)
        tenant_id = look.tenant_id
    office.outbox.wake()
    return await _offset(office, tenant_id, plan_id)


async def _activate(office: Office, viewer: Viewer, look: Look, plan: Plan) -> None:
    state = plans.after(plan.state, "active")
    metric, told = declared(look, plan.metric), list[Fact]()
    for other_id, name in await store.overlapping(look.connection, look.tenant_id, plan):
        if other_id != plan.predecessor_id:
            raise plans.PlanOverlap(
                f"the active plan {name!r} has targets of the same owners in this time: name it as "
                "predecessor, and it is superseded", path="predecessor_id",
            )  # fmt: skip
    if plan.predecessor_id is not None:
        before = await locked(look, plan.predecessor_id)
        if before.state == "active":
            await step(office, viewer, look, before.id, plans.after("active", "superseded"))
            told += await _taken_back(office, look, before)
    given = await _given(office, look, plan, metric)
    await step(office, viewer, look, plan.id, state)
    await store.told(look.connection, look.tenant_id, plan.id, len(given))
    await outbox.put(look.connection, look.tenant_id, [*told, *given])


async def _given(office: Office, look: Look, plan: Plan, metric: Metric) -> list[Fact]:
    """One fact per owner with all their cells."""
    cells = await targets.cells(look.connection, look.tenant_id, plan)
    return [
        facts.target_set(plan, metric, owner, list(group), office.now())
        for owner, group in groupby(cells, key=lambda cell: cell.owner)
    ]


async def _taken_back(office: Office, look: Look, plan: Plan) -> list[Fact]:
    """Of the plan's own metric, which need not be that of the plan that follows it."""
    metric = declared(look, plan.metric)
    owners = await targets.owners(look.connection, look.tenant_id, plan.id)
    return [facts.target_set(plan, metric, owner, [], office.now()) for owner in owners]


async def _offset(office: Office, tenant_id: str, plan_id: str) -> int | None:
    """The plan's offset, once the log was heard to have it; looked for in short steps."""
    deadline = asyncio.get_running_loop().time() + OFFSET_WAIT_SECONDS
    while True:
        async with office.database.read(tenant_id) as connection:
            offset = await _known(connection, tenant_id, plan_id)
        if offset is not None or asyncio.get_running_loop().time() >= deadline:
            return offset
        await office.heard.wait(tenant_id, 0.1)


async def _known(connection: Connection, tenant_id: str, plan_id: str) -> int | None:
    (plan,) = await store.by_id(connection, tenant_id, [plan_id])
    return plan.log_offset
