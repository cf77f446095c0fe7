"""The funnel projection: log entries in; postings, rollups, deals, records and alerts out.

Exactly-once: the cursor and the effect are one transaction. Entries are taken in groups (the
entries that one append wrote about one subject), so the postings do not depend on where a batch was
cut, and a rebuilt projection is equal to the live one, reversals included.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from services.kit import limits, projection, versions
from services.kit.db import Connection
from services.kpi.actions import cells
from services.kpi.actions.books import Books
from services.kpi.actions.signals import Step
from services.kpi.actions.world import FACTS as WORLD_FACTS
from services.kpi.actions.world import World, world_at
from services.kpi.domain import events
from services.kpi.store import funnel as store
from services.kpi.store import records

NO_END = 2**62
_GROUPS_AT_ONCE = 20


@dataclass(slots=True)
class _Group:
    """Consecutive entries about one subject; `last` and `at` are of their last."""

    subject: str
    last: int
    at: datetime
    entries: list[Any] = field(default_factory=list)
    fact: tuple[str, Mapping[str, Any]] | None = None


async def advance(
    connection: Connection, tenant_id: str, world: World | None = None, *, until: int = NO_END
) -> tuple[int, World] | None:
    """Take one batch; the new cursor and the world there, or None when there was nothing to do.

    `world` is the one of the last call, if its offset is still the cursor's.
    """
    cursor = await projection.lock_cursor(connection, tenant_id, store.PROJECTION)
    if cursor is None:
        return None
    groups = await _groups(connection, tenant_id, cursor, until)
    if not groups:
        return None
    if world is None or world.offset != cursor:
        world = await world_at(connection, tenant_id, cursor)
    books = Books(connection, tenant_id, cursor, world)
    await books.open_for([row for group in groups for row in group.entries])
    for number, group in enumerate(groups):
        if number % _GROUPS_AT_ONCE == 0:
            await asyncio.sleep(0)  # requests of this process come first
        await world.signals.expect(connection, group.fact, books.rows)
        posted = len(books.rows)
        if group.fact is not None:
            await _learn(connection, tenant_id, books, group, world)
        elif group.entries:
            books.take(group.subject, group.entries, group.last)
        step = Step(group.last, group.at, group.fact, books.rows, posted)
        await world.signals.follow(connection, step)
    for scope, offset in (await world.signals.write(connection, books.rows)).items():
        books.versions[scope] = max(offset, books.versions.get(scope, 0))
    await store.insert_postings(connection, tenant_id, books.rows)
    await store.put_deals(connection, tenant_id, list(books.deals.values()))
    await records.put(connection, tenant_id, list(books.records.values()))
    await versions.bump(connection, tenant_id, books.versions)
    world.offset = groups[-1].last
    await projection.set_cursor(connection, tenant_id, store.PROJECTION, world.offset)
    return world.offset, world


async def _groups(connection: Connection, tenant_id: str, cursor: int, until: int) -> list[_Group]:
    """The next entries as whole groups."""
    limit = limits.PROJECTION_BATCH
    while True:
        rows = await store.entries_after(connection, tenant_id, cursor, until, limit)
        groups: list[_Group] = []
        before = None
        for row in rows:
            starts = (
                before is None
                or row["subject"] != before["subject"]
                or (row["kind"] == "observation" and before["kind"] != "observation")
                or row["kind"] == "fact"
            )
            if starts:
                groups.append(_Group(row["subject"], row["log_offset"], row["recorded_at"]))
            group = groups[-1]
            group.last, group.at = row["log_offset"], row["recorded_at"]
            if row["kind"] == "conclusion":
                group.entries.append(row)
            elif row["kind"] == "fact":
                group.fact = (row["type"], orjson.loads(row["payload"]))
            before = row
        if len(rows) < limit:
            return groups
        if len(groups) > 1:
            return groups[:-1]  # the last one may go on after the batch
        limit *= 4


async def _learn(
    connection: Connection, tenant_id: str, books: Books, group: _Group, world: World
) -> None:
    """A fact about the organisation or the time zone moves the deals and records it concerns."""
    assert group.fact is not None
    type_, payload = group.fact
    if type_ in cells.LEARNT:
        moved = await cells.learn(connection, tenant_id, type_, payload, group.last)
        books.versions.update(dict.fromkeys(moved, group.last))
        return
    if type_ not in WORLD_FACTS:
        return
    if type_ == events.TENANT_CONFIGURED:
        concerned: set[str] = set()
        if not world.knows_zone(payload):
            concerned = {
                *await store.all_deals(connection, tenant_id),
                *await records.all_records(connection, tenant_id),
                *books.deals,
                *books.records,
            }
    else:
        members = (
            {payload["member_id"]}
            if type_ == events.MEMBER_MOVED
            else world.below(payload["unit_id"])
        )
        owned = {
            *await store.deals_owned_by(connection, tenant_id, sorted(members)),
            *await records.owned_by(connection, tenant_id, sorted(members)),
        }
        # What the tables say of a subject that this batch already changed is out of date.
        concerned = owned - books.deals.keys() - books.records.keys() | books.owned_by(members)
        books.versions.update(dict.fromkeys(members, group.last))
    # What stands was posted in the world before this fact.
    await books.open(concerned)
    world.learn(type_, payload)
    for subject in sorted(concerned):
        books.post(subject, group.last)
