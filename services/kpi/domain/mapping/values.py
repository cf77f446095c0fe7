"""What an observation sets, field by field: a compiled rule writes into the draft's fields.

A value is read, taken for missing or not, looked up, and checked against what the field holds.
Whatever the mapping does not provide for is Unfit: it waits until somebody maps it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from services.kit.money import WHOLE_BP
from services.kpi.domain import wire
from services.kpi.domain.mapping.paths import Extract, compile_path, missing
from services.kpi.domain.mapping.payments import (
    Fields,
    Setter,
    Surroundings,
    compile_amount,
    compile_day,
    compile_schedule,
)
from services.kpi.domain.mapping.shape import refuse
from services.kpi.domain.observation import CONTRACT_KINDS
from services.kpi.domain.wire import Unfit

_SHOWN = 120


def compile_rule(field: str, rule: Mapping[str, Any], place: str, around: Surroundings) -> Setter:
    if "value" in rule:
        return _constant(field, rule["value"], f"{place}.value", around)
    if field == "schedule":
        return compile_schedule(rule, place, around)
    path = rule["path"]
    extract = compile_path(path, f"{place}.path")
    read = _reader(field, rule, place, around)
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


def _reader(field: str, rule: Mapping[str, Any], place: str, around: Surroundings) -> Extract:
    """From (item, value) to what the field holds; None where a table leaves it out."""
    path = rule["path"]
    if field in {"amount", "annual_fee"}:
        return compile_amount(path, around)
    if field == "owners":
        return _owners(rule, place, around)
    if field in {"starts_on", "ends_on"}:
        day = compile_day(rule, around.zone, place)
        return lambda found: day(found[0])
    if field == "minutes":
        return lambda found: wire.minutes(found[1], path)
    return _text(field, rule, place, around)


def _constant(field: str, value: str, place: str, around: Surroundings) -> Setter:
    if field == "stage" and value not in around.stages:
        refuse(place, f"the pipeline {_pipeline(around)} has no stage {value!r}")
    if field in {"amount", "annual_fee"}:
        if around.constant_currency is not None:
            try:
                wire.amount(value, around.money_unit, around.constant_currency)
            except Unfit as unfit:
                refuse(place, unfit.unusable.message)
        read = compile_amount(None, around)
        return lambda item, fields: fields.__setitem__(field, read((item, value)))
    if len(value) > wire.TEXT_CHARACTERS:
        refuse(place, f"a text has {wire.TEXT_CHARACTERS} characters at most")
    try:
        found = _checked(field, value, around)
    except Unfit as unfit:
        refuse(place, unfit.unusable.message)
    return lambda _item, fields: fields.__setitem__(field, found)


def _checked(field: str, value: str, around: Surroundings) -> Any:
    """A text as the field holds it."""
    if field == "owners":
        return wire.shares([(f"{around.namespaces['owners']}:{value}", WHOLE_BP)])
    if field in around.namespaces:
        return f"{around.namespaces[field]}:{value}"
    if field == "activity_kind":
        return wire.code(value)
    if field == "contract_kind":
        return wire.one_of(value, CONTRACT_KINDS)
    if field in {"starts_on", "ends_on"}:
        return wire.day(value)
    return wire.minutes(value) if field == "minutes" else value


def _text(field: str, rule: Mapping[str, Any], place: str, around: Surroundings) -> Extract:
    path = rule["path"]
    look_up = _look_up(field, rule, place, around)
    codes = frozenset(around.stages)

    def read(found: tuple[Any, Any]) -> Any:
        text = look_up(found[1])
        if text is None:
            return None
        if field == "stage" and text not in codes:
            raise _unknown("stage", text, path, around)
        try:
            return _checked(field, text, around)
        except Unfit as unfit:
            raise Unfit(unfit.unusable.reason, unfit.unusable.message, path=path) from None

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
        return None if found is None else f"{around.namespaces['owners']}:{found}"

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
    codes = around.stages
    if field == "stage":
        for key, value in table.items():
            if value not in codes:
                here = f"lookups.{rule['lookup']}.{key}"
                refuse(here, f"the pipeline {_pipeline(around)} has no stage {value!r}")
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
    within = {"stage": _pipeline(around), "owner": around.namespaces["owners"]}.get(field)
    waits_for = ":".join(part for part in (field, within, value) if part)
    where = f" in the pipeline {within}" if field == "stage" else ""
    message = f"the {field} {value[:_SHOWN]!r} is not mapped{where}"
    return Unfit(f"unknown_{field}", message, path=path, waits_for=waits_for)


def _pipeline(around: Surroundings) -> str:
    return around.pipeline.code if around.pipeline else ""
