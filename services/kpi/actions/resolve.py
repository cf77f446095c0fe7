"""What an item refers to is looked up: members, stages, other records, the tenant's currency.

A draft becomes an observation of a subject, `<record>:<connection>:<id>`; a customer's is
`customer:<account>`, the same whoever names it.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from services.kit import ids, limits
from services.kpi.actions.submission import Piece
from services.kpi.domain.intake.fields import EVENTS_NAMESPACE
from services.kpi.domain.observation import Draft, Record, Unusable
from services.kpi.domain.reading import Context
from services.kpi.domain.transitions import Observed

_REFERENCES: dict[str, Record] = {"deal": "deal", "contract": "contract", "renews": "contract"}


def observations(
    piece: Piece, members: Mapping[str, str], context: Context
) -> dict[str, list[Observed]] | Unusable:
    """The item's drafts as observations by subject; `members` are ids by every reference."""
    assert piece.reader is not None
    namespace = piece.reader.namespace
    if piece.retraction is not None:
        return {_subject(piece.retraction.record, piece.retraction.id, namespace): []}
    found: dict[str, list[Observed]] = {}
    for draft in piece.drafts:
        fields = dict(draft.fields)
        refused = (
            _owners(fields, members) or _stage(fields, context) or _limits(draft, fields, context)
        )
        if refused is not None:
            return refused
        for name, record in _REFERENCES.items():
            if fields.get(name) is not None:
                fields[name] = f"{record}:{fields[name]}"
        found.setdefault(_subject(draft.record, draft.id, namespace), []).append(
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


def _subject(record: Record, id_: str, namespace: str) -> str:
    """Our own events may name the connection in the record's id."""
    if record == "customer" or (namespace == EVENTS_NAMESPACE and ":" in id_):
        return f"{record}:{id_}"
    return f"{record}:{namespace}:{id_}"


def _owners(fields: dict[str, Any], members: Mapping[str, str]) -> Unusable | None:
    """Replace the owners' references by members."""
    owners = fields.pop("owners", None)
    if owners is None:
        return None
    shares: dict[str, int] = {}  # one member may be named twice: by either of two ids
    for owner in owners:
        member = members.get(owner["owner"])
        if member is None:
            return Unusable(
                "unknown_owner", f"no member has the id {owner['owner']}",
                path="owners", waits_for=f"owner:{owner['owner']}",
            )  # fmt: skip
        shares[member] = shares.get(member, 0) + owner["share_bp"]
    fields["owners"] = sorted(
        ({"member": member, "share_bp": share} for member, share in shares.items()),
        key=lambda owner: (-owner["share_bp"], owner["member"]),
    )
    return None


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
    foreign = next(_foreign(fields, context), None)
    if foreign is not None:
        return Unusable(
            "currency_without_rate",
            f"no rate from {foreign} to the tenant's {context.currency} is declared",
            path="amount.currency", waits_for=f"rate:{foreign}",
        )  # fmt: skip
    if draft.effective_at is not None and draft.effective_at > context.now + timedelta(
        hours=limits.FUTURE_HOURS
    ):
        return Unusable(
            "future", f"{draft.effective_at.isoformat()} lies more than a day ahead", path="at"
        )
    return None


def _foreign(fields: Mapping[str, Any], context: Context) -> Iterator[str]:
    """Currencies other than the tenant's."""
    amounts = [fields.get("amount"), fields.get("annual_fee")]
    amounts += [line["amount"] for line in fields.get("schedule") or ()]
    for amount in amounts:
        if amount is not None and context.currency not in {None, amount["currency"]}:
            yield amount["currency"]
