"""What a sender said about a deal, in our words: the input of the fold (method.md section 4).

An observation says something about one deal at one effective time. `delta` sets the named fields;
`snapshot` states the whole object, so a field that is absent is empty; `notice` says only that
something changed; `deleted` and `restored` are what they say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Kind = Literal["delta", "snapshot", "notice", "deleted", "restored"]
Precision = Literal["instant", "day", "unknown"]
StageKind = Literal["open", "won", "lost"]
FIELDS = ("pipeline", "stage", "amount", "owners", "product", "channel", "account")


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a pipeline; `position` counts from 0 in the pipeline's order."""

    code: str
    name: str
    kind: StageKind
    position: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    code: str
    name: str
    stages: tuple[Stage, ...]

    def stage(self, code: str) -> Stage | None:
        return next((stage for stage in self.stages if stage.code == code), None)


@dataclass(frozen=True, slots=True)
class Draft:
    """An observation before its owners are looked up: owners are external ids or member ids.

    `fields` holds any of FIELDS: `pipeline` and `stage` codes, `amount` as
    `{"minor": int, "currency": str}` or None, `owners` as `[{"owner": str, "share_bp": int}]`
    summing to 10,000, and the texts `product`, `channel`, `account`.
    `source` identifies what the item describes at its sender; a later item with the same source
    supersedes this one's observations. `ordinal` orders the observations of one item.
    """

    deal: str
    source: str
    kind: Kind
    effective_at: datetime | None
    precision: Precision
    fields: Mapping[str, Any]
    version: int = 0
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a well-formed item cannot be used yet: it waits in quarantine under `reason`."""

    reason: str
    message: str
    path: str | None = None
    waits_for: str | None = None
    """What would release it by itself, e.g. `owner:hubspot:42` or `stage:sales:55`."""
