"""Conclusions about accounts, as kpi's engine makes them, for tests of what follows from them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.customers.domain import records
from services.kit import ids
from services.kit.standing import SUPERSEDED, Entry

Owners = Mapping[str, int]


def member(name: str) -> str:
    """An id for a member or unit, by name."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def at(day: str, hour: int = 2) -> datetime:
    """An hour (UTC) of a day; 2 is ten in the morning in Shanghai."""
    return datetime.fromisoformat(f"{day}T{hour:02}:00:00+00:00")


@dataclass(frozen=True)
class Made:
    """One conclusion that is not yet in a log."""

    type: str
    subject: str
    at: datetime | None
    payload: dict[str, Any]
    supersedes: Sequence[str] = ()
    id: str = field(default_factory=ids.new)

    def entry(self, offset: int) -> Entry:
        return Entry(
            offset, self.id, "conclusion", self.type, self.subject, self.at, self.supersedes,
            self.payload,
        )  # fmt: skip


def deal(
    event: str, name: str, at: datetime | None, *, account: str | None = "acme",
    amount: int | None = None, owners: Owners | None = None, kind: str = "open", order: int = 0,
    currency: str = "CNY",
) -> Made:  # fmt: skip
    """`event` such as `won`; `amount` in whole units of a currency with two decimals."""
    payload = {
        "stage": {"pipeline": "sales", "code": kind, "kind": kind, "position": 0},
        "amount": _money(amount, currency), "owners": _owners(owners), "product": None,
        "channel": None, "account": account, "precision": "instant", "incomplete": False,
        "order": order,
    }  # fmt: skip
    return Made(f"deal.{event}.v1", f"deal:crm:{name}", at, payload)


def won(name: str, at: datetime | None, amount: int, **more: Any) -> Made:
    return deal("won", name, at, amount=amount, kind="won", **more)


def contract(
    name: str, at: datetime | None, fee: int | None, starts_on: str | None, ends_on: str | None,
    *, event: str = "signed", account: str | None = "acme", deal: str | None = None,
    owners: Owners | None = None, order: int = 0, currency: str = "CNY",
) -> Made:  # fmt: skip
    payload = {
        "account": account, "deal": deal and f"deal:crm:{deal}", "owners": _owners(owners),
        "amount": _money(fee, currency), "annual_fee": _money(fee, currency),
        "starts_on": starts_on, "ends_on": ends_on, "contract_kind": "new", "renews": None,
        "schedule": [], "precision": "instant", "order": order,
    }  # fmt: skip
    return Made(f"contract.{event}.v1", f"contract:erp:{name}", at, payload)


def refund(
    name: str, at: datetime | None, amount: int, *, account: str | None = None,
    deal: str | None = None, contract: str | None = None,
) -> Made:  # fmt: skip
    payload = _receipt(amount, account, deal, contract)
    return Made("collection.refunded.v1", f"refund:erp:{name}", at, payload)


def collection(
    name: str, at: datetime | None, amount: int, *, account: str | None = None,
    deal: str | None = None, contract: str | None = None,
) -> Made:  # fmt: skip
    payload = _receipt(amount, account, deal, contract)
    return Made("collection.received.v1", f"collection:erp:{name}", at, payload)


def described(
    account: str, at: datetime | None, name: str, *, owners: Owners | None = None
) -> Made:
    payload = {
        "account": account, "name": name, "industry": "retail", "region": "east",
        "owners": _owners(owners), "precision": "instant", "order": 0,
    }  # fmt: skip
    return Made("customer.described.v1", f"customer:{account}", at, payload)


def taken_back(*made: Made) -> Made:
    """The entry that says that conclusions of one subject no longer hold."""
    return Made(SUPERSEDED, made[0].subject, None, {}, tuple(one.id for one in made))


def standing(*made: Made) -> dict[str, list[Entry]]:
    """By subject, as a projection keeps it."""
    found: dict[str, list[Entry]] = {}
    for number, one in enumerate(made, 1):
        entry = one.entry(number)
        found.setdefault(one.subject, []).append(entry._replace(payload=records.kept(entry)))
    return found


def _receipt(
    amount: int, account: str | None, deal: str | None, contract: str | None
) -> dict[str, Any]:
    return {
        "account": account, "deal": deal and f"deal:crm:{deal}",
        "contract": contract and f"contract:erp:{contract}", "owners": [],
        "amount": _money(amount, "CNY"), "precision": "instant", "order": 0,
    }  # fmt: skip


def _owners(owners: Owners | None) -> list[dict[str, Any]]:
    return [{"member": member, "share_bp": share} for member, share in (owners or {}).items()]


def _money(amount: int | None, currency: str) -> dict[str, Any] | None:
    return None if amount is None else {"minor": amount * 100, "currency": currency}
