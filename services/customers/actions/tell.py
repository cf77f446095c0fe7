"""The facts that customers puts into the log: tiers and classes, and what its commands decided."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from services.customers.domain.classes import ClassFix
from services.customers.domain.customer import Customer, World
from services.customers.domain.records import Book
from services.customers.domain.telling import corrections
from services.customers.domain.tiers import TierChange, stated_on
from services.kit.outbox import Fact

TIER_CHANGED = "tier.changed.v1"
CLASS_FIXED = "class.fixed.v1"
TIER_POLICY_SET = "tier_policy.set.v1"
TASK_COMPLETED = "task.completed.v1"
TIER, CLASS = "tier", "class"
Stated = tuple[str, str, date, str | None]
"""Customer, kind, day and what was said of it."""


def tiers(
    customer_id: str, account: str, customer: Customer | None,
    told: Mapping[date, str | None], world: World,
) -> list[tuple[Stated, Fact]]:  # fmt: skip
    """Statements that bring what was told of the tier in line; None: the customer is gone."""
    changes = {one.effective_on: one for one in customer.dated.tiers} if customer else {}
    book = customer.book if customer else Book()
    found = []
    for day, tier in corrections(told, [(one, changes[one].tier) for one in sorted(changes)]):
        change = changes.get(day) or stated_on(book, world.policies, day)
        fact = Fact(
            TIER_CHANGED, f"customer:{account}", world.wall.midnight(day),
            _tier(customer_id, account, change, world.currency),
        )  # fmt: skip
        found.append(((customer_id, TIER, day, tier), fact))
    return found


def _tier(
    customer_id: str, account: str, change: TierChange, currency: str | None
) -> dict[str, Any]:
    return {
        "customer_id": customer_id, "account": account, "tier": change.tier,
        "from_tier": change.from_tier, "basis": change.basis,
        "value": {"minor": change.value_minor, "currency": currency},
        "policy_version": change.policy_version, "effective_on": change.effective_on.isoformat(),
    }  # fmt: skip


def classes(
    customer_id: str, account: str, customer: Customer | None,
    told: Mapping[date, str | None], world: World,
) -> list[tuple[Stated, Fact]]:  # fmt: skip
    """The same for planning classes; there is no word for none, so who is gone keeps the last."""
    fixes = customer.dated.classes if customer else ()
    steps = [(fix.effective_on, fix.planning_class) for fix in fixes]
    by_day = {fix.effective_on: fix for fix in fixes}
    found = []
    for day, planning_class in corrections(told, steps):
        fix = by_day.get(day)
        if fix is not None:
            fact = Fact(
                CLASS_FIXED, f"customer:{account}", world.wall.midnight(day),
                _class(customer_id, account, fix),
            )  # fmt: skip
            found.append(((customer_id, CLASS, day, planning_class), fact))
    return found


def _class(customer_id: str, account: str, fix: ClassFix) -> dict[str, Any]:
    return {
        "customer_id": customer_id, "account": account, "class": fix.planning_class,
        "period": fix.period, "effective_on": fix.effective_on.isoformat(),
    }  # fmt: skip
