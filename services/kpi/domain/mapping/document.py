"""The shape of a mapping document: every key known, every default written out.

`normal` answers the document in its one canonical form, so that two documents that mean the same
are equal, and everything after it may rely on the shape.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

from services.kit.errors import Invalid
from services.kpi.domain.observation import FIELDS_OF
from services.kpi.domain.wire import scalar

VERSION = 1
KINDS = ("delta", "snapshot", "notice", "deleted", "restored")
MONEY_UNITS = ("major", "minor", "micros")
SETTABLE = tuple(field for field in FIELDS_OF["deal"] if field != "pipeline")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_MOST = {"stages": 100, "observations": 50, "when": 20, "in": 1_000, "lookup": 10_000}
_MOST_CHARACTERS = 1_000


class MappingInvalid(Invalid):
    """A mapping document that cannot be used; `path` names the place in it."""

    code = "mapping_invalid"


def refuse(place: str, what: str) -> NoReturn:
    raise MappingInvalid(f"{place}: {what}", path=place)


def normal(document: Any) -> dict[str, Any]:
    top = _record(
        document, "", needed="mapping connection zone pipeline deal observations",
        optional="tenant currency money_unit items key source lookups owners",
    )  # fmt: skip
    if type(top["mapping"]) is not int or top["mapping"] != VERSION:
        refuse("mapping", f"the version of this format is {VERSION}")
    paths = {key: _maybe_text(top[key], key) for key in ("items", "key", "source")}
    connection = _name(top["connection"], "connection")
    lookups = {
        _name(name, "lookups"): _lookup(table, f"lookups.{name}")
        for name, table in _mapping(_or(top["lookups"], {}), "lookups").items()
    }
    observations = [
        _observation(entry, place, lookups)
        for place, entry in _entries(top["observations"], "observations", "observations")
    ]
    if top["currency"] is None and any("amount" in entry["set"] for entry in observations):
        refuse("currency", "is needed because an observation sets amount; it is never assumed")
    return {
        "mapping": VERSION,
        "tenant": None if top["tenant"] is None else _name(top["tenant"], "tenant"),
        "connection": connection,
        "zone": _text(top["zone"], "zone"),
        "currency": _currency(top["currency"]),
        "money_unit": _one_of(_or(top["money_unit"], "major"), "money_unit", MONEY_UNITS),
        "pipeline": _pipeline(top["pipeline"]),
        **paths,
        "deal": _text(top["deal"], "deal"),
        "lookups": lookups,
        "owners": _name(connection if top["owners"] is None else top["owners"], "owners"),
        "observations": observations,
    }


def _pipeline(node: Any) -> dict[str, Any]:
    pipeline = _record(node, "pipeline", needed="code stages", optional="name")
    stages: list[dict[str, Any]] = []
    for place, entry in _entries(pipeline["stages"], "pipeline.stages", "stages"):
        stage = _record(entry, place, needed="code kind", optional="name")
        code = _code(stage["code"], f"{place}.code")
        if any(code == other["code"] for other in stages):
            refuse(f"{place}.code", f"the stage {code!r} is there twice")
        kind = _one_of(stage["kind"], f"{place}.kind", ("open", "won", "lost"))
        name = _text(code if stage["name"] is None else stage["name"], f"{place}.name")
        stages.append({"code": code, "name": name, "kind": kind})
    for kind in ("open", "won", "lost"):
        if not any(stage["kind"] == kind for stage in stages):
            refuse("pipeline.stages", f"no stage is of kind {kind}")
    code = _code(pipeline["code"], "pipeline.code")
    name = _text(code if pipeline["name"] is None else pipeline["name"], "pipeline.name")
    return {"code": code, "name": name, "stages": stages}


def _observation(node: Any, place: str, lookups: Mapping[str, Any]) -> dict[str, Any]:
    entry = _record(node, place, needed="kind", optional="when at version set")
    kind = _one_of(entry["kind"], f"{place}.kind", KINDS)
    rules = _mapping(_or(entry["set"], {}), f"{place}.set")
    if rules and kind not in {"delta", "snapshot"}:
        refuse(f"{place}.set", f"a {kind} sets nothing")
    if not rules and kind == "delta":
        refuse(f"{place}.set", "a delta names at least one field")
    for field in rules:
        if field not in SETTABLE:
            refuse(f"{place}.set.{field}", f"is not one of {', '.join(SETTABLE)}")
    return {
        "kind": kind,
        "when": [
            _condition(condition, at)
            for at, condition in _entries(
                _or(entry["when"], []), f"{place}.when", "when", empty=True
            )
        ],
        "at": None if entry["at"] is None else _at(entry["at"], f"{place}.at"),
        "version": _maybe_text(entry["version"], f"{place}.version"),
        "set": {
            field: _rule(field, rules[field], f"{place}.set.{field}", lookups)
            for field in SETTABLE
            if field in rules
        },
    }


def _condition(node: Any, place: str) -> dict[str, Any]:
    condition = _record(node, place, needed="path", optional="exists eq in")
    operators = [name for name in ("exists", "eq", "in") if condition[name] is not None]
    if len(operators) != 1:
        refuse(place, "a condition has exactly one of exists, eq and in")
    path, operator = _text(condition["path"], f"{place}.path"), operators[0]
    operand, here = condition[operator], f"{place}.{operator}"
    if operator == "exists":
        if not isinstance(operand, bool):
            refuse(here, "is true or false")
        return {"path": path, "exists": operand}
    if operator == "eq":
        return {"path": path, "eq": _value(operand, here)}
    return {"path": path, "in": [_value(each, at) for at, each in _entries(operand, here, "in")]}


def _at(node: Any, place: str) -> dict[str, Any]:
    at = _record(node, place, needed="path", optional="format unit")
    if at["format"] is not None and at["unit"] is not None:
        refuse(place, "has a format or a unit, not both")
    unit = at["unit"]
    return {
        "path": _text(at["path"], f"{place}.path"),
        "format": _maybe_text(at["format"], f"{place}.format"),
        "unit": None if unit is None else _one_of(unit, f"{place}.unit", ("ms", "s")),
    }


def _rule(field: str, node: Any, place: str, lookups: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(node, Mapping) and "value" in node:
        return {"value": _value(_record(node, place, needed="value")["value"], f"{place}.value")}
    lookup_keys = "" if field == "amount" else "lookup otherwise"
    parts = "owner share_bp" if field == "owners" else ""
    rule = _record(node, place, needed="path", optional=f"missing {lookup_keys} {parts}")
    normal_rule: dict[str, Any] = {"path": _text(rule["path"], f"{place}.path")}
    missing = _one_of(_or(rule["missing"], "skip"), f"{place}.missing", ("skip", "empty", "refuse"))
    if field == "stage" and missing == "empty":
        refuse(f"{place}.missing", "a deal is always in a stage: skip or refuse")
    normal_rule["missing"] = missing
    if lookup_keys:
        name, otherwise = rule["lookup"], rule["otherwise"]
        if name is not None and (not isinstance(name, str) or name not in lookups):
            refuse(f"{place}.lookup", f"there is no lookup {name!r}")
        if name is None and otherwise is not None:
            refuse(f"{place}.otherwise", "says nothing without a lookup")
        normal_rule["lookup"] = name
        normal_rule["otherwise"] = (
            _one_of(_or(otherwise, "refuse"), f"{place}.otherwise", ("keep", "refuse", "empty"))
            if name is not None
            else None
        )
    if parts:
        owner, share = (_maybe_text(rule[key], f"{place}.{key}") for key in parts.split())
        if share is not None and owner is None:
            refuse(f"{place}.share_bp", "needs owner, the path within each element")
        normal_rule |= {"owner": owner, "share_bp": share}
    return normal_rule


def _currency(node: Any) -> Any:
    if isinstance(node, Mapping):
        path = _record(node, "currency", needed="path")["path"]
        return {"path": _text(path, "currency.path")}
    return _maybe_text(node, "currency")


def _lookup(node: Any, place: str) -> dict[str, str]:
    table = {}
    for key, value in _mapping(node, place, any_key=True).items():
        found = _value(key, place)
        if found in table:
            refuse(place, f"has {found!r} twice")
        table[found] = _value(value, f"{place}.{found}")
    if not 0 < len(table) <= _MOST["lookup"]:
        refuse(place, f"has 1 to {_MOST['lookup']} entries")
    return dict(sorted(table.items()))


def _record(node: Any, place: str, *, needed: str, optional: str = "") -> dict[str, Any]:
    known = [*needed.split(), *optional.split()]
    given = _mapping(node, place)
    for key in given:
        if key not in known:
            refuse(_join(place, key), f"is not one of {', '.join(known)}")
    for key in needed.split():
        if given.get(key) is None:
            refuse(_join(place, key), "is missing")
    return {key: given.get(key) for key in known}


def _mapping(node: Any, place: str, *, any_key: bool = False) -> Mapping[Any, Any]:
    if not isinstance(node, Mapping):
        refuse(place or "document", "must be an object of keys and values")
    if not any_key and not all(isinstance(key, str) for key in node):
        refuse(place or "document", "has a key that is no text: put it in quotes")
    return node


def _entries(node: Any, place: str, kind: str, *, empty: bool = False) -> list[tuple[str, Any]]:
    if not isinstance(node, list | tuple):
        refuse(place, "must be a list")
    if len(node) > _MOST[kind] or not (node or empty):
        refuse(place, f"has {0 if empty else 1} to {_MOST[kind]} entries")
    return [(f"{place}[{position}]", entry) for position, entry in enumerate(node)]


def _value(node: Any, place: str) -> str:
    """A constant as text, the form in which items are compared: 5 equals "5"."""
    if isinstance(node, bool) and not place.endswith((".eq", "]")):
        refuse(place, "is true or false: YAML reads yes and no so; put the text in quotes")
    found = scalar(Decimal(str(node)) if isinstance(node, float) else node)
    if not found or len(found) > _MOST_CHARACTERS:
        refuse(place, "must be a text or a number, and not empty")
    return found


def _text(node: Any, place: str) -> str:
    if not isinstance(node, str) or not 0 < len(node) <= _MOST_CHARACTERS:
        refuse(place, f"must be a text of 1 to {_MOST_CHARACTERS} characters")
    return node


def _maybe_text(node: Any, place: str) -> str | None:
    return None if node is None else _text(node, place)


def _name(node: Any, place: str) -> str:
    if not isinstance(node, str) or not _NAME.fullmatch(node):
        refuse(place, "must be a short name: small letters, digits, - and _, at most 63")
    return node


def _code(node: Any, place: str) -> str:
    if not isinstance(node, str) or not _CODE.fullmatch(node):
        refuse(place, "must be a code in quotes: letters, digits, . - and _, at most 63")
    return node


def _one_of(node: Any, place: str, options: tuple[str, ...]) -> str:
    if not isinstance(node, str) or node not in options:
        refuse(place, f"must be one of {', '.join(options)}")
    return node


def _or(node: Any, default: Any) -> Any:
    """Null is absent; an empty text or list where another thing belongs is a mistake."""
    return default if node is None else node


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
