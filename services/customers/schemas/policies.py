"""The tier policy on the wire."""

from datetime import date
from typing import Annotated

from pydantic import Field

from services.customers.actions.policies import Asked, PoliciesView, PolicySet, PolicyView
from services.customers.domain.tiers import PRESETS, Basis, Planning, preset
from services.customers.schemas.wire import OFFSET, Account, Amount, Day, Wire
from services.kit.limits import ARRAY_ITEMS

Decimal = Annotated[str, Field(pattern=r"^[0-9]{1,15}(\.[0-9]{1,4})?$")]


class TierPolicyWrite(Wire):
    basis: Basis = Field(
        "annual_fee",
        description="annual_fee: fees a year of contracts in force; trailing_revenue: won less "
        "refunded within twelve months",
    )
    strategic_above: Decimal = Field(
        description="a value above this is strategic; exactly this is growth",
        examples=[str(PRESETS["standard"][0])],
    )
    basic_below: Decimal = Field(
        description="a value below this is basic; exactly this is growth",
        examples=[str(PRESETS["standard"][1])],
    )
    currency: str | None = Field(
        None, max_length=3, description="the tenant's; another one is refused", examples=["CNY"]
    )
    planning_period: Planning = Field(
        "quarter", description="at whose start planning classes are fixed"
    )
    key_accounts: list[Account] = Field(
        [], max_length=ARRAY_ITEMS,
        description="accounts that are of class key whatever their tier, 1,000 at most",
    )  # fmt: skip
    effective_on: Day | None = Field(
        None,
        description="the first day; without it the business day. A day in the past restates the "
        "history from it on, and the log is told",
        examples=["2026-01-01"],
    )

    def asked(self) -> Asked:
        return Asked(
            self.basis, self.strategic_above, self.basic_below, self.currency,
            self.planning_period, self.key_accounts, self.effective_on,
        )  # fmt: skip


class TierPolicyRead(Wire):
    version: int = Field(description="0 is the default policy")
    effective_on: date | None = Field(description="the first day; null: since ever")
    basis: Basis = Field(description="what the tier is measured by")
    strategic_above: Amount = Field(description="a value above this is strategic")
    basic_below: Amount = Field(description="a value below this is basic")
    planning_period: Planning = Field(description="at whose start planning classes are fixed")
    key_accounts: list[str] = Field(
        description="accounts that are of class key whatever their tier"
    )
    in_log: bool = Field(description="whether the log has it; tiers follow it from there on")

    @classmethod
    def of(cls, view: PolicyView) -> "TierPolicyRead":
        one = view.policy
        return cls(
            version=one.version,
            effective_on=None if one.effective_on == date.min else one.effective_on,
            basis=one.basis,
            strategic_above=Amount.of(one.strategic_above_minor, view.currency),
            basic_below=Amount.of(one.basic_below_minor, view.currency),
            planning_period=one.planning_period, key_accounts=sorted(one.key_accounts),
            in_log=view.told,
        )  # fmt: skip


class PresetRead(Wire):
    name: str = Field(description="standard is the default policy's", examples=["standard"])
    strategic_above: Amount = Field(description="a value above this is strategic")
    basic_below: Amount = Field(description="a value below this is basic")

    @classmethod
    def of(cls, name: str, currency: str) -> "PresetRead":
        above, below = preset(name, currency)
        return cls(
            name=name, strategic_above=Amount.of(above, currency),
            basic_below=Amount.of(below, currency),
        )  # fmt: skip


class TierPolicies(Wire):
    offset: int = Field(description=OFFSET)
    current: TierPolicyRead = Field(description="the version in force on the business day")
    versions: list[TierPolicyRead] = Field(description="all of them, the default first")
    presets: list[PresetRead] = Field(description="thresholds of the practice, to choose from")

    @classmethod
    def of(cls, found: PoliciesView) -> "TierPolicies":
        return cls(
            offset=found.offset, current=TierPolicyRead.of(found.current),
            versions=[TierPolicyRead.of(view) for view in found.versions],
            presets=[PresetRead.of(name, found.current.currency) for name in PRESETS],
        )  # fmt: skip


class TierPolicySet(Wire):
    policy: TierPolicyRead = Field(description="the version that holds from the day on")
    offset: int | None = Field(
        description="an offset at which every reader sees it; null until the log has it"
    )

    @classmethod
    def of(cls, done: PolicySet) -> "TierPolicySet":
        return cls(policy=TierPolicyRead.of(done.view), offset=done.offset)
