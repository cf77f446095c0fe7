"""What an event of our own API can state of each kind of record, field by field.

>>> known = Known({}, "CNY", None)
>>> read("contract", "C-7", {"amount": "1200.50", "deal": "crm:D-1", "ends_on": "2026-12-31",
...     "schedule": [{"due_on": "2026-03-31", "amount": "600.25"}]}, "delta", known)
{'deal': 'crm:D-1', 'amount': {'minor': 120050, 'currency': 'CNY'}, 'ends_on': '2026-12-31', \
'schedule': [{'due_on': '2026-03-31', 'amount': {'minor': 60025, 'currency': 'CNY'}}]}
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.kit.money import WHOLE_BP
from services.kpi.domain import wire
from services.kpi.domain.observation import CONTRACT_KINDS, FIELDS_OF, Pipeline, Record
from services.kpi.domain.wire import Unfit

EVENTS_NAMESPACE = "events"
"""Where records of our own event API live unless their id names a connection."""
_MONEY = ("amount", "annual_fee", "schedule")


@dataclass(frozen=True, slots=True)
class Known:
    """What the tenant has: pipelines, its currency, the default pipeline's code."""

    pipelines: Mapping[str, Pipeline]
    currency: str | None
    pipeline: str | None


def names(record: Record) -> set[str]:
    """The fields of `data` beside the record's id, kind and version."""
    found = {*FIELDS_OF[record], "owner"}
    return found | {"currency"} if found.intersection(_MONEY) else found


def read(
    record: Record, id_: str, data: Mapping[str, Any], kind: str, known: Known
) -> dict[str, Any]:
    """Draft.fields of the record `id_` from an event's `data`, whose names are known to be right."""
    found: dict[str, Any] = {"account": id_} if record == "customer" else {}
    if record == "deal":
        found |= _place(data, kind, known)
    if "currency" in data and not any(name in data for name in _MONEY):
        raise Unfit("bad_amount", "a currency says nothing without amount", path="data.currency")
    currency = known.currency if data.get("currency") is None else data["currency"]
    for name in FIELDS_OF[record]:
        path = f"data.{name}"
        if name == "owners":
            if "owners" in data or "owner" in data:
                found[name] = _owners(data)
        elif name not in data or name in found or name in {"pipeline", "stage"}:
            continue
        elif name == "schedule":
            found[name] = _schedule(data[name], currency, path)
        elif data[name] is None:
            found[name] = None
        elif name in _MONEY:
            found[name] = wire.amount(data[name], "major", currency, path)
        else:
            found[name] = _reader(name)(data[name], path)
    wire.term(found, "data.ends_on")
    return found


def _place(data: Mapping[str, Any], kind: str, known: Known) -> dict[str, Any]:
    if kind != "snapshot" and "stage" not in data and "pipeline" not in data:
        return {}
    pipeline = _pipeline(data.get("pipeline"), known)
    found = {"pipeline": pipeline.code}
    if "stage" in data:
        found["stage"] = _stage(data["stage"], pipeline)
    return found


def _reference(value: Any, path: str | None) -> str:
    """`<connection>:<id>`; a bare id is of our own events."""
    found = wire.text(value, path)
    return found if ":" in found else f"{EVENTS_NAMESPACE}:{found}"


def _contract_kind(value: Any, path: str | None) -> str:
    return wire.one_of(value, CONTRACT_KINDS, path)


_Reader = Callable[[Any, str | None], Any]
_READ: dict[str, _Reader] = {
    "deal": _reference, "contract": _reference, "renews": _reference,
    "starts_on": wire.day, "ends_on": wire.day, "minutes": wire.minutes,
    "activity_kind": wire.code, "contract_kind": _contract_kind,
}  # fmt: skip


def _reader(name: str) -> _Reader:
    """How a value that is there is read; what _READ does not name is a text."""
    return _READ.get(name, wire.text)


def _schedule(listed: Any, currency: Any, path: str) -> list[dict[str, Any]]:
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise Unfit("bad_value", "a schedule is an array of objects", path=path)
    lines = []
    for line in listed:
        if not isinstance(line, dict) or set(line) != {"due_on", "amount"}:
            raise Unfit("bad_value", "each line of a schedule has due_on and amount", path=path)
        money = wire.amount(line["amount"], "major", currency, path)
        lines.append((wire.day(line["due_on"], path), money))
    return wire.schedule(lines, path)


def _pipeline(value: Any, known: Known) -> Pipeline:
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
