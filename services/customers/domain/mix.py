"""The mix of a scope's customers by tier: how many, and what they brought in twelve months.

A customer counts where its owner stands: once in the owner's figures, once in each unit above.

>>> rows = [Holding("ann", "growth", 2, 50_00), Holding("bob", "growth", 1, 1_00),
...         Holding("bob", None, 4, 0)]
>>> [(share.tier, share.customers, share.revenue_minor) for share in by_tier(rows, {"ann", "bob"})]
[('strategic', 0, 0), ('growth', 3, 5100), ('basic', 0, 0)]
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from services.customers.domain.tiers import TIERS, Tier


class Holding(NamedTuple):
    """What one owner has of one tier; tier None are those that never bought."""

    owner_id: str
    tier: Tier | None
    customers: int
    revenue_minor: int


class TierShare(NamedTuple):
    tier: Tier
    customers: int
    revenue_minor: int


def by_tier(holdings: Iterable[Holding], owners: Collection[str]) -> list[TierShare]:
    """All three tiers, the highest first."""
    rows = [one for one in holdings if one.owner_id in owners]
    return [
        TierShare(
            tier,
            sum(one.customers for one in rows if one.tier == tier),
            sum(one.revenue_minor for one in rows if one.tier == tier),
        )
        for tier in TIERS
    ]
