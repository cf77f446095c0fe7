"""The funnel projection: log entries in, postings, rollups and deals out, with the cursor.

Exactly-once: cursor and effect are one transaction. Entries are taken in groups (the entries that
one append wrote about one deal), so the postings do not depend on where a batch was cut, and a
rebuilt projection is equal to the live one, reversals included.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from services.kit import limits, projection, versions
from services.kit.db import Connection
from services.kit.organisation.whereabouts import Span, Whereabouts
from services.kit.period import business_day
from services.kpi.actions import cells
from services.kpi.domain import events, funnel, transitions
from services.kpi.domain.funnel import Key, Posting
from services.kpi.domain.transitions import Conclusion
from services.kpi.store import funnel as store
from services.kpi.store.funnel import PostingRow

_WORLD = (events.UNIT_PLACED, events.MEMBER_MOVED, events.TENANT_CONFIGURED)
_DEFAULT_ZONE = "UTC"
NO_END = 2**62
_GROUPS_AT_ONCE = 20
Net = dict[tuple[Key, str], tuple[int, int]]
_NOTHING: Mapping[str, Any] = {
    "owners": [], "stage": None, "amount": None, "product": None, "channel": None, "account": None,
    "incomplete": False,
}  # fmt: skip
"""A deal whose observations were all retracted."""


class World:
    """What the funnel needs of the tenant, as of an offset: organisation and time zones."""

    def __init__(self) -> None:
        self.offset = 0
        self.memberships: dict[str, list[Span]] = {}
        self.placements: dict[str, list[Span]] = {}
        self.zones: list[tuple[date, ZoneInfo]] = []
        self.whereabouts = Whereabouts(self.memberships, self.placements)

    def learn(self, type_: str, payload: Mapping[str, Any]) -> None:
        if type_ == events.MEMBER_MOVED:
            self.memberships[payload["member_id"]] = [
                _span(span["unit_id"], span) for span in payload["memberships"]
            ]
        elif type_ == events.UNIT_PLACED:
            self.placements[payload["unit_id"]] = [
                _span(span["parent_id"], span) for span in payload["placements"]
            ]
        else:
            day = date.fromisoformat(payload["effective_on"])
            others = [zone for zone in self.zones if zone[0] != day]
            self.zones = sorted([*others, (day, ZoneInfo(payload["zone"]))], key=lambda z: z[0])
        self.whereabouts = Whereabouts(self.memberships, self.placements)

    def knows_zone(self, payload: Mapping[str, Any]) -> bool:
        """Whether a tenant.configured fact says nothing new about business days."""
        day = date.fromisoformat(payload["effective_on"])
        return (day, ZoneInfo(payload["zone"])) in self.zones

    def below(self, unit: str) -> set[str]:
        """Members whose deals may count elsewhere because `unit` was placed anew."""
        units = {unit}
        grew = True
        while grew:
            more = {
                child
                for child, spans in self.placements.items()
                if child not in units and any(span.target in units for span in spans)
            }
            grew = bool(more)
            units |= more
        return {
            member
            for member, spans in self.memberships.items()
            if any(span.target in units for span in spans)
        }

    def day_of(self, conclusion: Conclusion) -> date:
        """The business day of an event in the zone that was in force then."""
        if conclusion.effective_at is None:
            return funnel.UNDATED
        zone = self.zones[0][1] if self.zones else ZoneInfo(_DEFAULT_ZONE)
        for starts_on, candidate in self.zones[1:]:
            if business_day(conclusion.effective_at, candidate) >= starts_on:
                zone = candidate
        return business_day(conclusion.effective_at, zone)


def _span(target: str | None, span: Mapping[str, Any]) -> Span:
    ends_on = span.get("ends_on")
    return Span(
        target,
        date.fromisoformat(span["starts_on"]),
        date.fromisoformat(ends_on) if ends_on else None,
        span.get("share_bp", 10_000),
    )


@dataclass(slots=True)
class _Group:
    """Consecutive entries about one subject; `last` is the offset of their last."""

    subject: str
    last: int
    entries: list[Any] = field(default_factory=list)
    fact: tuple[str, Mapping[str, Any]] | None = None


@dataclass(slots=True)
class _Books:
    """What stands of the deals in this batch, and what it will write."""

    standing: dict[str, dict[str, Conclusion]] = field(default_factory=dict)
    posted: dict[str, Net] = field(default_factory=dict)
    rows: list[PostingRow] = field(default_factory=list)
    deals: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)


async def world_at(connection: Connection, tenant_id: str, offset: int) -> World:
    world = World()
    world.offset = offset
    for row in await store.facts_until(connection, tenant_id, _WORLD, offset):
        world.learn(row["type"], orjson.loads(row["payload"]))
    return world


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
    books = _Books()
    await _open(
        connection, tenant_id, books, {g.subject for g in groups if g.entries}, cursor, world
    )
    for number, group in enumerate(groups):
        if number % _GROUPS_AT_ONCE == 0:
            await asyncio.sleep(0)  # requests of this process come first
        if group.fact is None:
            _take(books, group, world)
        else:
            await _learn(connection, tenant_id, books, group, world, cursor)
    await store.insert_postings(connection, tenant_id, books.rows)
    await store.put_deals(connection, tenant_id, list(books.deals.values()))
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
                groups.append(_Group(row["subject"], row["log_offset"]))
            group = groups[-1]
            group.last = row["log_offset"]
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


async def _open(
    connection: Connection,
    tenant_id: str,
    books: _Books,
    subjects: set[str],
    until: int,
    world: World,
) -> None:
    """Load what stands, in the world as it is, of deals that this batch has not met yet."""
    missing = sorted(subjects - set(books.standing))
    if not missing:
        return
    for subject in missing:
        books.standing[subject] = {}
    rows = await store.conclusions_of(connection, tenant_id, missing, until)
    for row in rows:
        _stand(books.standing[row["subject"]], row)
    for subject in missing:
        # As they were posted; reading them back would cost more than working them out again.
        books.posted[subject] = _net(books.standing[subject].values(), world)


def _net(standing: Iterable[Conclusion], world: World) -> Net:
    """What a deal's postings come to: a function of its conclusions and of the world alone."""
    return {
        (posting.key, posting.event_id): (posting.deals, posting.amount_minor)
        for posting in funnel.postings(standing, world.day_of, world.whereabouts)
    }


def _stand(standing: dict[str, Conclusion], row: Any) -> None:
    """Apply one conclusion entry to what stands."""
    for superseded in row["supersedes"]:
        standing.pop(superseded, None)
    if row["type"] != transitions.SUPERSEDED:
        payload = orjson.loads(row["payload"])
        standing[row["id"]] = Conclusion(
            row["type"], row["effective_at"], payload, "", payload["order"], row["id"]
        )


def _take(books: _Books, group: _Group, world: World) -> None:
    if not group.entries:
        return
    for row in group.entries:
        _stand(books.standing[group.subject], row)
    _post(books, group.subject, group.last, world)


def _post(books: _Books, subject: str, offset: int, world: World) -> None:
    """Bring the deal's postings to what its conclusions say now."""
    standing = books.standing[subject].values()
    wanted = _net(standing, world)
    posted = books.posted[subject]
    changed = [key for key, value in wanted.items() if posted.get(key) != value]
    for key in (*changed, *(posted.keys() - wanted.keys())):
        deals, amount = wanted.get(key, (0, 0))
        was_deals, was_amount = posted.get(key, (0, 0))
        posting = Posting(key[0], key[1], deals - was_deals, amount - was_amount)
        books.rows.append(PostingRow(subject, offset, posting))
        books.versions[key[0].scope] = offset
    books.posted[subject] = wanted
    books.deals[subject] = _deal(subject, list(standing), offset, world)


def _deal(
    subject: str, standing: Sequence[Conclusion], offset: int, world: World
) -> dict[str, Any]:
    """The deal as its last event leaves it."""
    ordered = sorted(standing, key=funnel.effective_order)
    last = ordered[-1].payload if ordered else _NOTHING
    dated = [world.day_of(c) for c in ordered if c.effective_at is not None]
    stage, amount = last["stage"], last["amount"]
    closed = [c for c in ordered if c.type in {transitions.WON, transitions.LOST}]
    is_closed = stage is not None and stage["kind"] != "open" and bool(closed)
    return {
        "subject": subject,
        "owners": [owner["member"] for owner in last["owners"]],
        "owner_history": sorted({o["member"] for c in ordered for o in c.payload["owners"]}),
        "pipeline": stage["pipeline"] if stage else None,
        "stage": stage["code"] if stage else None,
        "kind": stage["kind"] if stage else None,
        "amount_minor": amount["minor"] if amount else None,
        "currency": amount["currency"] if amount else None,
        "product": last["product"],
        "channel": last["channel"],
        "account": last["account"],
        "created_on": dated[0] if dated and ordered[0].effective_at is not None else None,
        "closed_on": world.day_of(closed[-1]) if is_closed and closed[-1].effective_at else None,
        "undated": not dated,
        "incomplete": bool(last["incomplete"]),
        "deleted": not ordered or ordered[-1].type == transitions.DELETED,
        "log_offset": offset,
    }


async def _learn(
    connection: Connection,
    tenant_id: str,
    books: _Books,
    group: _Group,
    world: World,
    cursor: int,
) -> None:
    """A fact about the organisation or the time zone moves the deals it concerns."""
    assert group.fact is not None
    type_, payload = group.fact
    if type_ in cells.LEARNT:
        moved = await cells.learn(connection, tenant_id, type_, payload, group.last)
        books.versions.update(dict.fromkeys(moved, group.last))
        return
    if type_ not in _WORLD:
        return
    if type_ == events.TENANT_CONFIGURED:
        concerned: set[str] = set()
        if not world.knows_zone(payload):
            concerned = set(await store.all_deals(connection, tenant_id)) | books.deals.keys()
    else:
        members = (
            {payload["member_id"]}
            if type_ == events.MEMBER_MOVED
            else world.below(payload["unit_id"])
        )
        owned = await store.deals_owned_by(connection, tenant_id, sorted(members))
        # What the table says of a deal that this batch already changed is out of date.
        concerned = set(owned) - books.deals.keys() | {
            subject for subject, deal in books.deals.items() if members & set(deal["owner_history"])
        }
        books.versions.update(dict.fromkeys(members, group.last))
    # What stands was posted in the world before this fact.
    await _open(connection, tenant_id, books, concerned, cursor, world)
    world.learn(type_, payload)
    for subject in sorted(concerned):
        _post(books, subject, group.last, world)
