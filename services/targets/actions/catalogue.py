"""Reading plans and metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.kit import ids
from services.kit.auth import Viewer
from services.kit.errors import NotFound
from services.targets.actions.look import Look, looking
from services.targets.actions.office import Office, storable
from services.targets.actions.targets import TargetView, views
from services.targets.domain import checks
from services.targets.domain.checks import Finding
from services.targets.domain.plan import Metric, Plan, consensus
from services.targets.store import plans as store
from services.targets.store import targets

_IDS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan with its root; `consensus_bp` is the share of owners that acknowledged."""

    plan: Plan
    consensus_bp: int
    root: TargetView
    findings: list[Finding]


async def plans_by_id(
    office: Office, viewer: Viewer, asked: Sequence[str], min_offset: int | None
) -> tuple[int, list[PlanView]]:
    """Those that the viewer may see, in the order asked."""
    wanted = [plan_id for plan_id in storable(asked) if ids.is_id(plan_id)]
    async with looking(office, viewer, min_offset) as look:
        found = {p.id: p for p in await store.by_id(look.connection, look.tenant_id, wanted)}
        return look.offset, await _views(look, [found[id_] for id_ in wanted if id_ in found])


async def all_plans(
    office: Office, viewer: Viewer, before: str | None, size: int
) -> tuple[int, list[PlanView], str | None]:
    """A page of plans, the newest first, and the id after which the next one begins."""
    async with looking(office, viewer) as look:
        found = await store.page(
            look.connection, look.tenant_id, drafts=look.sight.drafts, before=before, size=size + 1
        )
        shown = await _views(look, found[:size])
        return look.offset, shown, found[size - 1].id if len(found) > size else None


async def plan_of(office: Office, viewer: Viewer, plan_id: str) -> PlanView:
    _, found = await plans_by_id(office, viewer, [plan_id], None)
    if not found:
        raise NotFound("no such plan", path="id")
    return found[0]


async def all_metrics(office: Office, viewer: Viewer) -> tuple[int, list[Metric]]:
    async with looking(office, viewer) as look:
        return look.offset, list(look.metrics.values())


async def _views(look: Look, found: Sequence[Plan]) -> list[PlanView]:
    """A plan is seen by whoever sees its root's owner, its findings by their targets."""
    where = look.connection, look.tenant_id
    roots = await targets.by_id(*where, [plan.root_id for plan in found])
    by_plan = {view.stored.plan_id: view for view in await views(look, roots)}
    there = [plan for plan in found if plan.id in by_plan]
    counted = await store.acknowledged(*where, [plan.id for plan in there])
    noted = await targets.noted(*where, [plan.id for plan in there])
    await look.meet(node.owner for several in noted.values() for node in several)
    shown = []
    for plan in there:
        acknowledged, owners = counted[plan.id]
        visible = [node for node in noted[plan.id] if look.sees(node.owner)]
        told = checks.findings(plan, visible, acknowledged=acknowledged, owners=owners)
        rate = consensus(acknowledged=acknowledged, owners=owners)
        cut = [one._replace(target_ids=one.target_ids[:_IDS_SHOWN]) for one in told]
        shown.append(PlanView(plan, rate, by_plan[plan.id], cut))
    return shown
