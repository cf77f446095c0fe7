"""Our own event API: an event in our words, plain or as a CloudEvent, becomes an observation.

Senders here are programs written for us, so nothing is mapped and nothing unknown is passed over:
a misspelt field is named in the answer for that item. In `data`, a field that is null is empty; in
a delta an absent one stays as it was. An event is identified by source and id, and so is what it
says: a retraction takes back an earlier event of the same source.

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

from services.kit.money import WHOLE_BP
from services.kit.period import FIRST_YEAR, LAST_YEAR
from services.kpi.domain import wire
from services.kpi.domain.observation import Draft, Pipeline, Unusable
from services.kpi.domain.wire import Unfit

OBSERVED = "deal.observed.v1"
RETRACTED = "observation.retracted.v1"
_MOST_CHARACTERS = 256
_ENVELOPE = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema"}
    | {"data"}
)
_KINDS = {"delta", "snapshot", "notice", "deleted", "restored"}
_ALWAYS = frozenset({"deal", "kind", "version"})
_TEXTS = ("product", "channel", "account")
_STATED = frozenset({"pipeline", "stage", "amount", "currency", "owners", "owner", *_TEXTS})
_EXTENSION = re.compile(r"[a-z0-9]{1,20}")
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


@dataclass(frozen=True, slots=True)
class Retraction:
    """An earlier event about a deal is taken back; `source` is its `Draft.source`."""

    deal: str
    source: str


@dataclass(frozen=True, slots=True)
class _Known:
    pipelines: Mapping[str, Pipeline]
    currency: str | None
    pipeline: str | None


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
        return _draft(event, data, identity, _Known(pipelines, default_currency, default_pipeline))
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
    if event.get("type") not in (OBSERVED, RETRACTED):
        message = f"type must be {OBSERVED} or {RETRACTED}"
        raise Unfit("unknown_type", message, path="type")
    data = event.get("data")
    if not isinstance(data, dict):
        raise Unfit("bad_event", "data must be an object", path="data")
    return data


def _retraction(event: Mapping[str, Any], data: Mapping[str, Any]) -> Retraction:
    _only(data, {"deal", "retracts"}, "a retraction")
    if not _is_name(data.get("retracts")):
        message = "retracts must be the id of an earlier event of the same source"
        raise Unfit("bad_value", message, path="data.retracts")
    return Retraction(_deal(data.get("deal")), _identity(event, data["retracts"]))


def _draft(
    event: Mapping[str, Any], data: Mapping[str, Any], identity: str, known: _Known
) -> Draft:
    kind = data.get("kind", "delta")
    if not isinstance(kind, str) or kind not in _KINDS:
        message = f"kind must be one of {', '.join(sorted(_KINDS))}"
        raise Unfit("unknown_kind", message, path="data.kind")
    states = kind in {"delta", "snapshot"}
    _only(data, _ALWAYS | _STATED if states else _ALWAYS, f"a {kind} of a deal")
    deal = _deal(data.get("deal"))
    version = data.get("version")
    effective_at = _time(event.get("time"))
    return Draft(
        id=deal,
        source=identity,
        kind=kind,  # type: ignore[arg-type]  # it is one of _KINDS
        effective_at=effective_at,
        precision="unknown" if effective_at is None else "instant",
        fields=_fields(data, kind, known) if states else {},
        version=0 if version is None else wire.version(version, "data.version"),
    )


def _only(data: Mapping[str, Any], allowed: frozenset[str] | set[str], what: str) -> None:
    for name in data:
        if name not in allowed:
            message = f"{what} has no field {name[:60]!r}"
            raise Unfit("unknown_field", message, path=f"data.{name[:60]}")


def _deal(value: Any) -> str:
    try:
        return wire.text(value)
    except Unfit as unfit:
        raise Unfit("no_deal_id", f"deal: {unfit.unusable.message}", path="data.deal") from None


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


def _fields(data: Mapping[str, Any], kind: str, known: _Known) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if kind == "snapshot" or "stage" in data or "pipeline" in data:
        pipeline = _pipeline(data.get("pipeline"), known)
        fields["pipeline"] = pipeline.code
        if "stage" in data:
            fields["stage"] = _stage(data["stage"], pipeline)
    if "amount" in data or "currency" in data:
        fields["amount"] = _amount(data, known)
    if "owners" in data or "owner" in data:
        fields["owners"] = _owners(data)
    for name in _TEXTS:
        if name in data:
            value = data[name]
            fields[name] = None if value is None else wire.text(value, f"data.{name}")
    return fields


def _pipeline(value: Any, known: _Known) -> Pipeline:
    code = known.pipeline if value is None else value
    pipeline = known.pipelines.get(code) if isinstance(code, str) else None
    if pipeline is None:
        message = f"there is no pipeline {wire.shown(code)}" if code else "name the pipeline"
        waits_for = f"pipeline:{wire.text(code)}" if isinstance(code, str) and code else None
        raise Unfit("unknown_pipeline", message, path="data.pipeline", waits_for=waits_for)
    return pipeline


def _stage(value: Any, pipeline: Pipeline) -> str:
    path = "data.stage"
    code = wire.text(value, path)
    if pipeline.stage(code) is None:
        message = f"the pipeline {pipeline.code} has no stage {wire.shown(code)}"
        waits_for = f"stage:{pipeline.code}:{code}"
        raise Unfit("unknown_stage", message, path=path, waits_for=waits_for)
    return code


def _amount(data: Mapping[str, Any], known: _Known) -> dict[str, Any] | None:
    if "amount" not in data:
        raise Unfit("bad_amount", "a currency says nothing without amount", path="data.currency")
    if data["amount"] is None:
        return None
    currency = known.currency if data.get("currency") is None else data["currency"]
    return wire.amount(data["amount"], "major", currency, "data.amount")


def _owners(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    path = "data.owners"
    if "owner" in data and "owners" in data:
        raise Unfit("bad_owner_shares", "give owner or owners, not both", path=path)
    if "owner" in data:
        owner = data["owner"]
        return [] if owner is None else wire.shares([(wire.text(owner, "data.owner"), WHOLE_BP)])
    listed = data["owners"]
    if listed is None or listed == []:
        return []
    if not isinstance(listed, list) or len(listed) > wire.OWNERS:
        message = f"owners must be an array of at most {wire.OWNERS} objects"
        raise Unfit("bad_owner_shares", message, path=path)
    pairs = []
    for part in listed:
        if not isinstance(part, dict) or set(part) != {"owner", "share_bp"}:
            raise Unfit("bad_owner_shares", "each owner has owner and share_bp", path=path)
        pairs.append((wire.text(part["owner"], path), part["share_bp"]))
    return wire.shares(pairs, path)
