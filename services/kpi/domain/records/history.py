"""From everything observed about one record to its conclusions (method.md 4, "Events").

As for deals, a pure function of the *set* of observations in effective order; the fold compares it
with what stands, and supersedes what is no longer true. Rules:

- A **contract** has a history: the first sight concludes `contract.signed`, a difference
  `contract.changed`, `deleted` (cancelled, or taken away) `contract.ended`. `restored` shows it as it
  then is, as a change, or as signed where it was never seen in force.
- A **collection**, **refund** or **activity** happened once, and a **customer** is as last described:
  one conclusion, at the time of the first dated sight, that says what the observations come to.
  A later one corrects it; `deleted` takes it away, `restored` brings it back. To correct the time,
  send the item again under the same source, or retract it.
- A collection or refund is concluded once its amount is known.

>>> from datetime import timezone
>>> at = lambda day: datetime(2026, 1, day, tzinfo=timezone.utc)
>>> fen = lambda minor: {"minor": minor, "currency": "CNY"}
>>> seen = [Observed("o2", "b", "deleted", at(9), "instant", {}),
...         Observed("o1", "a", "delta", at(5), "instant", {"amount": fen(120_000_00)})]
>>> [(c.type, c.effective_at.day) for c in HISTORIES["contract"](seen)]
[('contract.signed.v1', 5), ('contract.ended.v1', 9)]
>>> HISTORIES["collection"](seen)
[]
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any

from services.kpi.domain import transitions
from services.kpi.domain.observation import FIELDS_OF, Record
from services.kpi.domain.records.fees import annual_fee
from services.kpi.domain.transitions import Conclusion, History, Observed, effective_order

CONTRACT_SIGNED = "contract.signed.v1"
CONTRACT_CHANGED = "contract.changed.v1"
CONTRACT_ENDED = "contract.ended.v1"
COLLECTION_RECEIVED = "collection.received.v1"
COLLECTION_REFUNDED = "collection.refunded.v1"
ACTIVITY_RECORDED = "activity.recorded.v1"
CUSTOMER_DESCRIBED = "customer.described.v1"
OTHER_ACTIVITY = "other"
"""The kind of an activity whose sender does not say it."""

_Fields = Mapping[str, Any]
_Payload = dict[str, Any]


def _empty(record: Record) -> _Payload:
    fields: _Payload = {"account": None, **dict.fromkeys(FIELDS_OF[record])}
    return fields | {name: [] for name in ("owners", "schedule") if name in fields}


def _contract(now: _Fields) -> _Payload:
    starts_on, ends_on = (
        None if now[name] is None else date.fromisoformat(now[name])
        for name in ("starts_on", "ends_on")
    )
    stated = now["annual_fee"]
    return {
        **now,
        "annual_fee": annual_fee(now["amount"], starts_on, ends_on) if stated is None else stated,
        "contract_kind": now["contract_kind"] or ("renewal" if now["renews"] else "new"),
    }


def _receipt(now: _Fields) -> _Payload | None:
    return None if now["amount"] is None else dict(now)


def _activity(now: _Fields) -> _Payload:
    return {**now, "activity_kind": now["activity_kind"] or OTHER_ACTIVITY}


def _customer(now: _Fields) -> _Payload:
    return {**now, "name": now["name"] or now["account"]}


class _Contract:
    """The contract while its observations are walked through in effective order."""

    def __init__(self) -> None:
        self.now: _Payload | None = None
        self.ended = False
        self.events: list[Conclusion] = []
        self._instant: datetime | None = None
        self._count = 0

    def emit(self, type_: str, seen: Observed) -> None:
        assert self.now is not None
        if seen.effective_at != self._instant:
            self._instant, self._count = seen.effective_at, 0
        payload = {**_contract(self.now), "precision": seen.precision}
        self.events.append(Conclusion(type_, seen.effective_at, payload, seen.id, self._count))
        self._count += 1

    def show(self, seen: Observed) -> None:
        self.emit(CONTRACT_CHANGED if self.events else CONTRACT_SIGNED, seen)

    def apply(self, seen: Observed) -> None:
        if seen.kind == "deleted":
            if self.now is not None and not self.ended:
                self.emit(CONTRACT_ENDED, seen)
            self.ended = True
        elif seen.kind == "restored":
            was, self.ended = self.ended, False
            if was and self.now is not None:
                self.show(seen)
        elif seen.kind != "notice":
            before, self.now = self.now, _after(self.now, seen, "contract")
            if not self.ended and before != self.now:
                self.show(seen)


def _after(now: _Fields | None, seen: Observed, record: Record) -> _Payload:
    base = _empty(record) if now is None or seen.kind == "snapshot" else now
    return {**base, **seen.fields}


def _contracts(observations: Iterable[Observed]) -> list[Conclusion]:
    contract = _Contract()
    for seen in sorted(observations, key=effective_order):
        contract.apply(seen)
    return contract.events


def _once(
    record: Record,
    type_: str,
    payload_of: Callable[[_Fields], _Payload | None],
    observations: Iterable[Observed],
) -> list[Conclusion]:
    """The one conclusion about a record that is not a history, or none."""
    now: _Payload | None = None
    first: Observed | None = None
    gone = False
    for seen in sorted(observations, key=effective_order):
        if seen.kind in {"deleted", "restored"}:
            gone = seen.kind == "deleted"
        elif seen.kind != "notice":
            now = _after(now, seen, record)
            if first is None or first.effective_at is None:
                first = seen if first is None or seen.effective_at is not None else first
    payload = None if now is None or gone else payload_of(now)
    if payload is None or first is None:
        return []
    payload["precision"] = first.precision
    return [Conclusion(type_, first.effective_at, payload, first.id)]


HISTORIES: dict[Record, History] = {
    "deal": transitions.history,
    "contract": _contracts,
    "collection": partial(_once, "collection", COLLECTION_RECEIVED, _receipt),
    "refund": partial(_once, "refund", COLLECTION_REFUNDED, _receipt),
    "activity": partial(_once, "activity", ACTIVITY_RECORDED, _activity),
    "customer": partial(_once, "customer", CUSTOMER_DESCRIBED, _customer),
}
