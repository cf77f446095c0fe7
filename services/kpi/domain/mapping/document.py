"""The shape of a mapping document: every key known, every default written out.

`normal` answers the document in its one canonical form, so that two documents that mean the same
are equal, and everything after it may rely on the shape.
"""

from collections.abc import Mapping
from typing import Any

from services.kpi.domain.mapping import shape
from services.kpi.domain.mapping.shape import refuse
from services.kpi.domain.observation import FIELDS_OF, ID_FIELD, RECORDS, Record

VERSION = 1
KINDS = ("delta", "snapshot", "notice", "deleted", "restored")
MONEY_UNITS = ("major", "minor", "micros")
MONEY = ("amount", "annual_fee", "schedule")
DAYS = ("starts_on", "ends_on")
NAMESPACES = {"deals": ("deal",), "contracts": ("contract", "renews")}
"""Keys that say in which connection the records live that these fields refer to."""
_UNTRANSLATED = {*MONEY, *DAYS, "minutes"}


def normal(document: Any) -> dict[str, Any]:
    given = shape.table(document, "")
    record: Record = shape.one_of(shape.default_to(given.get("record"), "deal"), "record", RECORDS)  # type: ignore[assignment]  # one of them
    id_field, is_deal = ID_FIELD[record], record == "deal"
    namespaces = [key for key, fields in NAMESPACES.items() if set(fields) & set(FIELDS_OF[record])]
    top = shape.keys(
        document, "",
        needed=f"mapping connection zone {'pipeline' if is_deal else ''} {id_field} observations",
        optional="record tenant currency money_unit items key source lookups owners "
        + " ".join(namespaces),
    )  # fmt: skip
    if type(top["mapping"]) is not int or top["mapping"] != VERSION:
        refuse("mapping", f"the version of this format is {VERSION}")
    paths = {key: shape.maybe_text(top[key], key) for key in ("items", "key", "source")}
    connection = shape.name(top["connection"], "connection")
    lookups = {
        shape.name(name, "lookups"): _lookup(table, f"lookups.{name}")
        for name, table in shape.table(shape.default_to(top["lookups"], {}), "lookups").items()
    }
    observations = [
        _observation(entry, place, record, lookups)
        for place, entry in shape.entries(top["observations"], "observations", "observations")
    ]
    money = [name for name in MONEY if any(name in entry["set"] for entry in observations)]
    if top["currency"] is None and money:
        refuse("currency", f"is needed because an observation sets {money[0]}; it is never assumed")
    unit = shape.default_to(top["money_unit"], "major")
    return {
        "mapping": VERSION,
        "record": record,
        "tenant": None if top["tenant"] is None else shape.name(top["tenant"], "tenant"),
        "connection": connection,
        "zone": shape.text(top["zone"], "zone"),
        "currency": _currency(top["currency"]),
        "money_unit": shape.one_of(unit, "money_unit", MONEY_UNITS),
        **({"pipeline": _pipeline(top["pipeline"])} if is_deal else {}),
        **paths,
        id_field: shape.text(top[id_field], id_field),
        "lookups": lookups,
        **{
            key: shape.name(shape.default_to(top[key], connection), key)
            for key in ("owners", *namespaces)
        },
        "observations": observations,
    }


def _pipeline(node: Any) -> dict[str, Any]:
    pipeline = shape.keys(node, "pipeline", needed="code stages", optional="name")
    stages: list[dict[str, Any]] = []
    for place, entry in shape.entries(pipeline["stages"], "pipeline.stages", "stages"):
        stage = shape.keys(entry, place, needed="code kind", optional="name")
        code = shape.code(stage["code"], f"{place}.code")
        if any(code == other["code"] for other in stages):
            refuse(f"{place}.code", f"the stage {code!r} is there twice")
        kind = shape.one_of(stage["kind"], f"{place}.kind", ("open", "won", "lost"))
        name = shape.text(code if stage["name"] is None else stage["name"], f"{place}.name")
        stages.append({"code": code, "name": name, "kind": kind})
    for kind in ("open", "won", "lost"):
        if not any(stage["kind"] == kind for stage in stages):
            refuse("pipeline.stages", f"no stage is of kind {kind}")
    code = shape.code(pipeline["code"], "pipeline.code")
    name = shape.text(code if pipeline["name"] is None else pipeline["name"], "pipeline.name")
    return {"code": code, "name": name, "stages": stages}


def _observation(
    node: Any, place: str, record: Record, lookups: Mapping[str, Any]
) -> dict[str, Any]:
    entry = shape.keys(node, place, needed="kind", optional="when at version set")
    kinds = tuple(kind for kind in KINDS if kind != "notice" or record == "deal")
    kind = shape.one_of(entry["kind"], f"{place}.kind", kinds)
    rules = shape.table(shape.default_to(entry["set"], {}), f"{place}.set")
    settable = [field for field in FIELDS_OF[record] if field != "pipeline"]
    if rules and kind not in {"delta", "snapshot"}:
        refuse(f"{place}.set", f"a {kind} sets nothing")
    if not rules and kind == "delta":
        refuse(f"{place}.set", "a delta names at least one field")
    for field in rules:
        if field not in settable:
            refuse(f"{place}.set.{field}", f"is not one of {', '.join(settable)}")
    return {
        "kind": kind,
        "when": [
            _condition(condition, at)
            for at, condition in shape.entries(
                shape.default_to(entry["when"], []), f"{place}.when", "when", empty=True
            )
        ],
        "at": None if entry["at"] is None else _at(entry["at"], f"{place}.at"),
        "version": shape.maybe_text(entry["version"], f"{place}.version"),
        "set": {
            field: _rule(field, rules[field], f"{place}.set.{field}", lookups)
            for field in settable
            if field in rules
        },
    }


def _condition(node: Any, place: str) -> dict[str, Any]:
    condition = shape.keys(node, place, needed="path", optional="exists eq in")
    operators = [name for name in ("exists", "eq", "in") if condition[name] is not None]
    if len(operators) != 1:
        refuse(place, "a condition has exactly one of exists, eq and in")
    path, operator = shape.text(condition["path"], f"{place}.path"), operators[0]
    operand, here = condition[operator], f"{place}.{operator}"
    if operator == "exists":
        if not isinstance(operand, bool):
            refuse(here, "is true or false")
        return {"path": path, "exists": operand}
    if operator == "eq":
        return {"path": path, "eq": shape.constant(operand, here)}
    return {
        "path": path,
        "in": [shape.constant(each, at) for at, each in shape.entries(operand, here, "in")],
    }


def _at(node: Any, place: str) -> dict[str, Any]:
    at = shape.keys(node, place, needed="path", optional="format unit")
    return {"path": shape.text(at["path"], f"{place}.path"), **_dating(at, place)}


def _dating(rule: Mapping[str, Any], place: str) -> dict[str, Any]:
    if rule["format"] is not None and rule["unit"] is not None:
        refuse(place, "has a format or a unit, not both")
    unit = rule["unit"]
    return {
        "format": shape.maybe_text(rule["format"], f"{place}.format"),
        "unit": None if unit is None else shape.one_of(unit, f"{place}.unit", ("ms", "s")),
    }


def _rule(field: str, node: Any, place: str, lookups: Mapping[str, Any]) -> dict[str, Any]:
    if field == "schedule":
        return _schedule(node, place)
    if isinstance(node, Mapping) and "value" in node:
        value = shape.keys(node, place, needed="value")["value"]
        return {"value": shape.constant(value, f"{place}.value")}
    has_lookup = field not in _UNTRANSLATED
    parts = "owner share_bp" if field == "owners" else ""
    dated = "format unit" if field in DAYS else ""
    translated = "lookup otherwise" if has_lookup else ""
    rule = shape.keys(node, place, needed="path", optional=f"missing {translated} {dated} {parts}")
    missing = _missing(rule, place)
    if field == "stage" and missing == "empty":
        refuse(f"{place}.missing", "a deal is always in a stage: skip or refuse")
    return {
        "path": shape.text(rule["path"], f"{place}.path"),
        "missing": missing,
        **(_translation(rule, place, lookups) if has_lookup else {}),
        **(_owner_parts(rule, place) if parts else {}),
        **(_dating(rule, place) if dated else {}),
    }


def _missing(rule: Mapping[str, Any], place: str) -> str:
    missing = shape.default_to(rule["missing"], "skip")
    return shape.one_of(missing, f"{place}.missing", ("skip", "empty", "refuse"))


def _schedule(node: Any, place: str) -> dict[str, Any]:
    """Payments in an array of the item, or each in fields of its own."""
    rule = shape.keys(
        node, place, needed="", optional="path due_on amount lines missing format unit"
    )
    if (rule["path"] is None) == (rule["lines"] is None):
        refuse(place, "has a path to an array, or lines of its own")
    common = {"missing": _missing(rule, place), **_dating(rule, place)}
    if rule["path"] is not None:
        path = shape.text(rule["path"], f"{place}.path")
        return {"path": path, **_payment(rule, place), **common}
    if rule["due_on"] is not None or rule["amount"] is not None:
        refuse(place, "names due_on and amount in each of its lines")
    lines = [
        _payment(shape.keys(line, at, needed="due_on amount"), at)
        for at, line in shape.entries(rule["lines"], f"{place}.lines", "lines")
    ]
    return {"lines": lines, **common}


def _payment(rule: Mapping[str, Any], place: str) -> dict[str, str]:
    return {key: shape.text(rule[key], f"{place}.{key}") for key in ("due_on", "amount")}


def _translation(rule: Mapping[str, Any], place: str, lookups: Mapping[str, Any]) -> dict[str, Any]:
    name, otherwise = rule["lookup"], rule["otherwise"]
    if name is None:
        if otherwise is not None:
            refuse(f"{place}.otherwise", "says nothing without a lookup")
        return {"lookup": None, "otherwise": None}
    if not isinstance(name, str) or name not in lookups:
        refuse(f"{place}.lookup", f"there is no lookup {name!r}")
    otherwise = shape.default_to(otherwise, "refuse")
    options = ("keep", "refuse", "empty")
    return {"lookup": name, "otherwise": shape.one_of(otherwise, f"{place}.otherwise", options)}


def _owner_parts(rule: Mapping[str, Any], place: str) -> dict[str, Any]:
    owner, share = (shape.maybe_text(rule[key], f"{place}.{key}") for key in ("owner", "share_bp"))
    if share is not None and owner is None:
        refuse(f"{place}.share_bp", "needs owner, the path within each element")
    return {"owner": owner, "share_bp": share}


def _currency(node: Any) -> Any:
    if isinstance(node, Mapping):
        path = shape.keys(node, "currency", needed="path")["path"]
        return {"path": shape.text(path, "currency.path")}
    return shape.maybe_text(node, "currency")


def _lookup(node: Any, place: str) -> dict[str, str]:
    table = {}
    for key, value in shape.table(node, place, any_key=True).items():
        found = shape.constant(key, place)
        if found in table:
            refuse(place, f"has {found!r} twice")
        table[found] = shape.constant(value, f"{place}.{found}")
    if not 0 < len(table) <= shape.MOST["lookup"]:
        refuse(place, f"has 1 to {shape.MOST['lookup']} entries")
    return dict(sorted(table.items()))
