"""A customer as its records, the policies and the business day make it: all that is derived.

Owner: the member with the largest share of what customer.described names, else of the deal that
began last. The team are all members named there; the owner is always one of them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from services.customers.domain.classes import ClassFix, classes, next_start, planning_periods
from services.customers.domain.days import Wall
from services.customers.domain.records import Book, Span, book, owners
from services.customers.domain.tasks import Task, due_tasks
from services.customers.domain.tiers import (
    Basis,
    Tier,
    TierChange,
    TierPolicy,
    history,
    in_force,
    value_on,
)
from services.kit.period import Calendar
from services.kit.standing import Entry


@dataclass(frozen=True, slots=True)
class World:
    """What all customers of a tenant have in common at a point of the log.

    `today` is the business day that the log has started last and `since` the first one: before
    the first, nothing that depends on a date is known.
    """

    wall: Wall
    currency: str | None
    calendar: Calendar
    policies: Sequence[TierPolicy]
    since: date | None
    today: date | None


@dataclass(frozen=True, slots=True)
class Dated:
    """What depends on the business day; amounts in minor units of the tenant's currency."""

    basis: Basis | None = None
    value_minor: int = 0
    revenue_minor: int = 0
    """Won less refunded within twelve months."""
    collected_minor: int = 0
    """Collected within twelve months."""
    customer_since: date | None = None
    tiers: tuple[TierChange, ...] = ()
    classes: tuple[ClassFix, ...] = ()

    @property
    def tier(self) -> Tier | None:
        return self.tiers[-1].tier if self.tiers else None

    @property
    def fixed(self) -> ClassFix | None:
        return self.classes[-1] if self.classes else None


@dataclass(frozen=True, slots=True)
class Customer:
    account: str
    name: str
    industry: str | None
    region: str | None
    owner_id: str | None
    team: tuple[str, ...]
    dated: Dated
    tasks: tuple[Task, ...]
    next_change_on: date | None
    """The next day on which any of this may change by itself; None before the first day."""
    book: Book


def derive(
    account: str,
    records: Mapping[str, Sequence[Entry]],
    completed: Collection[tuple[str, str]],
    world: World,
) -> Customer:
    made = book(records, world.wall, world.currency)
    described = made.description or {}
    named = owners(described)
    shares = named or made.latest_deal_owners
    tasks = due_tasks(made.wins, [member for member, _ in named], completed, world.since)
    return Customer(
        account=account,
        name=described.get("name") or account,
        industry=described.get("industry"),
        region=described.get("region"),
        owner_id=shares[0][0] if shares else None,
        team=tuple(sorted({member for member, _ in shares})),
        tasks=tuple(tasks),
        next_change_on=_next_change(made, tasks, world),
        dated=_dated(account, records, made, world),
        book=made,
    )


def _dated(account: str, records: Mapping[str, Sequence[Entry]], made: Book, world: World) -> Dated:
    today, since = world.today, world.since
    if today is None or since is None or not world.policies:
        return Dated()
    basis = in_force(world.policies, today).basis
    periods = planning_periods(world.policies, world.calendar, since, today)
    began = [span.starts_on for span in made.relation if span.covers(today)]
    return Dated(
        basis,
        value_on(made, basis, today),
        value_on(made, "trailing_revenue", today),
        _sum_on(made.collected, today),
        min(began, default=None),
        tuple(history(made, world.policies, today)),
        tuple(classes(records, world.wall, world.currency, world.policies, account, periods)),
    )


def _sum_on(spans: Sequence[Span], day: date) -> int:
    return sum(span.amount_minor for span in spans if span.covers(day))


def _next_change(made: Book, tasks: Sequence[Task], world: World) -> date | None:
    today = world.today
    if today is None:
        return None
    days = [
        day
        for span in (*made.fee, *made.revenue, *made.relation, *made.collected)
        for day in (span.starts_on, span.ends_before)
        if day is not None and day > today
    ]
    days += [policy.effective_on for policy in world.policies if policy.effective_on > today]
    days += [task.due_on + timedelta(days=1) for task in tasks if task.due_on >= today]
    if world.policies:
        days.append(next_start(world.policies, world.calendar, today))
    return min(days, default=None)
