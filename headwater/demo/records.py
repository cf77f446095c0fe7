"""What the other systems of the company report, as events of our own API.

Customers from the CRM; a contract for every won deal, with its annual fee and schedule; the money
that came in for it, mostly on time; a few refunds; visits and calls. The company brought in an
application for visits thirteen weeks ago: until then only few were written down. One refund is
dated in the last closed quarter and reported after it.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from headwater.demo import seasons
from headwater.demo.company import CONNECTION, ZONE
from headwater.demo.deals import Deal, History
from headwater.demo.exports import on
from headwater.demo.people import REPS, joined_on
from services.kit.period import Period

Event = dict[str, Any]
EVENTS = "/kpi/v1/events"
SOURCE = "headwater-demo"
EVENTS_AT_ONCE = 500
APP_DAYS = 91
"""Since when visits are written down by everybody."""
VISITS_A_WEEK = 2
_SCHEDULES = (((100,), 45), ((60, 40), 40), ((50, 30, 20), 15))
_PAID_AFTER_DAYS = 60
_RENEWAL_DAYS, _REFUND, _UNPAID = 75, 0.012, 0.04


@dataclass(frozen=True, slots=True)
class Contract:
    id: str
    deal: Deal
    signed_on: date
    starts_on: date
    ends_on: date
    kind: str
    renews: str | None
    schedule: tuple[tuple[date, int], ...]
    """Days and yuan."""

    @property
    def annual_fee(self) -> int:
        """In fen: the amount over the months of the contract, times twelve."""
        return self.deal.amount * 100 * 12 // self.deal.months


def contracts(history: History) -> list[Contract]:
    """One for each won deal, in the order of signing."""
    chance = random.Random(f"{history.today}/contracts")
    won = [(day, deal) for deal in history.deals if (day := deal.won_on(history.today))]
    found: list[Contract] = []
    latest: dict[str, Contract] = {}
    for day, deal in sorted(won, key=lambda one: (one[0], one[1].id)):
        signed_on = seasons.working_day(day + timedelta(days=chance.randint(0, 2)))
        if signed_on >= history.today:
            continue
        contract = _contract(chance, deal, signed_on, latest.get(deal.customer.key))
        latest[deal.customer.key] = contract
        found.append(contract)
    return found


def _contract(
    chance: random.Random, deal: Deal, signed_on: date, before: Contract | None
) -> Contract:
    starts_on = _months_later(signed_on, 1)
    ends_on = _months_later(starts_on, deal.months) - timedelta(days=1)
    is_renewal = before is not None and abs((before.ends_on - signed_on).days) <= _RENEWAL_DAYS
    kind = "new" if before is None else "renewal" if is_renewal else "addon"
    parts = chance.choices([p for p, _ in _SCHEDULES], [w for _, w in _SCHEDULES])[0]
    amounts = [deal.amount * part // 100 for part in parts]
    amounts[-1] += deal.amount - sum(amounts)
    days = [signed_on + timedelta(days=15 + 60 * number) for number in range(len(parts))]
    renews = before.id if before is not None and is_renewal else None
    return Contract(
        f"K-{deal.id[2:]}", deal, signed_on, starts_on, ends_on, kind, renews,
        tuple(zip(days, amounts, strict=True)),
    )  # fmt: skip


def batches(history: History, seed: int) -> list[list[Event]]:
    """Everything but the late refund, in the order of time."""
    chance = random.Random(f"{seed}/{history.today}/records")
    signed = contracts(history)
    events = [
        *_customers(history), *_signed(chance, signed), *_money(chance, history, signed),
        *_activities(chance, history),
    ]  # fmt: skip
    events.sort(key=lambda event: (event["time"], event["id"]))
    return [events[n : n + EVENTS_AT_ONCE] for n in range(0, len(events), EVENTS_AT_ONCE)]


def _event(kind: str, event_id: str, at: datetime, **data: Any) -> Event:
    return {
        "id": event_id, "source": SOURCE, "type": f"{kind}.observed.v1", "time": at.isoformat(),
        "data": data,
    }  # fmt: skip


def _customers(history: History) -> Iterator[Event]:
    for one in history.customers:
        at = datetime.combine(one.known_on, datetime.min.time(), ZONE)
        yield _event(
            "customer", one.key, at, account=one.key, name=one.name, industry=one.industry,
            region=one.region,
            owners=[
                {"owner": f"{CONNECTION}:{member}", "share_bp": share_bp}
                for member, share_bp in one.team()
            ],
        )  # fmt: skip


def _signed(chance: random.Random, signed: Sequence[Contract]) -> Iterator[Event]:
    for one in signed:
        yield _event(
            "contract", one.id, on(chance, one.signed_on), contract=one.id,
            account=one.deal.customer.key, deal=f"{CONNECTION}:{one.deal.id}",
            owners=[
                {"owner": f"{CONNECTION}:{owner.rep}", "share_bp": owner.share_bp}
                for owner in one.deal.owners()
            ],
            amount=f"{one.deal.amount}.00",
            annual_fee=f"{one.annual_fee // 100}.{one.annual_fee % 100:02}",
            starts_on=one.starts_on.isoformat(), ends_on=one.ends_on.isoformat(),
            contract_kind=one.kind, renews=one.renews,
            schedule=[
                {"due_on": day.isoformat(), "amount": f"{amount}.00"}
                for day, amount in one.schedule
            ],
        )  # fmt: skip


def _money(chance: random.Random, history: History, signed: Sequence[Contract]) -> Iterator[Event]:
    """Who pays, pays at most two months late; some do not pay, a few get something back."""
    for contract in signed:
        for number, (due_on, amount) in enumerate(contract.schedule, 1):
            late = round(chance.betavariate(1, 4) * _PAID_AFTER_DAYS)
            paid_on = seasons.working_day(due_on + timedelta(days=late))
            back_on = seasons.working_day(paid_on + timedelta(days=chance.randint(10, 40)))
            pays, regrets = chance.random() >= _UNPAID, chance.random() < _REFUND
            if not pays or paid_on >= history.today:
                continue
            paid = f"P-{contract.id[2:]}-{number}"
            yield collected(paid, on(chance, paid_on), contract, amount)
            if regrets and back_on < history.today:
                back = f"R-{contract.id[2:]}-{number}"
                yield refunded(back, on(chance, back_on), contract, max(100, amount // 10))


def collected(name: str, at: datetime, contract: Contract, amount: int) -> Event:
    return _event("collection", name, at, collection=name, **_paid(contract, amount))


def refunded(name: str, at: datetime, contract: Contract, amount: int) -> Event:
    return _event("refund", name, at, refund=name, **_paid(contract, amount))


def _paid(contract: Contract, amount: int) -> dict[str, Any]:
    """Whose it is, is known by the deal: finance's system knows no reps."""
    return {
        "amount": f"{amount}.00", "account": contract.deal.customer.key, "contract": contract.id,
        "deal": f"{CONNECTION}:{contract.deal.id}",
    }  # fmt: skip


def late_refund(history: History, rep: str) -> Event:
    """A fifth of one of the rep's deals of the last quarter goes back, in that quarter's last days."""
    quarter = last_quarter(history.today)
    contract = next(
        one
        for one in reversed(contracts(history))
        if one.signed_on <= quarter.last and one.deal.owners()[0].rep == rep
    )
    at = datetime.combine(quarter.last, datetime.min.time(), ZONE) + timedelta(hours=17)
    return refunded("R-LATE", at, contract, contract.deal.amount // 5)


def last_quarter(today: date) -> Period:
    return seasons.quarter_of(seasons.quarter_of(today).first - timedelta(days=1))


def _activities(chance: random.Random, history: History) -> Iterator[Event]:
    """A working week's visits and calls of every rep."""
    of_rep = {rep.key: [c for c in history.customers if c.owner == rep.key] for rep in REPS}
    with_app = history.today - timedelta(days=APP_DAYS)
    number = 0
    for rep in REPS:
        day = max(history.start, joined_on(rep, history.today))
        while day < history.today:
            visits = 0.22 * rep.form if day >= with_app else 0.012
            for kind, rate in (("visit", visits * VISITS_A_WEEK), ("call", visits / 2)):
                if seasons.is_working(day) and chance.random() < rate:
                    number += 1
                    there = [c for c in of_rep[rep.key] if c.known_on <= day]
                    yield activity(
                        chance, f"A-{number:05}", kind, on(chance, day), rep.key,
                        chance.choice(there).key,
                    )  # fmt: skip
            day += timedelta(days=1)


def activity(
    chance: random.Random, name: str, kind: str, at: datetime, rep: str, account: str
) -> Event:
    return _event(
        "activity", name, at, activity=name, activity_kind=kind, owner=f"{CONNECTION}:{rep}",
        account=account, minutes=chance.randrange(10, 90, 5),
    )  # fmt: skip


def _months_later(day: date, months: int) -> date:
    """The first of the month that is so many months later."""
    month = day.year * 12 + day.month - 1 + months
    return date(month // 12, month % 12 + 1, 1)
