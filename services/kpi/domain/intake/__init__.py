"""Our own event API: an event in our words, plain or as a CloudEvent, becomes an observation.

Senders here are programs written for us, so nothing is mapped and nothing unknown is passed over:
a misspelt field is named in the answer for that item. In `data`, a field that is null is empty; in
a delta an absent one stays as it was. `fields` has what each kind of record can state. An event is
identified by source and id, and so is what it says: a retraction takes back an earlier event of the
same source.

>>> from services.kpi.domain.observation import Stage
>>> stages = (Stage("won", "Won", "won", 0),)
>>> event = {"id": "e-1", "source": "erp", "type": "deal.observed.v1",
...     "time": "2026-03-01T09:30:00+08:00",
...     "data": {"deal": "D-7", "stage": "won", "amount": "1200.50", "owner": "erp:42"}}
>>> draft = read(event, pipelines={"sales": Pipeline("sales", "Sales", stages)},
...     default_currency="CNY", default_pipeline="sales")
>>> print(draft.source, draft.effective_at, draft.fields["amount"])
erp|e-1 2026-03-01 01:30:00+00:00 {'minor': 120050, 'currency': 'CNY'}
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.kit.period import FIRST_YEAR, LAST_YEAR
from services.kpi.domain import wire
from services.kpi.domain.events import OBSERVED, RETRACTED
from services.kpi.domain.intake import fields
from services.kpi.domain.intake.fields import Known
from services.kpi.domain.observation import ID_FIELD, Draft, Pipeline, Record, Unusable
from services.kpi.domain.wire import Unfit

_MOST_CHARACTERS = 256
_ENVELOPE = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema"}
    | {"data"}
)
_KINDS = {"delta", "snapshot", "notice", "deleted", "restored"}
_RECORD_OF: dict[str, Record] = {type_: record for record, type_ in OBSERVED.items()}
_EXTENSION = re.compile(r"[a-z0-9]{1,20}")
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


@dataclass(frozen=True, slots=True)
class Retraction:
    """An earlier event about a record is taken back; `source` is its `Draft.source`."""

    id: str
    source: str
    record: Record = "deal"


def key(event: Any) -> str | Unusable:
    """What identifies an event, `source|id`; the source is empty where none is given."""
    try:
        return _key(event)
    except Unfit as unfit:
        return unfit.unusable


def read(
    event: Any,
    *,
    pipelines: Mapping[str, Pipeline],
    default_currency: str | None,
    default_pipeline: str | None,
) -> Draft | Retraction | Unusable:
    try:
        identity = _key(event)
        data = _data(event)
        if event["type"] == RETRACTED:
            return _retraction(event, data)
        return _draft(event, data, identity, Known(pipelines, default_currency, default_pipeline))
    except Unfit as unfit:
        return unfit.unusable


def _key(event: Any) -> str:
    if not isinstance(event, dict):
        raise Unfit("bad_event", f"{wire.shown(event)} is not an event: send an object")
    if not _is_name(event.get("id")):
        message = f"an event needs an id: a text of 1 to {_MOST_CHARACTERS} characters"
        raise Unfit("no_event_id", message, path="id")
    return _identity(event, event["id"])


def _identity(event: Mapping[str, Any], event_id: str) -> str:
    source = event.get("source")
    if source is None and "specversion" not in event:
        return f"|{event_id}"
    if not _is_name(source):
        message = f"source must be a text of 1 to {_MOST_CHARACTERS} characters"
        raise Unfit("bad_source", message, path="source")
    # The bar parts the two, so one inside a source is written as in a URI.
    return f"{str(source).replace('|', '%7C')}|{event_id}"


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MOST_CHARACTERS and "\0" not in value


def _data(event: Mapping[str, Any]) -> Mapping[str, Any]:
    is_cloud = "specversion" in event
    if is_cloud and event["specversion"] != "1.0":
        raise Unfit("bad_event", "specversion must be 1.0", path="specversion")
    for name in event:
        if name not in _ENVELOPE and not (is_cloud and _EXTENSION.fullmatch(name)):
            raise Unfit("unknown_field", f"an event has no field {name[:60]!r}", path=name[:60])
    type_ = event.get("type")
    if not isinstance(type_, str) or (type_ not in _RECORD_OF and type_ != RETRACTED):
        message = f"type must be one of {', '.join((*_RECORD_OF, RETRACTED))}"
        raise Unfit("unknown_type", message, path="type")
    data = event.get("data")
    if not isinstance(data, dict):
        raise Unfit("bad_event", "data must be an object", path="data")
    return data


def _retraction(event: Mapping[str, Any], data: Mapping[str, Any]) -> Retraction:
    _only(data, {*ID_FIELD.values(), "retracts"}, "a retraction")
    about = [record for record, name in ID_FIELD.items() if name in data]
    if len(about) > 1:
        names = ", ".join(ID_FIELD[record] for record in about)
        raise Unfit("bad_value", f"a retraction is about one of {names}", path="data")
    record: Record = about[0] if about else "deal"
    if not _is_name(data.get("retracts")):
        message = "retracts must be the id of an earlier event of the same source"
        raise Unfit("bad_value", message, path="data.retracts")
    return Retraction(_id(data, record), _identity(event, data["retracts"]), record)


def _draft(event: Mapping[str, Any], data: Mapping[str, Any], identity: str, known: Known) -> Draft:
    record = _RECORD_OF[event["type"]]
    kind = data.get("kind", "delta")
    # Of a deal alone the stages matter that were passed unseen.
    kinds = _KINDS if record == "deal" else _KINDS - {"notice"}
    if not isinstance(kind, str) or kind not in kinds:
        message = f"kind must be one of {', '.join(sorted(kinds))}"
        raise Unfit("unknown_kind", message, path="data.kind")
    states = kind in {"delta", "snapshot"}
    always = {ID_FIELD[record], "kind", "version"}
    allowed = always | fields.names(record) if states else always
    _only(data, allowed, f"a {kind} of a {record}")
    id_, version = _id(data, record), data.get("version")
    effective_at = _time(event.get("time"))
    return Draft(
        id=id_,
        source=identity,
        kind=kind,  # type: ignore[arg-type]  # it is one of _KINDS
        effective_at=effective_at,
        precision="unknown" if effective_at is None else "instant",
        fields=fields.read(record, id_, data, kind, known) if states else {},
        version=0 if version is None else wire.version(version, "data.version"),
        record=record,
    )


def _only(data: Mapping[str, Any], allowed: set[str], what: str) -> None:
    for name in data:
        if name not in allowed:
            message = f"{what} has no field {name[:60]!r}"
            raise Unfit("unknown_field", message, path=f"data.{name[:60]}")


def _id(data: Mapping[str, Any], record: Record) -> str:
    name = ID_FIELD[record]
    try:
        return wire.text(data.get(name))
    except Unfit as unfit:
        message, path = f"{name}: {unfit.unusable.message}", f"data.{name}"
        if record == "deal":
            raise Unfit("no_deal_id", message, path=path) from None
        raise Unfit("no_record_id", message, path=path) from None


def _time(value: Any) -> datetime | None:
    if value is None:
        return None
    moment = None
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        # The 30th of February, an hour 25, an offset of a day, the year 0.
        with suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        message = (
            f"{wire.shown(value)} is not an RFC 3339 time with offset, like 2026-03-01T09:30:00Z, "
            f"of the years {FIRST_YEAR} to {LAST_YEAR}"
        )
        raise Unfit("bad_time", message, path="time")
    return moment
