"""What is known of a customer: its standing conclusions, read as dated spans.

A span is [starts_on, ends_before) with an amount in minor units of the tenant's currency (amounts
in another one count nothing: no rate is known). Three kinds are made of the records:

- **fee**: the annual fee of a contract on the days on which it is in force, from `starts_on` (else
  the day it was signed) to `ends_on` inclusive, by the terms of the day; out from the day it ended.
- **revenue**: the amount of a won deal for twelve months from the day it was won, as long as it
  stays won; a refund takes its amount away for twelve months from its own day.
- **relation**: the customer is one, since a contract began or for as long as a win stands.

Records are a function of the set of conclusions (architecture.md, "Projections"); what is undated
comes before everything.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

from services.customers.domain.days import UNDATED, Wall, year_later
from services.kit.standing import Entry, in_order

DEAL_WON = "deal.won.v1"
DEAL_LOST = "deal.lost.v1"
DEAL_REOPENED = "deal.reopened.v1"
DEAL_AMOUNT_CHANGED = "deal.amount_changed.v1"
DEAL_DELETED = "deal.deleted.v1"
DEAL_RESTORED = "deal.restored.v1"
DEALS = (
    "deal.created.v1", "deal.stage_changed.v1", DEAL_WON, DEAL_LOST, DEAL_REOPENED,
    DEAL_AMOUNT_CHANGED, "deal.owner_changed.v1", "deal.details_changed.v1", DEAL_DELETED,
    DEAL_RESTORED,
)  # fmt: skip
CONTRACT_ENDED = "contract.ended.v1"
CONTRACTS = ("contract.signed.v1", "contract.changed.v1", CONTRACT_ENDED)
COLLECTED = "collection.received.v1"
REFUNDED = "collection.refunded.v1"
DESCRIBED = "customer.described.v1"
CONCLUSIONS = (*DEALS, *CONTRACTS, COLLECTED, REFUNDED, DESCRIBED)
KEPT = (
    "order", "account", "deal", "contract", "owners", "amount", "annual_fee", "starts_on",
    "ends_on", "name", "industry", "region",
)  # fmt: skip
"""The fields of a conclusion that anything here follows from."""


class Span(NamedTuple):
    starts_on: date
    ends_before: date | None
    amount_minor: int
    subject: str
    kind: str
    """What began with it: won, refunded, contract, collected."""

    def covers(self, day: date) -> bool:
        return self.starts_on <= day and (self.ends_before is None or day < self.ends_before)


class Win(NamedTuple):
    """A win that stands: `subject` is the deal, `owners` those of the deal now."""

    subject: str
    won_on: date
    owners: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class Book:
    """A customer's spans and wins, with what describes it."""

    fee: list[Span] = field(default_factory=list)
    revenue: list[Span] = field(default_factory=list)
    relation: list[Span] = field(default_factory=list)
    collected: list[Span] = field(default_factory=list)
    wins: list[Win] = field(default_factory=list)
    description: Mapping[str, Any] | None = None
    latest_deal_owners: tuple[tuple[str, int], ...] = ()


def kept(entry: Entry) -> dict[str, Any]:
    """The part of a conclusion's payload that is stored."""
    found = {name: entry.payload[name] for name in KEPT if entry.payload.get(name) is not None}
    stage = entry.payload.get("stage")
    return found | ({"stage_kind": stage["kind"]} if stage else {})


def account_of(standing: Iterable[Entry]) -> str | None:
    """The account that the newest conclusion names."""
    newest = _newest(standing)
    return newest.payload.get("account") if newest else None


def links_of(standing: Iterable[Entry]) -> tuple[str | None, str | None]:
    """The deal and the contract that the newest conclusion names."""
    newest = _newest(standing)
    return (newest.payload.get("deal"), newest.payload.get("contract")) if newest else (None, None)


def _newest(standing: Iterable[Entry]) -> Entry | None:
    ordered = in_order(standing)
    return ordered[-1] if ordered else None


def book(records: Mapping[str, Sequence[Entry]], wall: Wall, currency: str | None) -> Book:
    """Everything about one customer, from the standing conclusions by subject."""
    made = Book()
    newest: tuple[date, str] | None = None
    for subject in sorted(records):
        events = in_order(records[subject])
        if not events:
            continue
        type_ = events[-1].type
        if type_ in DEALS:
            _deal(made, subject, events, wall, currency)
            began = (wall.day_of(events[0].effective_at), subject)
            shares = owners(events[-1].payload)
            if shares and type_ != DEAL_DELETED and (newest is None or began > newest):
                newest, made.latest_deal_owners = began, shares
        elif type_ in CONTRACTS:
            _contract(made, subject, events, wall, currency)
        elif type_ in {COLLECTED, REFUNDED}:
            _receipt(made, subject, events[-1], wall, currency)
        elif type_ == DESCRIBED:
            made.description = events[-1].payload
    return made


def owners(payload: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """Members with their shares in basis points, the largest first, equal shares by id."""
    shares = [(one["member"], one["share_bp"]) for one in payload.get("owners") or ()]
    return tuple(sorted(shares, key=lambda share: (-share[1], share[0])))


def _minor(amount: Mapping[str, Any] | None, currency: str | None) -> int:
    if amount is None or amount["currency"] != currency:
        return 0
    minor: int = amount["minor"]
    return minor


class _Standing(NamedTuple):
    """A win while it stands: since when with this amount."""

    won_on: date
    since: date
    amount_minor: int


def _deal(
    made: Book, subject: str, events: Sequence[Entry], wall: Wall, currency: str | None
) -> None:
    """Walk a deal's events, as kpi's funnel does: a later close, reopening or deletion ends a win,
    a restored deal has its old one again.
    """
    win: _Standing | None = None
    deleted: _Standing | None = None
    last = UNDATED

    def end(until: date | None) -> None:
        if win is not None:
            _won_span(made, subject, win, until)

    for event in events:
        last = day = max(wall.day_of(event.effective_at), last)
        amount = _minor(event.payload.get("amount"), currency)
        if event.type == DEAL_WON:
            end(day)
            win = _Standing(day, day, amount)
        elif event.type in {DEAL_LOST, DEAL_REOPENED, DEAL_DELETED}:
            end(day)
            deleted, win = (win if event.type == DEAL_DELETED else None), None
        elif event.type == DEAL_RESTORED and event.payload.get("stage_kind") == "won":
            if deleted is not None:
                win = deleted._replace(since=day, amount_minor=amount)
        elif event.type == DEAL_AMOUNT_CHANGED and win is not None:
            end(day)
            win = win._replace(since=day, amount_minor=amount)
    end(None)
    if win is not None:
        made.wins.append(Win(subject, win.won_on, owners(events[-1].payload)))


def _won_span(made: Book, subject: str, win: _Standing, until: date | None) -> None:
    if until is not None and until <= win.since:
        return
    made.relation.append(Span(win.since, until, 0, subject, "won"))
    leaves_on = year_later(win.won_on)
    ends = leaves_on if until is None else min(until, leaves_on)
    if win.won_on != UNDATED and win.since < ends:
        made.revenue.append(Span(win.since, ends, win.amount_minor, subject, "won"))


def _contract(
    made: Book, subject: str, events: Sequence[Entry], wall: Wall, currency: str | None
) -> None:
    """Terms hold from the day of their event to the next one's; the first ones always held."""
    days = [wall.day_of(event.effective_at) for event in events]
    in_force_from: date | None = None
    for n, event in enumerate(events):
        if event.type == CONTRACT_ENDED:
            continue
        starts = max(_day(event.payload.get("starts_on")) or days[0], days[n] if n else UNDATED)
        last = _day(event.payload.get("ends_on"))
        ends = None if last is None or last == date.max else last + timedelta(days=1)
        if n + 1 < len(events):
            ends = days[n + 1] if ends is None else min(ends, days[n + 1])
        if ends is not None and ends <= starts:
            continue
        fee = _minor(event.payload.get("annual_fee"), currency)
        made.fee.append(Span(starts, ends, fee, subject, "contract"))
        in_force_from = starts if in_force_from is None else min(in_force_from, starts)
    if in_force_from is not None:
        made.relation.append(Span(in_force_from, None, 0, subject, "contract"))


def _receipt(made: Book, subject: str, event: Entry, wall: Wall, currency: str | None) -> None:
    day = wall.day_of(event.effective_at)
    amount = _minor(event.payload.get("amount"), currency)
    if day == UNDATED:
        return
    if event.type == COLLECTED:
        made.collected.append(Span(day, year_later(day), amount, subject, "collected"))
    else:
        made.revenue.append(Span(day, year_later(day), -amount, subject, "refunded"))


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
