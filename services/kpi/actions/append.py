"""The append: everything that enters a tenant's log, in one transaction under the head's lock.

Lock the head → drop items already seen → read the new ones into observations → fold the deals they
touch → take offsets → insert deliveries, items, observations with their conclusions, states →
commit. An answer therefore means: stored *and* concluded. What cannot be used is quarantined (or
rejected, for our own API) and never blocks the rest.
"""

from collections.abc import Sequence
from datetime import datetime

from services.kit import ids, limits, strictjson
from services.kit.db import Connection
from services.kpi.actions import facts
from services.kpi.actions.conclude import conclude
from services.kpi.actions.submission import (
    Item,
    Outcome,
    Piece,
    Plan,
    Result,
    Submission,
    digest_of,
)
from services.kpi.domain import state
from services.kpi.store import connections, log
from services.kpi.store.log import Entry


async def append(
    connection: Connection, tenant_id: str, submissions: Sequence[Submission], now: datetime
) -> list[Outcome]:
    """Append all `submissions` of one tenant; the caller commits."""
    plan = Plan(await log.lock_head(connection, tenant_id), now)
    outcomes = [Outcome([]) for _ in submissions]
    pieces, new_items = await _unseen(connection, tenant_id, submissions, outcomes)
    causes = await _learn(connection, tenant_id, submissions, outcomes, plan, new_items)
    settled = await _released(connection, tenant_id, submissions, causes, pieces, outcomes)
    if pieces:
        await conclude(connection, tenant_id, pieces, plan)
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
) -> tuple[list[Piece], list[tuple[str, str, bytes, str]]]:
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
    pieces: list[Piece] = []
    rows: list[tuple[str, str, bytes, str]] = []
    for submission, outcome, item, digest in asked:
        result = Result("accepted")
        outcome.results.append(result)
        key = (submission.connection_id, item.key)
        earlier = seen.get(key)
        delivery_id = submission.delivery.id if submission.delivery else ids.new()
        piece = Piece(
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
    plan: Plan,
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
    pieces: list[Piece],
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
            Piece(
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
