"""From new items to conclusions: read, look up what they refer to, fold the records they touch.

The fold itself is pure (domain/transitions.py, domain/records). Here its results become entries of
the append's plan, and what cannot be used is quarantined under its reason.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from services.kit import directory, ids, strictjson
from services.kit.db import Connection
from services.kpi.actions import resolve
from services.kpi.actions.submission import Piece, Plan
from services.kpi.domain import events, records, state, transitions
from services.kpi.domain.intake import Retraction
from services.kpi.domain.observation import Unusable
from services.kpi.domain.reading import Context
from services.kpi.domain.transitions import Observed
from services.kpi.store import connections, log
from services.kpi.store.log import Entry, Held

logger = logging.getLogger(__name__)


async def conclude(
    connection: Connection, tenant_id: str, pieces: Sequence[Piece], plan: Plan
) -> None:
    """Read the new items, resolve what they refer to, fold the records they touch."""
    settings = await directory.settings(connection, tenant_id)
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
        await directory.members_by_reference(connection, tenant_id, references)
        if references
        else {}
    )
    new: dict[str, list[tuple[Piece, list[Observed]]]] = {}
    for piece in usable:
        resolved = resolve.observations(piece, members, context)
        if isinstance(resolved, Unusable):
            await _hold(connection, tenant_id, piece, resolved, plan)
            continue
        for subject, observed in resolved.items():
            new.setdefault(subject, []).append((piece, observed))
    packed = await log.load_states(connection, tenant_id, list(new))
    for subject, parts in new.items():
        plan.states[subject] = state.unpack(packed.get(subject))
        await _fold(connection, tenant_id, subject, parts, plan)


async def _map(connection: Connection, tenant_id: str, pieces: Sequence[Piece]) -> None:
    """An edge may not yet know of a mapping; under the head's lock it is there or still to come."""
    unmapped = [piece for piece in pieces if piece.reader is None and not piece.result.code]
    found = await connections.readers(connection, tenant_id, {p.connection_id for p in unmapped})
    for piece in unmapped:
        piece.reader = found.get(piece.connection_id)


async def _read(
    connection: Connection, tenant_id: str, piece: Piece, context: Context, plan: Plan
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
    connection: Connection, tenant_id: str, piece: Piece, why: Unusable, plan: Plan
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


async def _fold(
    connection: Connection,
    tenant_id: str,
    subject: str,
    parts: Sequence[tuple[Piece, list[Observed]]],
    plan: Plan,
) -> None:
    """Fold one record's new observations; where that fails, find the item that fails alone."""
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


def _fold_parts(subject: str, parts: Sequence[tuple[Piece, list[Observed]]], plan: Plan) -> None:
    """Items of one source within one append replace each other in order, so fold in rounds."""
    follow, observed_type = records.history_of(subject), events.OBSERVED[records.kind_of(subject)]
    deliveries = {seen.id: piece.delivery_id for piece, observed in parts for seen in observed}
    entries: list[Entry] = []
    current = plan.states[subject]
    for piece, new in _rounds(parts):
        retracted = [
            f"{p.connection_id}/{p.retraction.source}" for p in piece if p.retraction is not None
        ]
        folded = transitions.fold(current, new, retracted, follow=follow)
        entries += [
            Entry(
                seen.id, "observation", observed_type, subject, seen.effective_at,
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
    parts: Sequence[tuple[Piece, list[Observed]]],
) -> list[tuple[list[Piece], list[Observed]]]:
    """Split so that no source occurs in two items of one round."""
    rounds: list[tuple[list[Piece], list[Observed]]] = [([], [])]
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
