"""What stands of a subject: its conclusions that no later entry has taken back.

The log is append-only, so a correction is an entry that names what it supersedes. A reader keeps,
per subject, the conclusions that stand, and works out from them what it shows: the same set gives
the same figures, whatever the order in which it came to be (architecture.md, "Projections").

>>> won = Entry(7, "e1", "conclusion", "deal.won.v1", "deal:crm:1", None, (), {"order": 0})
>>> taken_back = Entry(9, "e2", "conclusion", SUPERSEDED, "deal:crm:1", None, ("e1",), {})
>>> standing = apply({}, won)
>>> sorted(standing), sorted(apply(standing, taken_back))
(['e1'], [])
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

SUPERSEDED = "conclusions.superseded.v1"
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class Entry(NamedTuple):
    """An entry of the log as its readers get it; `effective_at` is None where it is not known."""

    offset: int
    id: str
    kind: str
    type: str
    subject: str
    effective_at: datetime | None
    supersedes: Sequence[str]
    payload: Mapping[str, Any]

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Self:
        """From an item of kpi's feed."""
        return cls(
            item["offset"], item["id"], item["kind"], item["type"], item["subject"],
            _instant(item["effective_at"]), tuple(item["supersedes"]), item["payload"],
        )  # fmt: skip


def apply(standing: Mapping[str, Entry], entry: Entry) -> dict[str, Entry]:
    """What stands after a conclusion, by id; other kinds of entry change nothing."""
    if entry.kind != "conclusion":
        return dict(standing)
    left = {id_: one for id_, one in standing.items() if id_ not in entry.supersedes}
    if entry.type != SUPERSEDED:
        left[entry.id] = entry
    return left


def in_order(standing: Iterable[Entry]) -> list[Entry]:
    """By effective time, then by place within one instant; undated ones come first."""
    return sorted(
        standing, key=lambda one: (one.effective_at or _BEFORE_ALL, one.payload.get("order", 0))
    )


def pack(standing: Mapping[str, Entry]) -> list[Any]:
    """As plain JSON values, to be stored."""
    return [
        [one.offset, one.id, one.type, _text(one.effective_at), one.payload]
        for one in in_order(standing.values())
    ]


def unpack(subject: str, packed: Iterable[Sequence[Any]]) -> dict[str, Entry]:
    return {
        id_: Entry(offset, id_, "conclusion", type_, subject, _instant(at), (), payload)
        for offset, id_, type_, at, payload in packed
    }


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
