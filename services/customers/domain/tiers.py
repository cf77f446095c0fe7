"""Value tiers: strategic, growth, basic (method.md section 2).

A policy names the basis and two thresholds; a boundary value belongs to the middle tier:

>>> policy = TierPolicy(0, date.min, "annual_fee", 100_000_00, 30_000_00)
>>> [policy.tier_of(value * 100) for value in (29_999, 30_000, 100_000, 100_001)]
['basic', 'growth', 'growth', 'strategic']

Policies are dated: each holds from its day to the next one's. A customer's history is a function of
its spans and of the policies up to the current business day; before the first contract or win,
and once no win stands any more and no contract was ever in force, there is no tier.

>>> fee = [Span(date(2026, 1, 1), date(2027, 1, 1), 120_000_00, "contract:erp:1", "contract")]
>>> relation = [Span(date(2026, 1, 1), None, 0, "contract:erp:1", "contract")]
>>> changes = history(Book(fee=fee, relation=relation), [policy], date(2027, 3, 1))
>>> [(str(one.effective_on), one.from_tier, one.tier) for one in changes]
[('2026-01-01', None, 'strategic'), ('2027-01-01', 'strategic', 'basic')]
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, NamedTuple, get_args

from services.customers.domain.records import Book, Span
from services.kit.errors import Invalid
from services.kit.money import Money

Tier = Literal["strategic", "growth", "basic"]
TIERS: tuple[Tier, ...] = get_args(Tier)
Basis = Literal["annual_fee", "trailing_revenue"]
Planning = Literal["year", "quarter", "month"]
PRESETS: dict[str, tuple[int, int]] = {"standard": (100_000, 30_000), "large": (500_000, 100_000)}
"""Thresholds in whole units of the tenant's currency: above the first strategic, below the second
basic."""


class TierPolicyInvalid(Invalid):
    """Thresholds that cut no three tiers, or a day on which no policy can begin."""

    code = "tier_policy_invalid"


@dataclass(frozen=True, slots=True)
class TierPolicy:
    """One version; amounts in minor units of the tenant's currency."""

    version: int
    effective_on: date
    basis: Basis
    strategic_above_minor: int
    basic_below_minor: int
    planning_period: Planning = "quarter"
    key_accounts: frozenset[str] = frozenset()
    """Accounts that count as key whatever their tier."""

    def tier_of(self, value_minor: int) -> Tier:
        if value_minor > self.strategic_above_minor:
            return "strategic"
        return "basic" if value_minor < self.basic_below_minor else "growth"


def checked(policy: TierPolicy) -> TierPolicy:
    if not 0 < policy.basic_below_minor <= policy.strategic_above_minor:
        raise TierPolicyInvalid(
            "the lower threshold is more than 0 and at most the upper one", path="basic_below"
        )
    return policy


def preset(name: str, currency: str) -> tuple[int, int]:
    """The thresholds of a preset in minor units."""
    above, below = (Money.parse(limit, currency).amount_minor for limit in PRESETS[name])
    return above, below


def default_policy(currency: str) -> TierPolicy:
    """What holds where the tenant has chosen nothing: version 0, since ever."""
    above, below = preset("standard", currency)
    return TierPolicy(0, date.min, "annual_fee", above, below)


def in_force(policies: Sequence[TierPolicy], day: date) -> TierPolicy:
    """The version of the day; `policies` as `dated` orders them."""
    found = bisect_right(policies, day, key=lambda policy: policy.effective_on)
    return policies[max(found - 1, 0)]


def dated(policies: Iterable[TierPolicy]) -> list[TierPolicy]:
    """By day; of one day the newest version last, so that it holds."""
    return sorted(policies, key=lambda policy: (policy.effective_on, policy.version))


class Cause(NamedTuple):
    """What happened on the day: to a record, or (no subject) to the policy."""

    kind: str
    subject: str | None


class TierChange(NamedTuple):
    effective_on: date
    tier: Tier | None
    from_tier: Tier | None
    basis: Basis
    value_minor: int
    policy_version: int
    causes: tuple[Cause, ...]


def spans_of(book: Book, basis: Basis) -> list[Span]:
    return book.fee if basis == "annual_fee" else book.revenue


def value_on(book: Book, basis: Basis, day: date) -> int:
    """Fees in force, or what was won less refunds within twelve months, in minor units."""
    return sum(span.amount_minor for span in spans_of(book, basis) if span.covers(day))


def tier_on(book: Book, policies: Sequence[TierPolicy], day: date) -> Tier | None:
    if not any(span.covers(day) for span in book.relation):
        return None
    policy = in_force(policies, day)
    return policy.tier_of(value_on(book, policy.basis, day))


def history(book: Book, policies: Sequence[TierPolicy], until: date) -> list[TierChange]:
    """Every day on which the tier changes, up to and with `until`."""
    related, values, causes = _Steps(), {basis: _Steps() for basis in get_args(Basis)}, _Causes()
    for span in book.relation:
        related.add(span, 1)
        causes.of_span(span)
    for basis, steps in values.items():
        for span in spans_of(book, basis):
            steps.add(span, span.amount_minor)
            causes.of_span(span)
    for policy in policies:
        causes.days[policy.effective_on].add(Cause("policy", None))
    found: list[TierChange] = []
    tier: Tier | None = None
    for day in sorted(day for day in causes.days if day <= until):
        policy = in_force(policies, day)
        value = values[policy.basis].at(day)
        now = policy.tier_of(value) if related.at(day) else None
        if now != tier:
            why = tuple(sorted(causes.days[day], key=lambda one: (one.kind, one.subject or "")))
            found.append(
                TierChange(day, now, tier, policy.basis, value, policy.version, why)
            )  # fmt: skip
            tier = now
    return found


def stated_on(book: Book, policies: Sequence[TierPolicy], day: date) -> TierChange:
    """What holds on a day beside the day before it, whether or not anything changed."""
    policy, before = in_force(policies, day), day - timedelta(days=1)
    value = value_on(book, policy.basis, day)
    return TierChange(
        day, tier_on(book, policies, day), tier_on(book, policies, before), policy.basis, value,
        policy.version, (),
    )  # fmt: skip


class _Steps:
    """A sum that spans add to, asked day by day in order."""

    def __init__(self) -> None:
        self._deltas: defaultdict[date, int] = defaultdict(int)
        self._ordered: list[tuple[date, int]] | None = None
        self._next = 0
        self._sum = 0

    def add(self, span: Span, amount: int) -> None:
        self._deltas[span.starts_on] += amount
        if span.ends_before is not None:
            self._deltas[span.ends_before] -= amount

    def at(self, day: date) -> int:
        if self._ordered is None:
            self._ordered = sorted(self._deltas.items())
        while self._next < len(self._ordered) and self._ordered[self._next][0] <= day:
            self._sum += self._ordered[self._next][1]
            self._next += 1
        return self._sum


class _Causes:
    def __init__(self) -> None:
        self.days: defaultdict[date, set[Cause]] = defaultdict(set)

    def of_span(self, span: Span) -> None:
        self.days[span.starts_on].add(Cause(f"{span.kind}_began", span.subject))
        if span.ends_before is not None:
            self.days[span.ends_before].add(Cause(f"{span.kind}_ended", span.subject))
