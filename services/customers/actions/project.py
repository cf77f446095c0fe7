"""The projection of customers: pages of the log in; customers, histories, tasks and facts out.

What is derived of a customer is a function of its standing records, the policies and the business
day (domain/customer.py), so only the customers that a page touches are worked out anew: whose
records changed, whose next change a new day brought, or all where a policy or setting changed.
Rows, cursor, facts and versions are one transaction (services.kit.consumer).
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from services.customers.actions import tell
from services.customers.actions.gather import TYPES as RECORD_TYPES
from services.customers.actions.gather import gather
from services.customers.domain.customer import Customer, World, derive
from services.customers.domain.days import Wall
from services.customers.domain.tiers import dated, default_policy
from services.customers.store import customers, policies, records, tasks, tenants
from services.kit import chart, directory, ids, outbox, versions
from services.kit.db import Connection
from services.kit.period import Calendar
from services.kit.standing import Entry

TYPES = (*RECORD_TYPES, *directory.TYPES, tell.TIER_POLICY_SET, tell.TASK_COMPLETED)
_AT_ONCE = 80
_BETWEEN_PAUSES = 20


@dataclass(slots=True)
class _Touched:
    """What a page asks for."""

    accounts: set[str] = field(default_factory=set)
    everyone: bool = False
    day: date | None = None
    organisation: bool = False
    members: set[str] = field(default_factory=set)


async def project(
    connection: Connection, tenant_id: str, entries: Sequence[Entry], offset: int, *, telling: bool
) -> None:
    """The effect of a page that ends at `offset`.

    A rebuild works without `telling`: what the log was told already need not be told again.
    """
    touched = _Touched(await gather(connection, tenant_id, entries))
    for entry in entries:
        await _learn(connection, tenant_id, entry, touched)
    world = await world_of(connection, tenant_id)
    if touched.everyone:
        touched.accounts.update(await customers.all_accounts(connection, tenant_id))
    elif touched.day is not None and world.today is not None:
        touched.accounts.update(await customers.due(connection, tenant_id, world.today))
    moved = set(touched.members)
    ordered = sorted(touched.accounts)
    for first in range(0, len(ordered), _AT_ONCE):
        part = ordered[first : first + _AT_ONCE]
        moved |= await _derive(connection, tenant_id, part, world, telling=telling)
    await _bump(connection, tenant_id, moved, world, touched, offset)


async def _learn(connection: Connection, tenant_id: str, entry: Entry, touched: _Touched) -> None:
    payload = entry.payload
    if entry.type in directory.TYPES:
        await directory.learn(connection, tenant_id, entry.type, payload, entry.offset)
    if entry.type == directory.DAY_STARTED:
        touched.day = date.fromisoformat(payload["day"])
        touched.everyone |= await tenants.put_first_day(connection, tenant_id, touched.day)
    elif entry.type == directory.TENANT_CONFIGURED:
        touched.everyone = True
    elif entry.type in directory.TYPES:
        touched.organisation = True
        if "member_id" in payload:
            touched.members.add(payload["member_id"])
    elif entry.type == tell.TIER_POLICY_SET:
        await policies.put(connection, tenant_id, payload, told=True)
        touched.everyone = True
    elif entry.type == tell.TASK_COMPLETED:
        await tasks.put_completion(connection, tenant_id, payload, told=True)
        touched.accounts.add(payload["account"])


async def world_of(connection: Connection, tenant_id: str) -> World:
    """What all customers have in common, as the log has told it."""
    chosen = await directory.settings(connection, tenant_id)
    today = await directory.started_day(connection, tenant_id)
    since = await tenants.first_day(connection, tenant_id)
    if not chosen:
        return World(Wall([]), None, Calendar(), [], since, today)
    newest = chosen[-1]
    currency = newest["currency"]
    told = await policies.policies(connection, tenant_id, currency, told=True)
    return World(
        Wall([(row["effective_on"], ZoneInfo(row["zone"])) for row in chosen]),
        currency,
        Calendar(newest["fiscal_start_month"], newest["week_rule"]),
        dated([default_policy(currency), *(policy for policy, _ in told)]),
        since,
        today,
    )


async def _derive(
    connection: Connection, tenant_id: str, accounts: Sequence[str], world: World, *, telling: bool
) -> set[str]:
    """Work these customers out anew; the subjects on which that had an effect."""
    standing = await records.of_accounts(connection, tenant_id, accounts)
    completed = await tasks.completed(connection, tenant_id, accounts)
    derived: dict[str, tuple[str, Customer | None]] = {}
    for number, account in enumerate(accounts):
        if number % _BETWEEN_PAUSES == 0:
            await asyncio.sleep(0)  # requests of this process come first
        of = standing[account]
        made = derive(account, of, completed[account], world) if of else None
        derived[customer_id(tenant_id, account)] = (account, made)
    known = await customers.known(connection, tenant_id, list(derived))
    changed = {
        id_: made
        for id_, (_, made) in derived.items()
        if (known[id_]["digest"] if id_ in known else None) != _digest(made, world)
    }
    if telling:
        await _tell(connection, tenant_id, derived, world)
    if not changed:
        return set()
    moved = set(changed) | await customers.assignees(connection, tenant_id, list(changed))
    for id_, made in changed.items():
        moved.update(known[id_]["team"] if id_ in known else ())
        if made is not None:
            moved.update(made.team, *(task.assignees for task in made.tasks))
    await _write(connection, tenant_id, changed, world)
    return moved


def customer_id(tenant_id: str, account: str) -> str:
    """The same for everybody who meets the account."""
    return ids.derived(tenant_id, f"customer:{account}")


def task_id(tenant_id: str, kind: str, subject: str) -> str:
    return ids.derived(tenant_id, f"task:{kind}:{subject}")


def _digest(customer: Customer | None, world: World) -> bytes | None:
    if customer is None:
        return None
    text = orjson.dumps(
        [_card(customer, world), customer.dated.tiers, customer.dated.classes, customer.tasks],
        default=list,
    )
    return hashlib.blake2b(text, digest_size=16).digest()


def _card(customer: Customer, world: World) -> tuple[Any, ...]:
    dated, fixed = customer.dated, customer.dated.fixed
    return (
        customer.account, customer.name, customer.industry, customer.region, customer.owner_id,
        list(customer.team), dated.tier, dated.basis, dated.value_minor, dated.revenue_minor,
        dated.collected_minor, world.currency, dated.customer_since,
        fixed.planning_class if fixed else None, fixed.period if fixed else None,
        customer.next_change_on,
    )  # fmt: skip


async def _write(
    connection: Connection, tenant_id: str, changed: dict[str, Customer | None], world: World
) -> None:
    await customers.forget(connection, tenant_id, list(changed))
    standing = [(id_, made) for id_, made in changed.items() if made is not None]
    named = [
        (task_id(tenant_id, task.kind, task.subject), id_, task)
        for id_, made in standing
        for task in made.tasks
    ]
    await customers.put(
        connection, tenant_id,
        cards=[(id_, *_card(made, world), _digest(made, world)) for id_, made in standing],
        tiers=[(id_, *change) for id_, made in standing for change in made.dated.tiers],
        fixes=[
            (id_, fix.effective_on, fix.period, fix.planning_class)
            for id_, made in standing
            for fix in made.dated.classes
        ],
        tasks=[
            (one, id_, task.kind, task.subject, task.owner_id, task.due_on)
            for one, id_, task in named
        ],
        assigned=[
            (member, task.due_on, one) for one, _, task in named for member in task.assignees
        ],
    )  # fmt: skip


async def _tell(
    connection: Connection,
    tenant_id: str,
    derived: dict[str, tuple[str, Customer | None]],
    world: World,
) -> None:
    """Put the facts that the log does not have yet, once."""
    if world.today is None or not world.policies:
        return
    told = await customers.told(connection, tenant_id, list(derived))
    found = []
    for id_, (account, made) in derived.items():
        found += tell.tiers(id_, account, made, told.get((id_, tell.TIER), {}), world)
        found += tell.classes(id_, account, made, told.get((id_, tell.CLASS), {}), world)
    await customers.tell(connection, tenant_id, [stated for stated, _ in found])
    await outbox.put(connection, tenant_id, [fact for _, fact in found])


async def _bump(
    connection: Connection, tenant_id: str, moved: set[str], world: World, touched: _Touched,
    offset: int,
) -> None:  # fmt: skip
    """Tell followers of the subjects and of all units above them that there is something new."""
    if not moved and touched.day is None and not touched.organisation:
        return
    organisation = await chart.read(connection, tenant_id, offset)
    subjects = set(moved)
    if touched.day is not None or touched.organisation:
        subjects.update(organisation.placements)  # who is where may differ from today on
    elif world.today is not None:
        await organisation.meet(connection, moved)
        for subject in moved:
            subjects |= organisation.above(subject, world.today)
    await versions.bump(connection, tenant_id, dict.fromkeys(subjects, offset))
