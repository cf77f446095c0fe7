"""What an observation sets, field by field: a compiled rule writes into the draft's fields.

A value is read, taken for missing or not, looked up, and checked against what the field holds.
Whatever the mapping does not provide for is Unfit: it waits until somebody maps it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.kit.money import WHOLE_BP, MoneyInvalid, decimals_of
from services.kpi.domain import wire
from services.kpi.domain.mapping.document import refuse
from services.kpi.domain.mapping.paths import Extract, compile_path, missing
from services.kpi.domain.observation import Pipeline
from services.kpi.domain.wire import MoneyUnit, Unfit

Fields = dict[str, Any]
Setter = Callable[[Any, Fields], None]
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the rules of all observations share."""

    pipeline: Pipeline
    lookups: Mapping[str, Mapping[str, str]]
    money_unit: MoneyUnit
    currency: Callable[[Any], Any]
    constant_currency: str | None
    namespace: str


def compile_currency(currency: Any) -> tuple[Callable[[Any], Any], str | None]:
    """A reader of an item's currency, and the constant where it is one."""
    if isinstance(currency, dict):
        return compile_path(currency["path"], "currency.path"), None
    if currency is not None:
        try:
            decimals_of(currency)
        except MoneyInvalid as wrong:
            refuse("currency", wrong.message)
    return lambda _item: currency, currency


def compile_rule(field: str, rule: Mapping[str, Any], place: str, around: Surroundings) -> Setter:
    if "value" in rule:
        return _constant(field, rule["value"], f"{place}.value", around)
    path = rule["path"]
    extract = compile_path(path, f"{place}.path")
    if field == "amount":
        read: Extract = _amount(path, around)
    elif field == "owners":
        read = _owners(rule, place, around)
    else:
        read = _text(field, rule, place, around)
    absent, owners = rule["missing"], field == "owners"

    def put(item: Any, fields: Fields) -> None:
        value = extract(item)
        found = None if missing(value) or value == [] else read((item, value))
        if found is not None:
            fields[field] = found
        elif absent == "refuse":
            raise Unfit("missing_value", f"{field} has no value", path=path)
        elif absent == "empty":
            fields[field] = [] if owners else None

    return put


def _constant(field: str, value: str, place: str, around: Surroundings) -> Setter:
    if field == "stage" and around.pipeline.stage(value) is None:
        refuse(place, f"the pipeline {around.pipeline.code} has no stage {value!r}")
    if field == "amount":
        if around.constant_currency is not None:
            try:
                wire.amount(value, around.money_unit, around.constant_currency)
            except Unfit as unfit:
                refuse(place, unfit.unusable.message)
        read = _amount(None, around)
        return lambda item, fields: fields.__setitem__("amount", read((item, value)))
    if len(value) > wire.TEXT_CHARACTERS:
        refuse(place, f"a text has {wire.TEXT_CHARACTERS} characters at most")
    if field == "owners":
        owner = f"{around.namespace}:{value}"
        return lambda _item, fields: fields.__setitem__(field, wire.shares([(owner, WHOLE_BP)]))
    return lambda _item, fields: fields.__setitem__(field, value)


def _amount(path: str | None, around: Surroundings) -> Extract:
    unit, currency_of = around.money_unit, around.currency

    def read(found: tuple[Any, Any]) -> dict[str, Any]:
        item, value = found
        return wire.amount(value, unit, currency_of(item), path)

    return read


def _text(field: str, rule: Mapping[str, Any], place: str, around: Surroundings) -> Extract:
    path = rule["path"]
    look_up = _look_up(field, rule, place, around)
    if field != "stage":
        return lambda found: look_up(found[1])
    codes = frozenset(stage.code for stage in around.pipeline.stages)

    def read(found: tuple[Any, Any]) -> str | None:
        code = look_up(found[1])
        if code is not None and code not in codes:
            raise _unknown("stage", code, path, around)
        return code

    return read


def _owners(rule: Mapping[str, Any], place: str, around: Surroundings) -> Extract:
    path = rule["path"]
    look_up = _look_up("owner", rule, place, around)
    owner_of, share_of = (
        None if rule[key] is None else compile_path(rule[key], f"{place}.{key}")
        for key in ("owner", "share_bp")
    )

    def owner(value: Any) -> str | None:
        found = look_up(value)
        return None if found is None else f"{around.namespace}:{found}"

    def read(found: tuple[Any, Any]) -> list[dict[str, Any]] | None:
        value = found[1]
        if owner_of is None:
            single = owner(value)
            return None if single is None else wire.shares([(single, WHOLE_BP)], path)
        if not isinstance(value, list) or len(value) > wire.OWNERS:
            message = f"the owners must be an array of at most {wire.OWNERS} elements"
            raise Unfit("bad_owner_shares", message, path=path)
        pairs = []
        for element in value:
            ref = owner_of(element)
            name = None if missing(ref) else owner(ref)
            if name is None:
                raise Unfit("bad_owner_shares", "an element names no owner", path=path)
            pairs.append((name, WHOLE_BP if share_of is None else share_of(element)))
        return wire.shares(pairs, path)

    return read


def _look_up(
    field: str, rule: Mapping[str, Any], place: str, around: Surroundings
) -> Callable[[Any], str | None]:
    """The value as our text; None where a table leaves it out (`otherwise: empty`)."""
    path, otherwise = rule["path"], rule["otherwise"]
    if rule["lookup"] is None:
        return lambda value: wire.text(value, path)
    table = around.lookups[rule["lookup"]]
    codes = [stage.code for stage in around.pipeline.stages]
    if field == "stage":
        for key, value in table.items():
            if value not in codes:
                here = f"lookups.{rule['lookup']}.{key}"
                refuse(here, f"the pipeline {around.pipeline.code} has no stage {value!r}")
    for key, value in table.items():
        if len(value) > wire.TEXT_CHARACTERS:
            refuse(f"{place}.lookup", f"the text for {key!r} is too long")

    def look_up(value: Any) -> str | None:
        text = wire.scalar(value)
        found = None if text is None else table.get(text)
        if found is not None or otherwise == "empty":
            return found
        text = wire.text(value, path)
        if otherwise == "keep":
            return text
        raise _unknown(field, text, path, around)

    return look_up


def _unknown(field: str, value: str, path: str, around: Surroundings) -> Unfit:
    within = {"stage": around.pipeline.code, "owner": around.namespace}.get(field)
    waits_for = ":".join(part for part in (field, within, value) if part)
    where = f" in the pipeline {within}" if field == "stage" else ""
    message = f"the {field} {value[:_SHOWN]!r} is not mapped{where}"
    return Unfit(f"unknown_{field}", message, path=path, waits_for=waits_for)
