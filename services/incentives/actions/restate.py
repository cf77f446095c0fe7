"""Bringing members' statements to what their credits, plans and closings say now."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cache

from services.incentives.domain import plan, statement
from services.incentives.domain.plan import ActivePlan, Units
from services.incentives.domain.statement import PlanOn
from services.incentives.store import credits as credits_store
from services.incentives.store import plans as plans_store
from services.incentives.store import statements as statements_store
from services.kit import chart, directory
from services.kit.db import Connection
from services.kit.period import Calendar

_MEMBERS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Rules:
    """All active plans and who they are for, as of a transaction."""

    plans: tuple[ActivePlan, ...]
    units: Units
    calendar: Calendar

    def plan_on(self, member_id: str) -> PlanOn:
        """The member's plan on a day."""

        @cache
        def of(day: date) -> ActivePlan | None:
            return plan.plan_of(self.plans, member_id, day, self.units, self.calendar)

        return of


async def rules(connection: Connection, tenant_id: str, members: Collection[str]) -> Rules:
    """With the places of `members` at hand, where a plan asks for them."""
    plans = tuple(await plans_store.active(connection, tenant_id))
    chosen = await directory.settings(connection, tenant_id)
    calendar = (
        Calendar(chosen[-1]["fiscal_start_month"], chosen[-1]["week_rule"])
        if chosen
        else Calendar()
    )
    if not any(one.terms.units for one in plans):
        return Rules(plans, lambda _member, _day: (), calendar)
    # Read here and now: a chart held in memory may be behind this transaction.
    found = await chart.read(connection, tenant_id, 0)
    await found.meet(connection, members)
    return Rules(plans, found.above, calendar)


async def restate(connection: Connection, tenant_id: str, members: Collection[str]) -> None:
    """Recalculate these members' statements and write those that changed."""
    ordered = sorted(members)
    for start in range(0, len(ordered), _MEMBERS_AT_ONCE):
        await _restate(connection, tenant_id, ordered[start : start + _MEMBERS_AT_ONCE])


async def _restate(connection: Connection, tenant_id: str, members: list[str]) -> None:
    rule = await rules(connection, tenant_id, members)
    credited = await credits_store.of_members(connection, tenant_id, members)
    by_id = {one.id: one for one in rule.plans}
    closed = await statements_store.closed_of(connection, tenant_id, members, by_id)
    stored = await statements_store.hashes(connection, tenant_id, members)
    changed = []
    kept = set()
    for member in members:
        await asyncio.sleep(0)  # requests of this process come first
        for one in statement.statements(
            member, credited.get(member, ()), rule.plan_on(member), closed.get(member, ()),
            rule.calendar,
        ):  # fmt: skip
            key = (member, one.period.first)
            kept.add(key)
            if stored.get(key) != one.hash:
                changed.append(one)
    await statements_store.remove(connection, tenant_id, stored.keys() - kept)
    await statements_store.put(connection, tenant_id, changed)
