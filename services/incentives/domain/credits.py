"""Crediting: who earned what part of a won deal, and what was taken back (method.md 3.10).

At any time a deal's credit is its amount less its refunds while it is won, and nothing while it is
not; it is shared between those who owned the deal when it was won. Each event changes that credit
by a posting dated on its own day: the win gives it, a refund reduces it in proportion to the
shares and by no more than there is, a changed amount changes it, and reopening, losing or deleting
the deal takes all of it back. So postings add up exactly, and a win with its refund is nothing.

Every posting knows the day of the win that it belongs to, so that what is taken back is taken back
at the rate at which it was paid. A win without a date belongs to no period and credits nobody. A
refund in another currency than the deal's takes nothing back: no rate is known.

>>> at = datetime(2026, 1, 9, 4, tzinfo=UTC)
>>> won = Entry(1, "w", "conclusion", "deal.won.v1", "deal:crm:1", at, (), {
...     "amount": {"minor": 101, "currency": "CNY"}, "order": 0,
...     "owners": [{"member": "ann", "share_bp": 6000}, {"member": "ben", "share_bp": 4000}]})
>>> refund = Entry(2, "r", "conclusion", "collection.refunded.v1", "refund:crm:7", at, (), {
...     "amount": {"minor": 500, "currency": "CNY"}, "order": 0})
>>> for credit in credits_of([won], [refund], lambda instant: instant.date()):
...     print(credit.kind, credit.member_id, credit.amount_minor)
won ann 61
won ben 40
refunded ann -61
refunded ben -40
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from services.kit.money import allocate
from services.kit.standing import Entry

WON = "deal.won.v1"
LOST = "deal.lost.v1"
REOPENED = "deal.reopened.v1"
AMOUNT_CHANGED = "deal.amount_changed.v1"
DELETED = "deal.deleted.v1"
RESTORED = "deal.restored.v1"
REFUNDED = "collection.refunded.v1"
DEAL_TYPES = (WON, LOST, REOPENED, AMOUNT_CHANGED, DELETED, RESTORED)
"""The conclusions about a deal that can change its credit."""
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class Credit(NamedTuple):
    """A change of a member's credit for a deal.

    `won_on` is the day of the win it belongs to, `credited_on` the day it is dated on, never
    earlier; `kind` says what happened: won, refunded, amount_changed, reopened, lost, deleted or
    restored.
    """

    deal: str
    event_id: str
    kind: str
    member_id: str
    currency: str
    won_on: date
    credited_on: date
    amount_minor: int


class _Win(NamedTuple):
    owners: tuple[tuple[str, int], ...]
    currency: str
    amount_minor: int
    won_on: date | None


_Share = tuple[str, str, date]
"""Member, currency, and day of the win."""


@dataclass(slots=True)
class _Walk:
    """One pass over what happened to a deal, in effective order."""

    win: _Win | None = None
    deleted: _Win | None = None
    refunded: Counter[str] = field(default_factory=Counter)
    """Minor units by currency."""

    def take(self, event: Entry, day: date | None) -> None:
        payload = event.payload
        if event.type == WON:
            self.win = _win(payload, day)
        elif event.type in {LOST, REOPENED}:
            self.win = None
        elif event.type == AMOUNT_CHANGED and self.win is not None:
            self.win = _with_amount(self.win, payload)
        elif event.type == DELETED:
            self.win, self.deleted = None, self.win
        elif event.type == RESTORED and self.deleted is not None:
            stage = payload["stage"]
            if stage is not None and stage["kind"] == "won":
                self.win = _with_amount(self.deleted, payload)
        elif event.type == REFUNDED:
            self.refunded[payload["amount"]["currency"]] += payload["amount"]["minor"]

    def shares(self) -> dict[_Share, int]:
        """The credit as it stands."""
        win = self.win
        if win is None or win.won_on is None or not win.owners:
            return {}
        left = win.amount_minor - min(self.refunded[win.currency], max(win.amount_minor, 0))
        members = [member for member, _ in win.owners]
        parts = allocate(left, [share for _, share in win.owners], members)
        return {
            (member, win.currency, win.won_on): part
            for member, part in zip(members, parts, strict=True)
            if part
        }


def credits_of(
    deal: Iterable[Entry], refunds: Iterable[Entry], day_of: Callable[[datetime], date]
) -> list[Credit]:
    """All postings of one deal from its standing conclusions and the refunds that stand of it.

    `day_of` gives the business day of an instant.
    """
    events = sorted([*deal, *refunds], key=_effective_order)
    subject = next((one.subject for one in events if one.type != REFUNDED), "")
    walk, standing, found = _Walk(), dict[_Share, int](), list[Credit]()
    last_day: date | None = None
    for event in events:
        day = last_day
        if event.effective_at is not None:
            # Where a zone changes or a clock goes back over midnight, days must not.
            day = last_day = max(day_of(event.effective_at), last_day or date.min)
        walk.take(event, day)
        wanted = walk.shares()
        for share in sorted(standing.keys() | wanted.keys()):
            change = wanted.get(share, 0) - standing.get(share, 0)
            if change:
                member, currency, won_on = share
                found.append(
                    Credit(
                        subject, event.id, _kind(event.type), member, currency, won_on,
                        day or won_on, change,
                    )
                )  # fmt: skip
        standing = wanted
    return found


def _effective_order(event: Entry) -> tuple[datetime, bool, int, str]:
    """A deal's own events come before the refunds of the same instant."""
    return (
        event.effective_at or _BEFORE_ALL, event.type == REFUNDED,
        event.payload.get("order", 0), event.id,
    )  # fmt: skip


def _kind(type_: str) -> str:
    return type_.split(".")[1]


def _win(payload: Mapping[str, Any], day: date | None) -> _Win:
    owners = tuple((one["member"], one["share_bp"]) for one in payload["owners"])
    return _with_amount(_Win(owners, "", 0, day), payload)


def _with_amount(win: _Win, payload: Mapping[str, Any]) -> _Win:
    amount = payload["amount"] or {"minor": 0, "currency": win.currency}
    return win._replace(amount_minor=amount["minor"], currency=amount["currency"])
