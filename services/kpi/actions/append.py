"""The append: everything that enters a tenant's log, in one transaction under the head's lock.

Lock the head → drop items already seen → read the new ones into observations → fold the deals they
touch → take offsets → insert deliveries, items, observations with their conclusions, states →
commit. An answer therefore means: stored *and* concluded. What cannot be used is quarantined (or
rejected, for our own API) and never blocks the rest.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from services.kit import ids, limits, strictjson
from services.kit.db import Connection
from services.kpi.actions import facts
from services.kpi.actions.facts import Fact
from services.kpi.domain import events, state, transitions
from services.kpi.domain.intake import Retraction
from services.kpi.domain.observation import Draft, Unusable
from services.kpi.domain.reading import EVENTS_NAMESPACE, Context, Reader
from services.kpi.domain.transitions import Observed, State
from services.kpi.store import connections, log, organisation
from services.kpi.store.log import Delivery, Entry, Held

logger = logging.getLogger(__name__)
Status = Literal["accepted", "duplicate", "quarantined", "rejected", "conflict"]


@dataclass(frozen=True, slots=True)
class Item:
    key: str
    raw: Any


@dataclass(frozen=True, slots=True)
class Submission:
    """What one request hands to the writer. `connection_id` scopes the items' keys."""

    tenant_id: str
    connection_id: str
    reader: Reader | None = None
    items: Sequence[Item] = ()
    delivery: Delivery | None = None
    facts: Sequence[Fact] = ()
    strict: bool = False
    """Our own API: an unusable item is rejected with its reason instead of quarantined."""
    release: Sequence[str] = ()
    """Quarantined items to try again."""
    causes: Sequence[str] = ()
    """What has come that quarantined items wait for: an earlier append's `causes_left`."""

    @property
    def size(self) -> int:
        return max(1, len(self.items) + len(self.facts) + len(self.release))

    @property
    def body_bytes(self) -> int:
        return len(self.delivery.body) if self.delivery is not None else 0


@dataclass(slots=True)
class Result:
    status: Status
    code: str | None = None
    message: str | None = None


@dataclass(slots=True)
class Outcome:
    """Per item, in the order given; `offset` is the log's last offset after the append."""

    results: list[Result]
    offset: int = 0
    causes_left: Sequence[str] = ()
    """For these more may wait than one append takes: submit them again."""

    def count(self, *statuses: Status) -> int:
        return sum(result.status in statuses for result in self.results)


@dataclass(slots=True)
class _Piece:
    """One new item on its way through the append."""

    submission: Submission
    item: Item
    delivery_id: str
    result: Result
    digest: bytes
    held_id: str | None = None
    connection_id: str = ""
    reader: Reader | None = None
    drafts: Sequence[Draft] = ()
    retraction: Retraction | None = None


@dataclass(slots=True)
class _Plan:
    """What this append will write."""

    head: int
    now: datetime
    entries: list[Entry] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)


def digest_of(raw: Any) -> bytes:
    """The item's hash: the same content has the same hash whatever its spelling."""
    return hashlib.sha256(strictjson.dumps_canonical(raw)).digest()


async def append(
    connection: Connection, tenant_id: str, submissions: Sequence[Submission], now: datetime
) -> list[Outcome]:
    """Append all `submissions` of one tenant; the caller commits."""
    plan = _Plan(await log.lock_head(connection, tenant_id), now)
    outcomes = [Outcome([]) for _ in submissions]
    pieces, new_items = await _unseen(connection, tenant_id, submissions, outcomes)
    causes = await _learn(connection, tenant_id, submissions, outcomes, plan, new_items)
    settled = await _released(connection, tenant_id, submissions, causes, pieces, outcomes)
    if pieces:
        await _conclude(connection, tenant_id, pieces, plan)
    deliveries = [s.delivery for s in submissions if s.delivery is not None]
    await log.insert_deliveries(connection, tenant_id, deliveries)
    # A rejected item may be sent again once its cause is mended: it has not been taken.
    refused = {(p.connection_id, p.item.key) for p in pieces if p.result.status == "rejected"}
    taken = [item for item in new_items if item[:2] not in refused]
    await log.insert_items(connection, tenant_id, taken)
    await log.insert_held(connection, tenant_id, plan.held, now)
    await log.settle_held(
        connection, tenant_id, [h for h, r in settled if r.status == "accepted"], "released", now
    )
    head = plan.head + len(plan.entries)
    if plan.entries:
        await log.insert_entries(connection, tenant_id, plan.head, plan.entries, now)
        touched = {subject: state.pack(plan.states[subject]) for subject in plan.touched}
        await log.save_states(connection, tenant_id, touched, head)
        await log.set_head(connection, tenant_id, head)
    for outcome in outcomes:
        outcome.offset = head
    return outcomes


async def _unseen(
    connection: Connection,
    tenant_id: str,
    submissions: Sequence[Submission],
    outcomes: Sequence[Outcome],
) -> tuple[list[_Piece], list[tuple[str, str, bytes, str]]]:
    """The items that were never taken before; repeats get their result here."""
    asked = [
        (submission, outcome, item, digest_of(item.raw))
        for submission, outcome in zip(submissions, outcomes, strict=True)
        for item in submission.items
    ]
    if not asked:
        return [], []
    keys = {(submission.connection_id, item.key) for submission, _, item, _ in asked}
    seen = await log.seen_items(connection, tenant_id, list(keys))
    pieces: list[_Piece] = []
    rows: list[tuple[str, str, bytes, str]] = []
    for submission, outcome, item, digest in asked:
        result = Result("accepted")
        outcome.results.append(result)
        key = (submission.connection_id, item.key)
        earlier = seen.get(key)
        delivery_id = submission.delivery.id if submission.delivery else ids.new()
        piece = _Piece(
            submission, item, delivery_id, result, digest,
            connection_id=submission.connection_id, reader=submission.reader,
        )  # fmt: skip
        if earlier is None:
            seen[key] = digest
            rows.append((*key, digest, delivery_id))
            pieces.append(piece)
        elif earlier == digest:
            result.status = "duplicate"
        else:
            message = f"{item.key} was taken before with another body; the first one stands"
            result.status, result.code, result.message = "conflict", "key_conflict", message
            if not submission.strict:
                piece.reader = None
                pieces.append(piece)
    return pieces, rows


async def _learn(
    connection: Connection,
    tenant_id: str,
    submissions: Sequence[Submission],
    outcomes: Sequence[Outcome],
    plan: _Plan,
    new_items: list[tuple[str, str, bytes, str]],
) -> list[str]:
    """Take facts that are new into the log and into what kpi knows; what all of them may release.

    A repeated fact does so again: whoever sent it may have died before everything was released.
    """
    asked = [
        (submission.connection_id, outcome, fact)
        for submission, outcome in zip(submissions, outcomes, strict=True)
        for fact in submission.facts
    ]
    causes = [cause for submission in submissions for cause in submission.causes]
    if not asked:
        return causes
    seen = await log.seen_items(connection, tenant_id, [(c, fact.id) for c, _, fact in asked])
    new = []
    for connection_id, outcome, fact in asked:
        key = (connection_id, fact.id)
        outcome.results.append(Result("duplicate" if key in seen else "accepted"))
        if key not in seen:
            seen[key] = b""
            new.append(fact)
            new_items.append((*key, digest_of(fact.payload), fact.id))
    plan.entries += [
        Entry(fact.id, "fact", fact.type, fact.subject, fact.occurred_at, (), None,
              log.text_of(fact.payload))
        for fact in new
    ]  # fmt: skip
    await facts.learn(connection, tenant_id, new, plan.head)
    return causes + facts.causes([fact for _, _, fact in asked])


async def _released(
    connection: Connection,
    tenant_id: str,
    submissions: Sequence[Submission],
    causes: Sequence[str],
    pieces: list[_Piece],
    outcomes: Sequence[Outcome],
) -> list[tuple[str, Result]]:
    """Quarantined items that are tried again: by request, or because their cause came."""
    rows = []
    if causes:
        rows += await log.waiting(connection, tenant_id, causes, limits.ARRAY_ITEMS)
        if len(rows) == limits.ARRAY_ITEMS:
            for outcome in outcomes:
                outcome.causes_left = causes
    wanted = {held: o for s, o in zip(submissions, outcomes, strict=True) for held in s.release}
    if wanted:
        rows += await log.waiting(connection, tenant_id, None, limits.ARRAY_ITEMS, list(wanted))
    settled = []
    readers = await connections.readers(
        connection, tenant_id, {row["connection_id"] for row in rows}
    )
    for row in {row["id"]: row for row in rows}.values():
        result = Result("accepted")
        settled.append((row["id"], result))
        if row["id"] in wanted:
            wanted[row["id"]].results.append(result)
        raw = strictjson.parse(row["item"].encode())
        release = Submission(tenant_id, row["connection_id"])
        pieces.append(
            _Piece(
                release,
                Item(row["item_key"], raw),
                row["delivery_id"],
                result,
                digest_of(raw),
                held_id=row["id"],
                connection_id=row["connection_id"],
                reader=readers.get(row["connection_id"]),
            )
        )
    return settled


async def _conclude(
    connection: Connection, tenant_id: str, pieces: Sequence[_Piece], plan: _Plan
) -> None:
    """Read the new items, resolve what they refer to, fold the deals they touch."""
    settings = await organisation.settings(connection, tenant_id)
    context = Context(
        await connections.pipelines(connection, tenant_id),
        settings[-1]["currency"] if settings else None,
        plan.now,
    )
    await _map(connection, tenant_id, pieces)
    usable = [piece for piece in pieces if await _read(connection, tenant_id, piece, context, plan)]
    references = {
        owner["owner"]
        for piece in usable
        for draft in piece.drafts
        for owner in draft.fields.get("owners") or ()
    }
    members = (
        await organisation.members_by_reference(connection, tenant_id, references)
        if references
        else {}
    )
    new: dict[str, list[tuple[_Piece, list[Observed]]]] = {}
    for piece in usable:
        resolved = _resolve(piece, members, context)
        if isinstance(resolved, Unusable):
            await _hold(connection, tenant_id, piece, resolved, plan)
            continue
        for subject, observed in resolved.items():
            new.setdefault(subject, []).append((piece, observed))
    packed = await log.load_states(connection, tenant_id, list(new))
    for subject, parts in new.items():
        plan.states[subject] = state.unpack(packed.get(subject))
        await _fold(connection, tenant_id, subject, parts, plan)


async def _map(connection: Connection, tenant_id: str, pieces: Sequence[_Piece]) -> None:
    """An edge may not yet know of a mapping; under the head's lock it is there or still to come."""
    unmapped = [piece for piece in pieces if piece.reader is None and not piece.result.code]
    found = await connections.readers(connection, tenant_id, {p.connection_id for p in unmapped})
    for piece in unmapped:
        piece.reader = found.get(piece.connection_id)


async def _read(
    connection: Connection, tenant_id: str, piece: _Piece, context: Context, plan: _Plan
) -> bool:
    if piece.reader is None:
        why = Unusable(
            piece.result.code or "no_mapping",
            piece.result.message
            or "the connection has no active mapping: activate one, then release",
            waits_for=None if piece.result.code else f"mapping:{piece.connection_id}",
        )
        await _hold(connection, tenant_id, piece, why, plan)
        return False
    try:
        found = piece.reader.read(piece.item.raw, piece.item.key, context)
    except Exception:  # a fault in reading one item must not block the others
        logger.exception("an item could not be read")
        found = Unusable("fault", "reading this item failed; it can be released after the fix")
    if isinstance(found, Unusable):
        await _hold(connection, tenant_id, piece, found, plan)
        return False
    if isinstance(found, Retraction):
        piece.retraction = found
    else:
        piece.drafts = found
    return True


async def _hold(
    connection: Connection, tenant_id: str, piece: _Piece, why: Unusable, plan: _Plan
) -> None:
    """Quarantine the item (or reject it, for our own API) under its reason."""
    if piece.result.status == "accepted":
        piece.result.status = "rejected" if piece.submission.strict else "quarantined"
    piece.result.code, piece.result.message = why.reason, why.message
    if piece.held_id is not None:
        await log.blame_held(
            connection, tenant_id, piece.held_id, why.reason, why.message, why.path, why.waits_for
        )
    elif not piece.submission.strict:
        plan.held.append(
            Held(
                ids.new(),
                piece.connection_id,
                piece.delivery_id,
                piece.item.key,
                strictjson.dumps_canonical(piece.item.raw).decode(),
                why.reason,
                why.message,
                why.path,
                why.waits_for,
            )
        )


def _resolve(
    piece: _Piece, members: Mapping[str, str], context: Context
) -> dict[str, list[Observed]] | Unusable:
    """The item's drafts as observations by subject, with owners and stages looked up."""
    assert piece.reader is not None
    found: dict[str, list[Observed]] = {}
    if piece.retraction is not None:
        return {_subject(piece.retraction.deal, piece.reader.namespace): []}
    for draft in piece.drafts:
        fields = dict(draft.fields)
        for owner in fields.get("owners") or ():
            if owner["owner"] not in members:
                return Unusable(
                    "unknown_owner", f"no member has the id {owner['owner']}",
                    path="owners", waits_for=f"owner:{owner['owner']}",
                )  # fmt: skip
        if fields.get("owners") is not None:
            shares: dict[str, int] = {}  # one member may be named twice: by either of two ids
            for owner in fields["owners"]:
                member = members[owner["owner"]]
                shares[member] = shares.get(member, 0) + owner["share_bp"]
            fields["owners"] = sorted(
                ({"member": member, "share_bp": share} for member, share in shares.items()),
                key=lambda owner: (-owner["share_bp"], owner["member"]),
            )
        else:
            fields.pop("owners", None)
        refused = _stage(fields, context) or _limits(draft, fields, context)
        if refused is not None:
            return refused
        subject = _subject(draft.deal, piece.reader.namespace)
        found.setdefault(subject, []).append(
            Observed(
                ids.new(),
                f"{piece.connection_id}/{draft.source}",
                draft.kind,
                draft.effective_at,
                draft.precision,
                fields,
                draft.version,
                draft.ordinal,
            )
        )
    return found


def _subject(deal: str, namespace: str) -> str:
    """`deal:<connection>:<id>`; our own events may name the connection in the deal's id."""
    if namespace == EVENTS_NAMESPACE and ":" in deal:
        return f"deal:{deal}"
    return f"deal:{namespace}:{deal}"


def _stage(fields: dict[str, Any], context: Context) -> Unusable | None:
    """Replace pipeline and stage codes by the stage as the tenant's pipeline defines it."""
    code, name = fields.pop("pipeline", None), fields.pop("stage", None)
    if name is None:
        return None
    pipeline = context.pipelines.get(code or next(iter(context.pipelines), ""))
    stage = pipeline.stage(name) if pipeline else None
    if pipeline is None or stage is None:
        return Unusable(
            "unknown_stage", f"pipeline {code or '(default)'} has no stage {name}",
            path="stage", waits_for=f"stage:{pipeline.code if pipeline else code}:{name}",
        )  # fmt: skip
    fields["stage"] = {
        "pipeline": pipeline.code, "code": stage.code, "kind": stage.kind, "position": stage.position,
    }  # fmt: skip
    return None


def _limits(draft: Draft, fields: Mapping[str, Any], context: Context) -> Unusable | None:
    amount = fields.get("amount")
    if (
        amount is not None
        and context.currency is not None
        and amount["currency"] != context.currency
    ):
        return Unusable(
            "currency_without_rate",
            f"no rate from {amount['currency']} to the tenant's {context.currency} is declared",
            path="amount.currency", waits_for=f"rate:{amount['currency']}",
        )  # fmt: skip
    if draft.effective_at is not None and draft.effective_at > context.now + timedelta(
        hours=limits.FUTURE_HOURS
    ):
        return Unusable(
            "future", f"{draft.effective_at.isoformat()} lies more than a day ahead", path="at"
        )
    return None


async def _fold(
    connection: Connection,
    tenant_id: str,
    subject: str,
    parts: Sequence[tuple[_Piece, list[Observed]]],
    plan: _Plan,
) -> None:
    """Fold one deal's new observations; where that fails, find the item that fails alone."""
    try:
        _fold_parts(subject, parts, plan)
    except Exception:  # a fault in folding quarantines its item and never blocks the others
        logger.exception("folding %s failed", subject)
        for part in parts:
            try:
                _fold_parts(subject, [part], plan)
            except Exception:  # noqa: BLE001 — logged above
                why = Unusable(
                    "fault", "folding this item failed; it can be released after the fix"
                )
                await _hold(connection, tenant_id, part[0], why, plan)


def _fold_parts(subject: str, parts: Sequence[tuple[_Piece, list[Observed]]], plan: _Plan) -> None:
    """Items of one source within one append replace each other in order, so fold in rounds."""
    deliveries = {seen.id: piece.delivery_id for piece, observed in parts for seen in observed}
    entries: list[Entry] = []
    current = plan.states[subject]
    for piece, new in _rounds(parts):
        retracted = [
            f"{p.connection_id}/{p.retraction.source}" for p in piece if p.retraction is not None
        ]
        folded = transitions.fold(current, new, retracted)
        entries += [
            Entry(
                seen.id, "observation", events.OBSERVED, subject, seen.effective_at,
                folded.replaced_observations.get(seen.id, ()), deliveries[seen.id],
                log.text_of({
                    "kind": seen.kind, "source": seen.source, "precision": seen.precision,
                    "version": seen.version, "ordinal": seen.ordinal, "fields": seen.fields,
                }),
            )
            for seen in new
        ]  # fmt: skip
        entries += [
            Entry(
                ids.new(), "observation", events.RETRACTED, subject, None,
                [o.id for o in current.observations if o.source == source], None,
                log.text_of({"source": source}),
            )
            for source in retracted
        ]  # fmt: skip
        if folded.superseded:
            entries.append(
                Entry(
                    ids.new(),
                    "conclusion",
                    transitions.SUPERSEDED,
                    subject,
                    None,
                    folded.superseded,
                    new[0].id if new else None,
                    "{}",
                )
            )
        concluded = [replace(conclusion, id=ids.new()) for conclusion in folded.concluded]
        entries += [
            Entry(
                c.id, "conclusion", c.type, subject, c.effective_at, (), c.cause,
                log.text_of({**c.payload, "order": c.order}),
            )
            for c in concluded
        ]  # fmt: skip
        standing = [*folded.state.conclusions, *concluded]
        current = replace(folded.state, conclusions=standing)
    plan.states[subject] = current
    plan.touched.add(subject)
    plan.entries += entries


def _rounds(
    parts: Sequence[tuple[_Piece, list[Observed]]],
) -> list[tuple[list[_Piece], list[Observed]]]:
    """Split so that no source occurs in two items of one round."""
    rounds: list[tuple[list[_Piece], list[Observed]]] = [([], [])]
    sources: set[str] = set()
    for piece, observed in parts:
        mine = {seen.source for seen in observed}
        if piece.retraction is not None:
            mine.add(f"{piece.connection_id}/{piece.retraction.source}")
        if mine & sources:
            rounds.append(([], []))
            sources = set()
        sources |= mine
        rounds[-1][0].append(piece)
        rounds[-1][1].extend(observed)
    return rounds
