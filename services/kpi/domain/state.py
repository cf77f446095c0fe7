"""The engine's state of a deal as plain JSON values, and back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.kpi.domain.transitions import Conclusion, Observed, State


def pack(state: State) -> dict[str, Any]:
    return {
        "observations": [
            [
                o.id,
                o.source,
                o.kind,
                _text(o.effective_at),
                o.precision,
                o.fields,
                o.version,
                o.ordinal,
            ]
            for o in state.observations
        ],
        "conclusions": [
            [c.id, c.type, _text(c.effective_at), c.payload, c.cause, c.order]
            for c in state.conclusions
        ],
        "retracted": sorted(state.retracted),
    }


def unpack(packed: Mapping[str, Any] | None) -> State:
    if packed is None:
        return State()
    return State(
        [
            Observed(id_, source, kind, _instant(at), precision, fields, version, ordinal)
            for id_, source, kind, at, precision, fields, version, ordinal in packed["observations"]
        ],
        [
            Conclusion(type_, _instant(at), payload, cause, order, id_)
            for id_, type_, at, payload, cause, order in packed["conclusions"]
        ],
        frozenset(packed["retracted"]),
    )


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
