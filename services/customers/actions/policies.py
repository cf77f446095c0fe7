"""Reading and changing the tier policy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from services.customers.actions.office import Office
from services.customers.actions.tell import TIER_POLICY_SET
from services.customers.domain import policy as access
from services.customers.domain.tiers import (
    Basis,
    Planning,
    TierPolicy,
    TierPolicyInvalid,
    checked,
    dated,
    default_policy,
    in_force,
)
from services.customers.store import policies
from services.kit import outbox, quantity
from services.kit.auth import Viewer
from services.kit.outbox import Fact


@dataclass(frozen=True, slots=True)
class Asked:
    """A policy as it is asked for; thresholds in whole units of `currency`, None: the tenant's."""

    basis: Basis
    strategic_above: str
    basic_below: str
    currency: str | None
    planning_period: Planning
    key_accounts: Sequence[str]
    effective_on: date | None


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A version; `told` once the log has it: from there on tiers follow it."""

    policy: TierPolicy
    currency: str
    told: bool


@dataclass(frozen=True, slots=True)
class PolicySet:
    """`offset`: where the projection is, if the log has the version already."""

    view: PolicyView
    offset: int | None


@dataclass(frozen=True, slots=True)
class PoliciesView:
    offset: int
    current: PolicyView
    versions: list[PolicyView]


async def read_policies(office: Office, viewer: Viewer, min_offset: int | None) -> PoliciesView:
    """The version in force on the business day, and all of them, the default first."""
    async with office.reading(viewer, (), min_offset) as reading:
        currency = reading.chart.settings.currency
        found = await policies.policies(reading.connection, reading.tenant_id, currency, told=False)
        views = [PolicyView(default_policy(currency), currency, told=True)]
        views += [PolicyView(one, currency, told) for one, told in found]
        now = in_force(dated(view.policy for view in views if view.told), reading.on)
        current = next(view for view in views if view.policy == now)
        return PoliciesView(reading.offset, current, views)


async def set_policy(office: Office, viewer: Viewer, asked: Asked) -> PolicySet:
    """A new version from a day on; without a day, from the business day on.

    What holds from the day on already is answered unchanged. Tiers follow when the log has it.
    """
    access.refuse_deciding(viewer.role, viewer.service)
    tenant_id = await office.tenant_id(viewer)
    async with office.database.write(tenant_id) as connection:
        last = await policies.lock_versions(connection, tenant_id)
        reading = await office.look(connection, tenant_id, viewer)
        currency = reading.chart.settings.currency
        wanted = _wanted(asked, last + 1, currency, reading.on)
        found = await policies.policies(connection, tenant_id, currency, told=False)
        known = dict(found)
        before = in_force(dated([default_policy(currency), *known]), wanted.effective_on)
        if _same(before, wanted):
            told = known.get(before, True)
            view = PolicyView(before, currency, told)
            return PolicySet(view, reading.offset if told else None)
        payload = _payload(wanted, currency)
        await policies.put(connection, tenant_id, payload, told=False)
        await policies.set_last_version(connection, tenant_id, wanted.version)
        fact = Fact(TIER_POLICY_SET, f"tier_policy:{wanted.version}", office.now(), payload)
        await outbox.put(connection, tenant_id, [fact])
    office.outbox.wake()
    return PolicySet(PolicyView(wanted, currency, told=False), None)


def _wanted(asked: Asked, version: int, currency: str, today: date) -> TierPolicy:
    if asked.currency not in {None, currency}:
        raise TierPolicyInvalid(f"thresholds are in the tenant's currency, {currency}",
                                path="currency")  # fmt: skip
    above = quantity.parse(asked.strategic_above, "money", currency, path="strategic_above")
    below = quantity.parse(asked.basic_below, "money", currency, path="basic_below")
    return checked(
        TierPolicy(
            version, asked.effective_on or today, asked.basis, above, below,
            asked.planning_period, frozenset(asked.key_accounts),
        )
    )  # fmt: skip


def _same(one: TierPolicy, other: TierPolicy) -> bool:
    return replace(one, version=0, effective_on=other.effective_on) == replace(other, version=0)


def _payload(wanted: TierPolicy, currency: str) -> dict[str, object]:
    return {
        "version": wanted.version, "effective_on": wanted.effective_on.isoformat(),
        "basis": wanted.basis,
        "strategic_above": {"minor": wanted.strategic_above_minor, "currency": currency},
        "basic_below": {"minor": wanted.basic_below_minor, "currency": currency},
        "planning_period": wanted.planning_period, "key_accounts": sorted(wanted.key_accounts),
    }  # fmt: skip
