"""What is read of customers, their histories and the mix."""

from datetime import date
from typing import Any

from pydantic import Field

from services.customers.actions.read import History, Mix
from services.customers.domain.classes import PlanningClass
from services.customers.domain.mix import TierShare
from services.customers.domain.tiers import Basis, Tier
from services.customers.schemas.wire import NEXT, OFFSET, Amount, Wire


class CustomerRead(Wire):
    id: str = Field(description="our id", examples=["0190a000-0000-5000-8000-000000000001"])
    account: str = Field(description="the customer's key in the CRM", examples=["acme"])
    name: str = Field(description="the business's name; the account where none is known")
    industry: str | None = Field(description="as the CRM names it")
    region: str | None = Field(description="as the CRM names it")
    owner_id: str | None = Field(
        description="the member with the largest share of the customer, else of its latest deal"
    )
    team: list[str] = Field(description="all members named there, the owner among them")
    tier: Tier | None = Field(description="on the business day; null: no contract and no win yet")
    basis: Basis | None = Field(description="what the tier is measured by")
    value: Amount = Field(description="by the basis, on the business day")
    revenue: Amount = Field(description="won less refunded, within twelve months")
    collected: Amount = Field(description="collected within twelve months")
    customer_since: date | None = Field(description="the first contract or win; null: none yet")
    planning_class: PlanningClass | None = Field(
        description="fixed for the planning period; null before the tenant's first day"
    )
    class_period: str | None = Field(description="the planning period", examples=["2026-Q1"])

    @classmethod
    def of(cls, row: Any, currency: str) -> "CustomerRead":
        def money(minor: int) -> Amount:
            return Amount.of(minor, currency)

        return cls(
            id=row["id"], account=row["account"], name=row["name"], industry=row["industry"],
            region=row["region"], owner_id=row["owner_id"], team=row["team"], tier=row["tier"],
            basis=row["basis"], value=money(row["value_minor"]),
            revenue=money(row["revenue_minor"]), collected=money(row["collected_minor"]),
            customer_since=row["customer_since"], planning_class=row["planning_class"],
            class_period=row["class_period"],
        )  # fmt: skip


class Customers(Wire):
    offset: int = Field(description=OFFSET)
    items: list[CustomerRead] = Field(description="by id: in the order asked; as a list: by name")
    next_cursor: str | None = Field(description=NEXT)


class CauseRead(Wire):
    kind: str = Field(
        description="contract_began, contract_ended, won_began, won_ended (reversed, or twelve "
        "months ago), refunded_began, refunded_ended, policy",
        examples=["contract_ended"],
    )
    subject: str | None = Field(
        description="the record; null for the policy", examples=["contract:erp:C-17"]
    )


class TierChangeRead(Wire):
    effective_on: date = Field(description="the day from which the tier holds")
    tier: Tier | None = Field(description="null: no customer any more")
    from_tier: Tier | None = Field(description="the tier of the day before; null: none")
    basis: Basis = Field(description="what the policy of the day measures")
    value: Amount = Field(description="by the basis, on that day")
    policy_version: int = Field(description="the policy's version; 0 is the default")
    causes: list[CauseRead] = Field(description="what happened on that day")


class ClassFixRead(Wire):
    period: str = Field(description="the planning period", examples=["2026-Q1"])
    effective_on: date = Field(description="its first day")
    planning_class: PlanningClass = Field(description="what was fixed for it")


class HistoryRead(Wire):
    offset: int = Field(description=OFFSET)
    customer: CustomerRead = Field(description="as it is on the business day")
    tiers: list[TierChangeRead] = Field(description="every change of tier, the first one first")
    classes: list[ClassFixRead] = Field(description="every fixed class, the first one first")

    @classmethod
    def of(cls, found: History) -> "HistoryRead":
        return cls(
            offset=found.offset,
            customer=CustomerRead.of(found.customer, found.currency),
            tiers=[_change(change, found.currency) for change in found.tiers],
            classes=[ClassFixRead(**fix) for fix in found.classes],
        )


def _change(change: dict[str, Any], currency: str) -> TierChangeRead:
    return TierChangeRead(
        effective_on=change["effective_on"], tier=change["tier"], from_tier=change["from_tier"],
        basis=change["basis"], value=Amount.of(change["value_minor"], currency),
        policy_version=change["policy_version"],
        causes=[CauseRead(kind=kind, subject=subject) for kind, subject in change["causes"]],
    )  # fmt: skip


class TierShareRead(Wire):
    tier: Tier = Field(description="strategic, growth or basic")
    count: int = Field(description="customers in the tier")
    revenue: Amount = Field(description="won less refunded by them, within twelve months")

    @classmethod
    def of(cls, share: TierShare, currency: str) -> "TierShareRead":
        return cls(
            tier=share.tier, count=share.customers,
            revenue=Amount.of(share.revenue_minor, currency),
        )  # fmt: skip


class RfmShareRead(Wire):
    segment: str = Field(description="the segment's name")
    count: int = Field(description="customers in the segment")


class MixRead(Wire):
    scope: str = Field(description="the member or unit")
    by_tier: list[TierShareRead] = Field(description="all three tiers, the highest first")
    by_rfm: list[RfmShareRead] = Field(description="empty: no RFM window is configured")


class Mixes(Wire):
    offset: int = Field(description=OFFSET)
    items: list[MixRead] = Field(description="of the scopes that the viewer may see, as asked")

    @classmethod
    def of(cls, found: Mix) -> "Mixes":
        return cls(
            offset=found.offset,
            items=[
                MixRead(
                    scope=scope,
                    by_tier=[TierShareRead.of(share, found.currency) for share in shares],
                    by_rfm=[],
                )
                for scope, shares in found.shares.items()
            ],
        )
