"""Amounts, days and schedules: what is due when, as the mapping reads it from an item."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from services.kit.money import MoneyInvalid, decimals_of
from services.kpi.domain import wire
from services.kpi.domain.mapping.paths import Extract, compile_path, missing
from services.kpi.domain.mapping.shape import refuse
from services.kpi.domain.mapping.times import compile_at
from services.kpi.domain.observation import Pipeline
from services.kpi.domain.wire import MoneyUnit, Unfit

Fields = dict[str, Any]
Setter = Callable[[Any, Fields], None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the rules of all observations share."""

    pipeline: Pipeline | None
    """Of deals alone."""
    zone: ZoneInfo
    lookups: Mapping[str, Mapping[str, str]]
    money_unit: MoneyUnit
    currency: Callable[[Any], Any]
    constant_currency: str | None
    namespaces: Mapping[str, str]
    """Where the records live that a field refers to, by field; "owners" for members."""

    @property
    def stages(self) -> list[str]:
        return [stage.code for stage in self.pipeline.stages] if self.pipeline else []


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


def compile_amount(path: str | None, around: Surroundings) -> Extract:
    unit, currency_of = around.money_unit, around.currency

    def read(found: tuple[Any, Any]) -> dict[str, Any]:
        item, value = found
        return wire.amount(value, unit, currency_of(item), path)

    return read


def compile_day(rule: Mapping[str, Any], zone: ZoneInfo, place: str) -> Extract:
    """A reader of a date; a time is the day that it falls on in the mapping's zone."""
    at = compile_at(dict(rule), zone, place)

    def read(item: Any) -> str | None:
        moment, _ = at(item)
        return None if moment is None else moment.astimezone(zone).date().isoformat()

    return read


def compile_schedule(rule: Mapping[str, Any], place: str, around: Surroundings) -> Setter:
    """Payments in the elements of an array, or in fields of the item itself."""
    path = rule.get("path")
    array = None if path is None else compile_path(path, f"{place}.path")
    readers = [
        _compile_payment({**rule, **line}, place, around)
        for line in ([rule] if array is not None else rule["lines"])
    ]
    absent = rule["missing"]

    def put(item: Any, fields: Fields) -> None:
        elements = [item] if array is None else array(item)
        if missing(elements):
            elements = []
        if not isinstance(elements, list):
            raise Unfit("bad_value", "a schedule is an array", path=path)
        read = [payment(item, element) for element in elements for payment in readers]
        found = [payment for payment in read if payment is not None]
        if found or absent == "empty":
            fields["schedule"] = wire.schedule(found, path)
        elif absent == "refuse":
            raise Unfit("missing_value", "schedule has no value", path=path)

    return put


def _compile_payment(
    line: Mapping[str, Any], place: str, around: Surroundings
) -> Callable[[Any, Any], tuple[str, dict[str, Any]] | None]:
    """A reader of (item, element); None where neither day nor amount is there."""
    path = line["amount"]
    due_on = compile_day({**line, "path": line["due_on"]}, around.zone, place)
    amount_of = compile_path(path, f"{place}.amount")
    money = compile_amount(path, around)

    def read(item: Any, element: Any) -> tuple[str, dict[str, Any]] | None:
        day, amount = due_on(element), amount_of(element)
        if day is None and missing(amount):
            return None
        if day is None or missing(amount):
            raise Unfit("missing_value", "a payment has a day and an amount", path=path)
        return day, money((item, amount))

    return read
