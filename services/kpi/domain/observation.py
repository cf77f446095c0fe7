"""What a sender said about a record, in our words: the input of the fold (method.md section 4).

A record is a deal, contract, collection, refund, activity or customer. An observation says
something about one of them at one effective time. `delta` sets the named fields;
`snapshot` states the whole object, so a field that is absent is empty; `notice` says only that
something changed; `deleted` and `restored` are what they say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

Kind = Literal["delta", "snapshot", "notice", "deleted", "restored"]
Precision = Literal["instant", "day", "unknown"]
StageKind = Literal["open", "won", "lost"]
Record = Literal["deal", "contract", "collection", "refund", "activity", "customer"]
RECORDS: tuple[Record, ...] = get_args(Record)
ID_FIELD: dict[Record, str] = {
    **{record: record for record in RECORDS}, "customer": "account"
}  # fmt: skip
"""What a record's own id is called; a customer's is the account, one text per tenant."""
_RECEIPT = ("account", "contract", "deal", "owners", "amount")
FIELDS_OF: dict[Record, tuple[str, ...]] = {
    "deal": ("pipeline", "stage", "amount", "owners", "product", "channel", "account"),
    "contract": (
        "account", "deal", "owners", "amount", "annual_fee", "starts_on", "ends_on",
        "contract_kind", "renews", "schedule",
    ),
    "collection": _RECEIPT,
    "refund": _RECEIPT,
    "activity": ("activity_kind", "account", "deal", "owners", "minutes"),
    "customer": ("name", "industry", "region", "owners"),
}  # fmt: skip
"""What can be stated of each."""
CONTRACT_KINDS = ("new", "renewal", "addon")


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

    `id` is the record's at its sender. `fields` holds any of FIELDS_OF[record]: `pipeline` and
    `stage` codes; `amount` and `annual_fee` as `{"minor": int, "currency": str}` or None; `owners`
    as `[{"owner": str, "share_bp": int}]` summing to 10,000; `starts_on` and `ends_on` as ISO dates
    (the last is in force); `schedule` as `[{"due_on": ISO date, "amount": money}]`; `minutes` whole;
    `deal`, `contract` and `renews` as `<connection>:<id>`; and texts.
    `source` identifies what the item describes at its sender; a later item with the same source
    supersedes this one's observations. `ordinal` orders the observations of one item.
    """

    id: str
    source: str
    kind: Kind
    effective_at: datetime | None
    precision: Precision
    fields: Mapping[str, Any]
    version: int = 0
    ordinal: int = 0
    record: Record = "deal"


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a well-formed item cannot be used yet: it waits in quarantine under `reason`."""

    reason: str
    message: str
    path: str | None = None
    waits_for: str | None = None
    """What would release it by itself, e.g. `owner:hubspot:42` or `stage:sales:55`."""
