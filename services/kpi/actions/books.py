"""The books of one batch: what stands, what was posted for it, and what the batch will write.

A subject's postings are a function of what stands of it and of the world; a record without owners of
its own also leans on its deal and contract (domain/records/crediting.py). So whatever changes is
posted anew, and then every record that leans on it: the result does not depend on what came first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.kit.db import Connection
from services.kpi.actions.world import World
from services.kpi.domain import funnel, records, transitions
from services.kpi.domain.funnel import Key, Posting
from services.kpi.domain.records import crediting, postings
from services.kpi.domain.records.crediting import Credit
from services.kpi.domain.transitions import Conclusion
from services.kpi.store import funnel as store
from services.kpi.store import records as record_store
from services.kpi.store.funnel import PostingRow
from services.kpi.store.records import RecordRow

Net = dict[tuple[Key, str], tuple[int, int]]
_NOTHING: Mapping[str, Any] = {
    "owners": [], "stage": None, "amount": None, "product": None, "channel": None, "account": None,
    "incomplete": False,
}  # fmt: skip
"""A deal whose observations were all retracted."""


_NOBODY = Credit([], ())


@dataclass(slots=True)
class Books:
    """`cursor` is the offset before the batch: everything is opened as it stood there."""

    connection: Connection
    tenant_id: str
    cursor: int
    world: World
    rows: list[PostingRow] = field(default_factory=list)
    deals: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    records: dict[str, RecordRow] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    _standing: dict[str, dict[str, Conclusion]] = field(default_factory=dict)
    _posted: dict[str, Net] = field(default_factory=dict)
    _leans_on: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _leaning: dict[str, set[str]] = field(default_factory=dict)
    """Subject → the records whose owners follow from it."""

    async def open_for(self, entries: Sequence[Any]) -> None:
        """Load what the batch's conclusions are about, name, and move."""
        subjects = {row["subject"] for row in entries}
        leaning = await record_store.leaning_on(self.connection, self.tenant_id, sorted(subjects))
        named = crediting.named(
            orjson.loads(row["payload"])
            for row in entries
            if records.kind_of(row["subject"]) != "deal"
        )
        await self.open(subjects | named | set(leaning))

    async def open(self, subjects: set[str]) -> None:
        """Load what stands of subjects that the books do not have, and of those that they name."""
        opened: list[str] = []
        while missing := sorted(subjects - self._standing.keys()):
            self._standing |= {subject: {} for subject in missing}
            rows = await store.conclusions_of(self.connection, self.tenant_id, missing, self.cursor)
            for row in rows:
                _stand(self._standing[row["subject"]], row)
            opened += missing
            subjects = crediting.named(
                conclusion.payload
                for subject in missing
                if records.kind_of(subject) != "deal"
                for conclusion in self._standing[subject].values()
            )
        for subject in opened:
            # As they were posted; reading them back would cost more than working them out again.
            credit = self._credit(subject)
            self._posted[subject] = self._net(subject, credit)
            self._lean(subject, credit)

    def take(self, subject: str, entries: Sequence[Any], offset: int) -> None:
        """Apply the conclusions of one group, and post what they change."""
        for row in entries:
            _stand(self._standing[subject], row)
        self.post(subject, offset)
        for leaning in sorted(self._leaning.get(subject, ())):
            self.post(leaning, offset)

    def post(self, subject: str, offset: int) -> None:
        """Bring the subject's postings to what its conclusions say now."""
        credit = self._credit(subject)
        wanted, posted = self._net(subject, credit), self._posted[subject]
        changed = [key for key, value in wanted.items() if posted.get(key) != value]
        for key in (*changed, *(posted.keys() - wanted.keys())):
            deals, amount = wanted.get(key, (0, 0))
            was_deals, was_amount = posted.get(key, (0, 0))
            posting = Posting(key[0], key[1], deals - was_deals, amount - was_amount)
            self.rows.append(PostingRow(subject, offset, posting))
            self.versions[key[0].scope] = offset
        self._posted[subject] = wanted
        if records.kind_of(subject) == "deal":
            self.deals[subject] = _deal(subject, self._ordered(subject), offset, self.world)
        else:
            self._lean(subject, credit)
            owners = sorted({owner["member"] for owner in credit.owners})
            self.records[subject] = RecordRow(subject, owners, sorted(credit.leans_on), offset)

    def owned_by(self, members: set[str]) -> set[str]:
        """Deals and records of this batch that any of `members` owns or owned."""
        return {
            subject for subject, deal in self.deals.items() if members & set(deal["owner_history"])
        } | {subject for subject, row in self.records.items() if members & set(row.owners)}

    def _ordered(self, subject: str) -> list[Conclusion]:
        standing = self._standing.get(subject, {})
        return sorted(standing.values(), key=funnel.effective_order)

    def _credit(self, subject: str) -> Credit:
        if records.kind_of(subject) == "deal":
            return _NOBODY  # a deal's events name their owners themselves
        return crediting.credit(subject, self._ordered)

    def _net(self, subject: str, credit: Credit) -> Net:
        """What a subject's postings come to."""
        standing, world = self._standing[subject].values(), self.world
        found = (
            funnel.postings(standing, world.day_of, world.whereabouts)
            if records.kind_of(subject) == "deal"
            else postings.postings(standing, credit.owners, world.day_of, world.whereabouts)
        )
        return {(one.key, one.event_id): (one.deals, one.amount_minor) for one in found}

    def _lean(self, subject: str, credit: Credit) -> None:
        for named in self._leans_on.get(subject, ()):
            self._leaning[named].discard(subject)
        for named in credit.leans_on:
            self._leaning.setdefault(named, set()).add(subject)
        self._leans_on[subject] = credit.leans_on


def _stand(standing: dict[str, Conclusion], row: Any) -> None:
    """Apply one conclusion entry to what stands."""
    for superseded in row["supersedes"]:
        standing.pop(superseded, None)
    if row["type"] != transitions.SUPERSEDED:
        payload = orjson.loads(row["payload"])
        standing[row["id"]] = Conclusion(
            row["type"], row["effective_at"], payload, "", payload["order"], row["id"]
        )


def _deal(subject: str, ordered: Sequence[Conclusion], offset: int, world: World) -> dict[str, Any]:
    """The deal as its last event leaves it."""
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
