"""Deals told in one line each: observations, their conclusions, and what they add to the funnel."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from services.kit.organisation.whereabouts import Span, Whereabouts
from services.kpi.domain import funnel, transitions
from services.kpi.domain.funnel import UNDATED, Posting
from services.kpi.domain.observation import Precision
from services.kpi.domain.transitions import Conclusion, Observed

KINDS = {
    "lead": "open", "intent": "open", "negotiation": "open", "won": "won", "lost": "lost",
}  # fmt: skip
STAGES: dict[str, dict[str, Any]] = {
    code: {"pipeline": "sales", "code": code, "kind": kind, "position": position}
    for position, (code, kind) in enumerate(KINDS.items())
}


def stage(named: str, /, **other: Any) -> dict[str, Any]:
    return {**STAGES[named], **other}


def cny(minor: int) -> dict[str, Any]:
    return {"minor": minor, "currency": "CNY"}


def owners(*shares: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"member": member, "share_bp": share} for member, share in shares]


def instant(text: str | None) -> datetime | None:
    """`2026-01-05` is that day at noon, None no time at all."""
    if text is None:
        return None
    return datetime.fromisoformat(text if "T" in text else f"{text}T12:00").replace(tzinfo=UTC)


def seen(source: str, at: str | None, kind: Any = "delta", **fields: Any) -> Observed:
    """An observation; `stage` may be a code, `owner` one member, `amount` minor units of CNY."""
    version, ordinal = fields.pop("version", 0), fields.pop("ordinal", 0)
    if "owner" in fields:
        fields["owners"] = owners((fields.pop("owner"), 10_000))
    if isinstance(fields.get("stage"), str):
        fields["stage"] = stage(fields["stage"])
    if isinstance(fields.get("amount"), int):
        fields["amount"] = cny(fields["amount"])
    precision: Precision = "unknown" if at is None else "instant"
    return Observed(
        f"o-{source}-{ordinal}", source, kind, instant(at), precision, fields, version, ordinal
    )


def told(conclusions: Iterable[Conclusion]) -> list[tuple[str, str | None]]:
    """`("stage_changed", "2026-01-09")` per conclusion, in effective order."""
    return [
        (
            conclusion.type.removeprefix("deal.").removesuffix(".v1"),
            conclusion.effective_at.date().isoformat() if conclusion.effective_at else None,
        )
        for conclusion in sorted(conclusions, key=funnel.effective_order)
    ]


def day_of(conclusion: Conclusion) -> date:
    if conclusion.effective_at is None:
        return UNDATED
    return conclusion.effective_at.date()


def span(target: str | None, start: str, end: str | None = None, share_bp: int = 10_000) -> Span:
    return Span(
        target, date.fromisoformat(start), date.fromisoformat(end) if end else None, share_bp
    )


def company(
    memberships: Mapping[str, Sequence[Span]] | None = None,
    placements: Mapping[str, Sequence[Span]] | None = None,
) -> Whereabouts:
    """Region over north (ann, ben) and south (cai), unless told otherwise."""
    usual = {"ann": "north", "ben": "north", "cai": "south"}
    return Whereabouts(
        {name: [span(unit, "2020-01-01")] for name, unit in usual.items()}
        | dict(memberships or {}),
        {
            "region": [span(None, "2020-01-01")],
            "north": [span("region", "2020-01-01")],
            "south": [span("region", "2020-01-01")],
        }
        | dict(placements or {}),
    )


def post(observations: Iterable[Observed], where: Whereabouts | None = None) -> list[Posting]:
    """The postings of one deal, from its first observation on."""
    events = [
        replace(conclusion, id=f"e{number}")
        for number, conclusion in enumerate(transitions.history(observations))
    ]
    return funnel.postings(events, day_of, (where or company()))


def total(postings: Iterable[Posting], *names: str, **wanted: Any) -> dict[Any, tuple[int, int]]:
    """Deals and amounts by the named parts of the key, where both are not zero.

    `wanted` picks postings by parts of their key; `until` and `since` by their day.
    """
    until = date.fromisoformat(wanted.pop("until", "9999-12-31"))
    since = date.fromisoformat(wanted.pop("since", "0001-01-01"))
    deals: Counter[Any] = Counter()
    minor: Counter[Any] = Counter()
    for posting in postings:
        key = posting.key
        if since <= key.day <= until and all(getattr(key, n) == v for n, v in wanted.items()):
            name = tuple(getattr(key, n) for n in names)
            deals[name] += posting.deals
            minor[name] += posting.amount_minor
    return {
        (name[0] if len(name) == 1 else name): (deals[name], minor[name])
        for name in deals
        if deals[name] or minor[name]
    }
