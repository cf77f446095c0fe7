"""Making a plan and bringing it through its states."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from services.kit import ids
from services.kit.auth import Viewer
from services.kit.errors import NotFound
from services.kit.organisation import Organisation
from services.kit.period import Period
from services.kit.quantity import parse
from services.targets.actions.look import Look, acting, placed
from services.targets.actions.office import Office
from services.targets.domain import plan as plans
from services.targets.domain import policy, spans
from services.targets.domain.cascade import Amounts, check_amounts
from services.targets.domain.plan import Metric, Owner, Plan, State, Target
from services.targets.domain.rollup import cell_id
from services.targets.domain.splitting import Request, Share, Tree
from services.targets.store import plans as store
from services.targets.store import targets


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan as asked for: its root target in decimals of the metric's unit."""

    name: str
    metric: str
    owner_id: str
    period: str
    target: str
    floor: str | None = None
    stretch: str | None = None
    predecessor_id: str | None = None
    consensus_threshold_bp: int = plans.CONSENSUS_BP


@dataclass(frozen=True, slots=True)
class SplitAsked:
    """A split rule with owners as they were named; each share is (owner, period, weight)."""

    request: Request
    shares: tuple[tuple[str | None, Share], ...]
    of_owner: str | None


async def create_plan(office: Office, viewer: Viewer, asked: Proposal) -> str:
    """A draft with its root target; the id of the plan."""
    policy.refuse_planning(viewer.role, viewer.service)
    async with acting(office, viewer) as look:
        metric = declared(look, asked.metric)
        owner = (await look.owners([asked.owner_id])).get(asked.owner_id)
        if owner is None:
            raise plans.OwnerUnknown(f"no unit or member {asked.owner_id!r}", path="owner_id")
        with placed("period"):
            period = spans.check_plannable(Period.parse(asked.period, look.calendar))
        version = 1
        if asked.predecessor_id is not None:
            version = 1 + (await locked(look, asked.predecessor_id, "predecessor_id")).version
        currency = look.chosen.currency if metric.unit == "money" else None
        amounts = _amounts(asked, metric, currency)
        plan_id = ids.new()
        root = Target(cell_id(plan_id, owner, period.code), None, None, owner, period, amounts)
        plan = Plan(
            plan_id, asked.name, version, "draft", metric.code, currency, period, look.calendar,
            root.id, asked.predecessor_id, asked.consensus_threshold_bp, None,
        )  # fmt: skip
        where = look.connection, look.tenant_id
        await store.add(*where, plan)
        await targets.add(*where, plan_id, [root])
        await step(office, viewer, look, plan_id, "draft")
    return plan_id


async def split_targets(
    office: Office, viewer: Viewer, plan_id: str, asked: list[SplitAsked]
) -> None:
    """Apply split rules in order, all or none; a manager may split what their units have."""
    policy.refuse_splitting(viewer.role, viewer.service)
    async with acting(office, viewer) as look:
        plan = await locked(look, plan_id)
        plans.refuse_unchangeable(plan.state)
        where = look.connection, look.tenant_id
        is_rate = declared(look, plan.metric).is_rate
        tree = Tree(plan, await targets.nodes(*where, plan), is_rate=is_rate)
        named = await _owners(look, asked)
        await look.meet(named.values())
        may = await _may_split(look, viewer, tree)
        requests = [_resolved(each, named) for each in asked]
        # Thousands of targets take a while: other requests are answered meanwhile.
        totals = await asyncio.to_thread(_apply, tree, requests, may, _is_below(look))
        await targets.mark_split(*where, list(tree.changed.values()))
        await targets.add(*where, plan.id, list(tree.new.values()))
        await targets.set_totals(*where, plan.id, totals)


def _apply(
    tree: Tree,
    requests: Sequence[Request],
    may: Callable[[Owner], bool],
    is_below: Callable[[Owner, Target], bool],
) -> list[Target]:
    """Split in order; the totals that then follow."""
    for number, request in enumerate(requests):
        with placed(f"splits.{number}"):
            chosen = tree.chosen(request, may)
            if not all(may(node.owner) for node in chosen):
                raise NotFound("no such target that you may split", path="target_id")
            tree.split(request, chosen, is_below)
    return tree.totals()


async def propose(office: Office, viewer: Viewer, plan_id: str) -> None:
    policy.refuse_planning(viewer.role, viewer.service)
    async with acting(office, viewer) as look:
        plan = await locked(look, plan_id)
        await step(office, viewer, look, plan_id, plans.after(plan.state, "proposed"))


async def approve(
    office: Office, viewer: Viewer, plan_id: str, override_reason: str | None
) -> None:
    """Below the plan's consensus threshold it takes a reason."""
    policy.refuse_planning(viewer.role, viewer.service)
    async with acting(office, viewer) as look:
        plan = await locked(look, plan_id)
        state = plans.after(plan.state, "approved")
        counted = await store.acknowledged(look.connection, look.tenant_id, [plan_id])
        acknowledged, owners = counted[plan_id]
        if override_reason is None and plans.needs_override(
            acknowledged=acknowledged, owners=owners, threshold_bp=plan.consensus_threshold_bp
        ):
            raise plans.ConsensusMissing(
                f"{acknowledged} of {owners} owners acknowledged: give a reason to approve the "
                "plan all the same", path="override_reason",
            )  # fmt: skip
        await step(office, viewer, look, plan_id, state, override_reason)


async def acknowledge(office: Office, viewer: Viewer, target_id: str) -> str:
    """The owner's yes to all their targets in the plan; the plan's id."""
    async with acting(office, viewer) as look:
        found = await targets.by_id(look.connection, look.tenant_id, [target_id])
        member_id = look.sight.member_id
        if not found or member_id is None or not _speaks_for(look, found[0].target.owner):
            raise NotFound("no such target that is yours to acknowledge", path="id")
        plan = await locked(look, found[0].plan_id)
        if plan.state != "proposed":
            raise plans.PlanStateWrong(
                f"only proposed plans are acknowledged: this one is {plan.state}"
            )
        await store.acknowledge(
            look.connection, look.tenant_id, plan.id, found[0].target.owner.id, member_id,
            office.now(),
        )  # fmt: skip
    return plan.id


async def locked(look: Look, plan_id: str, path: str = "id") -> Plan:
    """The plan for a change of it, or NotFound."""
    found = None
    if ids.is_id(plan_id):
        found = await store.locked(look.connection, look.tenant_id, plan_id)
    if found is None or (found.state == "draft" and not look.sight.drafts):
        raise NotFound("no such plan", path=path)
    return found


async def step(
    office: Office, viewer: Viewer, look: Look, plan_id: str, state: State,
    reason: str | None = None,
) -> None:  # fmt: skip
    await store.step(
        look.connection, look.tenant_id, plan_id, state, at=office.now(),
        by=look.sight.member_id or viewer.subject, reason=reason,
    )  # fmt: skip


def declared(look: Look, code: str) -> Metric:
    metric = look.metrics.get(code)
    if metric is None:
        raise plans.MetricNotDeclared(f"no metric {code!r} is declared", path="metric")
    return metric


def _amounts(asked: Proposal, metric: Metric, currency: str | None) -> Amounts:
    def number(text: str | None, path: str) -> int | None:
        return None if text is None else parse(text, metric.unit, currency, path=path)

    return check_amounts(
        Amounts(
            number(asked.floor, "floor"), parse(asked.target, metric.unit, currency, path="target"),
            number(asked.stretch, "stretch"),
        )
    )  # fmt: skip


async def _owners(look: Look, asked: list[SplitAsked]) -> dict[str, Owner]:
    """The owners that requests name, a hundred at a time; the first unknown one is refused."""
    places = {
        name: f"splits.{number}.parts.{place}.owner_id"
        for number, each in enumerate(asked)
        for place, (name, _) in enumerate(each.shares)
        if name is not None
    }
    places |= {
        each.of_owner: f"splits.{number}.owner_id"
        for number, each in enumerate(asked)
        if each.of_owner is not None
    }
    names, found = list(places), dict[str, Owner]()
    for start in range(0, len(names), 100):
        found |= await look.owners(names[start : start + 100])
    for name, path in places.items():
        if name not in found:
            raise plans.OwnerUnknown(f"no unit or member {name!r}", path=path)
    return found


def _resolved(asked: SplitAsked, named: dict[str, Owner]) -> Request:
    shares = tuple(
        share if name is None else replace(share, owner=named[name]) for name, share in asked.shares
    )
    of_owner_id = named[asked.of_owner].id if asked.of_owner is not None else None
    return replace(asked.request, shares=shares, of_owner_id=of_owner_id)


async def _may_split(look: Look, viewer: Viewer, tree: Tree) -> Callable[[Owner], bool]:
    if policy.plans(viewer.role, viewer.service):
        return lambda _owner: True
    sight = look.sight
    await look.meet(node.owner for node in tree.nodes.values())

    def may(owner: Owner) -> bool:
        if owner.kind == "unit":
            return owner.id in sight.staffed
        one = look.people.get(owner.id)
        return one is not None and one.unit_id in sight.staffed

    return may


def _is_below(look: Look) -> Callable[[Owner, Target], bool]:
    """Whether an owner is below a target's on a day of its period: today, or the nearest one.

    A member is where they work, and in the units that they manage.
    """
    organisation: Organisation = look.tree.organisation

    def is_below(owner: Owner, target: Target) -> bool:
        if target.owner.kind == "member" or owner == target.owner:
            return False
        on = min(max(look.on, target.period.first), target.period.last)
        if owner.kind == "unit":
            return target.owner.id in organisation.ancestors(owner.id, on)
        one = look.people[owner.id]
        own = {one.unit_id} if one.unit_id else set()
        own |= organisation.managed_units(owner.id, on)
        return any(target.owner.id in (unit, *organisation.ancestors(unit, on)) for unit in own)

    return is_below


def _speaks_for(look: Look, owner: Owner) -> bool:
    """A member for themselves, a unit's manager for the unit."""
    me = look.sight.member_id
    if owner.kind == "member":
        return owner.id == me
    place = look.tree.organisation.placement_of(owner.id, look.on)
    return place is not None and place.manager_id == me
