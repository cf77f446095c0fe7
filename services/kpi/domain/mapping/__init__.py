'''A mapping says, as data, how a sender's items become observations (webhooks.md section 5).

The same document serves a connection's webhooks and `headwater import`. Nothing in it is code:
JMESPath picks values, tables translate them, and transitions are left to the engine.

>>> import yaml
>>> mapping = compile(yaml.safe_load("""
... mapping: 1                     # version of this format
... record: deal                   # default; or contract | collection | refund | activity | customer
... tenant: maven                  # whose import it is; optional, a connection knows its tenant
... connection: maven              # short name
... zone: America/Chicago          # of dates and of times without offset
... currency: USD                  # or {path: ...}: read from each item, never assumed
... money_unit: major              # major (default) | minor | micros: what the sender writes
... pipeline:
...   code: sales
...   name: Sales                  # default: the code
...   stages:                      # in order; kind is open | won | lost, at least one of each
...     - {code: engaging, name: Engaging, kind: open}
...     - {code: won, name: Won, kind: won}
...     - {code: lost, name: Lost, kind: lost}
... items: null                    # path to a delivery's array; default: the body if an array, else [body]
... key: null                      # path to an item's dedupe key; default: vendor's, else a hash of the item
... source: opportunity_id         # path to what the item describes; a later item with the same source
...                                # replaces it; default: the item's key
... deal: opportunity_id           # path to the deal's id at the sender
... lookups:                       # tables, by text: 5 and "5" are the same key
...   stages: {Won: won, Lost: lost}
... owners: maven                  # namespace of owners: maven:<value>; default: the connection
... observations:                  # one observation for each entry whose conditions all hold, in order
...   - kind: delta                # delta | snapshot | notice | deleted | restored
...     when:                      # {path, exists: true|false} | {path, eq: value} | {path, in: [...]}
...       - {path: engage_date, exists: true}
...     at: {path: engage_date, format: "%m/%d/%Y"}  # or no format: ISO; or unit: ms | s since 1970
...     version: null              # path to a whole number that grows with the object
...     set:                       # any of stage amount owners product channel account
...       stage: {value: engaging}                   # a constant
...       owners: {path: sales_agent}                # or with owner: and share_bp:, paths in each element
...       product: {path: product}
...       account: {path: account, missing: skip}    # missing: skip (default) | empty | refuse
...   - kind: delta
...     when: [{path: close_date, exists: true}]
...     at: {path: close_date, format: "%m/%d/%Y"}
...     set:
...       stage: {path: deal_stage, lookup: stages}  # otherwise: refuse (default) | keep | empty
...       amount: {path: close_value}
... """))
>>> engaged, won = mapping.drafts({
...     "opportunity_id": "1C1I7A6R", "sales_agent": "Moses Frase", "product": "GTX Plus Basic",
...     "account": "", "deal_stage": "Won", "engage_date": "10/20/2016",
...     "close_date": "3/1/2017", "close_value": "1054"})
>>> print(engaged.id, engaged.effective_at, engaged.precision, engaged.fields["owners"])
1C1I7A6R 2016-10-20 05:00:00+00:00 day [{'owner': 'maven:Moses Frase', 'share_bp': 10000}]
>>> print(won.ordinal, won.fields)
1 {'pipeline': 'sales', 'stage': 'won', 'amount': {'minor': 105400, 'currency': 'USD'}}

Null and "" are missing. A missing value is left out (`skip`), clears the field (`empty`) or
quarantines the item (`refuse`); a value that its table lacks quarantines the item unless
`otherwise` keeps it as it is or takes it for missing. A missing `at` gives no time and precision
`unknown`. Times are read as mapping/times.py says. An item that no entry wants gives nothing.
'''

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from services.kit import limits
from services.kit.errors import TooLarge
from services.kit.strictjson import dumps_canonical
from services.kpi.domain import wire
from services.kpi.domain.mapping.document import NAMESPACES, normal
from services.kpi.domain.mapping.paths import Extract, compile_path, missing
from services.kpi.domain.mapping.payments import Setter, Surroundings, compile_currency
from services.kpi.domain.mapping.shape import MappingInvalid, refuse
from services.kpi.domain.mapping.times import Moment, compile_at
from services.kpi.domain.mapping.values import compile_rule
from services.kpi.domain.observation import (
    ID_FIELD,
    Draft,
    Kind,
    Pipeline,
    Record,
    Stage,
    Unusable,
)

__all__ = ["CompiledMapping", "MappingInvalid", "compile"]


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: Kind
    conditions: tuple[Callable[[Any], bool], ...]
    at: Callable[[Any], Moment]
    version: Extract | None
    setters: tuple[Setter, ...]


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """`document` is the canonical form: what to store, and equal for documents that mean the same."""

    document: Mapping[str, Any]
    tenant: str | None
    connection: str
    zone: ZoneInfo
    currency: str | None
    """The constant one; None where items name theirs."""
    record: Record
    pipeline: Pipeline | None
    """Of a mapping of deals."""
    keyed: bool
    """Whether the document declares a key; else a vendor's own key comes first."""
    _items: Extract | None
    _key: Extract | None
    _source: Extract | None
    _id: Extract
    _entries: tuple[_Entry, ...]

    def items(self, body: Any) -> list[Any]:
        """The items of a delivery; one that is not where the path says is an item by itself."""
        found = body
        if self._items is not None:
            try:
                found = self._items(body)
            except wire.Unfit:
                found = None
        items = found if isinstance(found, list) else [body if found is None else found]
        if len(items) > limits.ARRAY_ITEMS:
            raise TooLarge(f"a delivery may have {limits.ARRAY_ITEMS} items at most")
        return items

    def key(self, item: Any) -> str:
        """The declared dedupe key, or a hash of what the item says."""
        return _short(self._key, item) or f"sha256:{_digest(item)}"

    def drafts(self, item: Any, *, key: str | None = None) -> list[Draft] | Unusable:
        """The observations of an item in order; `key` is the vendor's where there is one."""
        if not isinstance(item, dict | list):
            return Unusable("bad_item", f"{wire.shown(item)} is not an object")
        try:
            return self._drafts(item, key)
        except wire.Unfit as unfit:
            return unfit.unusable

    def _drafts(self, item: Any, key: str | None) -> list[Draft]:
        wanted = [
            (ordinal, entry)
            for ordinal, entry in enumerate(self._entries)
            if all(holds(item) for holds in entry.conditions)
        ]
        if not wanted:
            return []
        id_ = self._id_of(item)
        source = _short(self._source, item) or key or self.key(item)
        drafts = []
        for ordinal, entry in wanted:
            effective_at, precision = entry.at(item)
            fields = self._base(id_) if entry.kind in _STATING else {}
            for put in entry.setters:
                put(item, fields)
            wire.term(fields)
            version = _version(entry.version, item)
            draft = Draft(
                id_, source, entry.kind, effective_at, precision, fields, version, ordinal,
                self.record,
            )  # fmt: skip
            drafts.append(draft)
        return drafts

    def _base(self, id_: str) -> dict[str, Any]:
        """What each statement says without being asked."""
        if self.pipeline is not None:
            return {"pipeline": self.pipeline.code}
        return {"account": id_} if self.record == "customer" else {}

    def _id_of(self, item: Any) -> str:
        name = ID_FIELD[self.record]
        path, value = self.document[name], self._id(item)
        message = f"there is no {name} id at {path}"
        if not missing(value):
            try:
                return wire.text(value, path)
            except wire.Unfit as unfit:
                message = unfit.unusable.message
        if self.record == "deal":
            raise wire.Unfit("no_deal_id", message, path=path)
        raise wire.Unfit("no_record_id", message, path=path)


_STATING = frozenset({"delta", "snapshot"})


def compile(document: Mapping[str, Any]) -> CompiledMapping:  # noqa: A001 — mapping.compile, like re.compile
    """Check a document to the last key and make it ready; raises MappingInvalid with the place."""
    canonical = normal(document)
    try:
        zone = ZoneInfo(canonical["zone"])
    except (KeyError, ValueError, OSError):
        refuse("zone", f"{canonical['zone']!r} is not an IANA time zone such as Asia/Shanghai")
    record: Record = canonical["record"]
    pipeline = _pipeline(canonical["pipeline"]) if record == "deal" else None
    currency_of, currency = compile_currency(canonical["currency"])
    around = Surroundings(
        pipeline, zone, canonical["lookups"], canonical["money_unit"], currency_of, currency,
        _namespaces(canonical),
    )  # fmt: skip
    return CompiledMapping(
        document=canonical,
        tenant=canonical["tenant"],
        connection=canonical["connection"],
        zone=zone,
        currency=currency,
        record=record,
        pipeline=pipeline,
        keyed=canonical["key"] is not None,
        _items=_maybe_path(canonical["items"], "items"),
        _key=_maybe_path(canonical["key"], "key"),
        _source=_maybe_path(canonical["source"], "source"),
        _id=compile_path(canonical[ID_FIELD[record]], ID_FIELD[record]),
        _entries=tuple(
            _entry(entry, f"observations[{position}]", zone, around)
            for position, entry in enumerate(canonical["observations"])
        ),
    )


def _namespaces(canonical: Mapping[str, Any]) -> dict[str, str]:
    """By field: owners, and the references to other records."""
    found = {"owners": canonical["owners"]}
    for key, fields in NAMESPACES.items():
        if key in canonical:
            found |= dict.fromkeys(fields, canonical[key])
    return found


def _pipeline(node: Mapping[str, Any]) -> Pipeline:
    stages = tuple(
        Stage(stage["code"], stage["name"], stage["kind"], position)
        for position, stage in enumerate(node["stages"])
    )
    return Pipeline(node["code"], node["name"], stages)


def _entry(entry: Mapping[str, Any], place: str, zone: ZoneInfo, around: Surroundings) -> _Entry:
    return _Entry(
        kind=entry["kind"],
        conditions=tuple(
            _condition(condition, f"{place}.when[{position}]")
            for position, condition in enumerate(entry["when"])
        ),
        at=compile_at(entry["at"], zone, f"{place}.at"),
        version=_maybe_path(entry["version"], f"{place}.version"),
        setters=tuple(
            compile_rule(field, rule, f"{place}.set.{field}", around)
            for field, rule in entry["set"].items()
        ),
    )


def _condition(condition: Mapping[str, Any], place: str) -> Callable[[Any], bool]:
    extract = compile_path(condition["path"], f"{place}.path")
    if "exists" in condition:
        wanted = condition["exists"]
        return lambda item: missing(extract(item)) is not wanted
    options = frozenset(condition["in"] if "in" in condition else [condition["eq"]])
    return lambda item: wire.scalar(extract(item)) in options


def _maybe_path(expression: str | None, place: str) -> Extract | None:
    return None if expression is None else compile_path(expression, place)


def _version(extract: Extract | None, item: Any) -> int:
    value = None if extract is None else extract(item)
    return 0 if missing(value) else wire.version(value)


def _short(extract: Extract | None, item: Any) -> str | None:
    """A key that fits an index, a hash of it where it does not, None where there is none."""
    if extract is None:
        return None
    try:
        value = extract(item)
    except wire.Unfit:
        return None
    text = wire.scalar(value)
    if not text:
        return None if missing(value) else f"sha256:{_digest(value)}"
    if len(text) > wire.TEXT_CHARACTERS or "\0" in text:
        return f"sha256:{_digest(text)}"
    return text


def _digest(value: Any) -> str:
    return hashlib.sha256(dumps_canonical(value)).hexdigest()
