"""A quarter of a company, made up from a seed: what happens, and how it is told (see fresh)."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from tests.support.kpi import STAGES

ZONE = ZoneInfo("Asia/Shanghai")
LAST_DAY = date(2026, 4, 2)
"""The business day on which everything is looked at."""
STRATEGIC_ABOVE, BASIC_BELOW = 80_000_00, 20_000_00
REPS = ("ann", "ben", "cai")
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_EDGES = (STRATEGIC_ABOVE, BASIC_BELOW, STRATEGIC_ABOVE + 1, BASIC_BELOW - 1)
_SHARES: Sequence[Mapping[str, int]] = (
    {"ann": 10_000}, {"ben": 10_000}, {"cai": 10_000}, {"ann": 6_000, "ben": 4_000},
    {"ben": 6_000, "cai": 4_000},
)  # fmt: skip
_STEPS = ("lead", "intent", "negotiation")
MAPPING: dict[str, Any] = {
    "mapping": 1, "connection": "crm", "zone": ZONE.key, "currency": "CNY", "owners": "crm",
    "pipeline": {"code": "sales", "name": "Sales", "stages": STAGES}, "deal": "deal",
    "lookups": {"stages": {stage["code"]: stage["code"] for stage in STAGES}},
    "observations": [
        {
            "kind": "delta", "when": [{"path": "gone", "exists": False}], "at": {"path": "at"},
            "version": "version",
            "set": {
                "stage": {"path": "stage", "lookup": "stages"}, "amount": {"path": "amount"},
                "account": {"path": "account"},
                "owners": {"path": "owners", "owner": "owner", "share_bp": "share_bp"},
            },
        },
        {
            "kind": "deleted", "when": [{"path": "gone", "exists": True}], "at": {"path": "at"},
            "version": "version",
        },
    ],
}  # fmt: skip
Door = Literal["webhook", "events"]


class Said(NamedTuple):
    """One item: `key` is its event's id, or names it in the webhooks."""

    door: Door
    key: str
    at: datetime
    body: Mapping[str, Any]


@dataclass
class Deal:
    """`minor` is its amount at last, 0 where the win stands no more."""

    subject: str
    account: str
    owners: Mapping[str, int]
    minor: int
    won_on: date
    refunds: list[int] = field(default_factory=list)


@dataclass
class Quarter:
    """`said` in the order in which things happened; `wins` are all deals that were ever won."""

    chance: random.Random
    said: list[Said] = field(default_factory=list)
    wins: list[Deal] = field(default_factory=list)
    fees: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By account, of the contracts in force on LAST_DAY."""
    contracted: set[str] = field(default_factory=set)
    """Accounts that ever had a contract."""
    visits: Counter[str] = field(default_factory=Counter)
    collected: int = 0

    def event(self, record: str, id_: str, at: datetime, **data: Any) -> None:
        key = f"{record}-{id_}-{len(self.said)}"
        body = {
            "id": key, "source": "books", "type": f"{record}.observed.v1", "time": at.isoformat(),
            "data": {"account" if record == "customer" else record: id_, **data},
        }  # fmt: skip
        self.said.append(Said("events", key, at, body))

    def of_deal(self, door: Door, name: str, at: datetime, **fields: Any) -> None:
        """The same of a deal through either door."""
        if door == "events":
            if "owners" in fields:
                fields["owners"] = [
                    {**one, "owner": f"crm:{one['owner']}"} for one in fields["owners"]
                ]
            if fields.pop("gone", False):
                fields["kind"] = "deleted"
            self.event("deal", name, at, **fields)
            return
        key = f"{name}-{len(self.said)}"
        body = {"deal": name, "at": at.isoformat(), **fields}
        self.said.append(Said("webhook", key, at, body))

    def later(self, at: datetime, days: int) -> datetime:
        """Some days on, at any minute of the day."""
        return at + timedelta(
            days=self.chance.randint(1, days), minutes=self.chance.randint(0, 1_439)
        )


def quarter(seed: int, *, deals: int = 44) -> Quarter:
    made = Quarter(random.Random(seed))  # noqa: S311 — not a secret
    for number in range(deals):
        _deal(made, number)
    _refunds(made)
    _contracts(made)
    _collections(made)
    _activities(made)
    for number in range(14):
        made.event(
            "customer", f"A{number}", _FIRST + timedelta(days=number), name=f"Account {number}",
            region=made.chance.choice(["east", "west"]), owner=f"crm:{made.chance.choice(REPS)}",
        )  # fmt: skip
    made.said.sort(key=lambda one: (one.at, one.key))
    assert made.said[-1].at < datetime(2026, 3, 30, tzinfo=UTC)
    return made


def _shares(owners: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"owner": owner, "share_bp": share} for owner, share in owners.items()]


def _money(minor: int) -> str:
    return str(Decimal(minor).scaleb(-2))


def _deal(made: Quarter, number: int) -> None:
    """From lead to an end; some are handed over, some take two steps in one instant."""
    chance, door = made.chance, ("webhook", "events")[number % 2]
    name, account = f"D{number}", f"A{chance.randrange(14)}"
    owners, minor = chance.choice(_SHARES), chance.randint(20_000_00, 900_000_00)
    at = made.later(_FIRST, 38)
    for step, stage in enumerate(_STEPS):
        fields: dict[str, Any] = {"stage": stage, "version": step}
        if step == 0:
            fields |= {"amount": _money(minor), "account": account, "owners": _shares(owners)}
        if step == 2 and chance.random() < 0.3:  # handed over
            owners = chance.choice(_SHARES)
            fields["owners"] = _shares(owners)
        made.of_deal(door, name, at, **fields)
        at = at if chance.random() < 0.1 else made.later(at, 8)
    end = chance.choices(["won", "lost", "open"], [7, 1, 2])[0]
    if end == "open":
        return
    at = made.later(at, 12)
    made.of_deal(door, name, at, stage=end, version=3)
    if end == "lost":
        return
    namespace = "crm" if door == "webhook" else "events"
    win = Deal(f"{namespace}:{name}", account, owners, minor, at.astimezone(ZONE).date())
    made.wins.append(win)
    _second_thoughts(made, win, door, name, made.later(at, 6))


def _second_thoughts(made: Quarter, win: Deal, door: Door, name: str, at: datetime) -> None:
    what = made.chance.choices(["", "amount", "reopened", "gone", "owners"], [12, 3, 1, 1, 3])[0]
    if what == "amount":
        win.minor = made.chance.randint(20_000_00, 900_000_00)
        made.of_deal(door, name, at, amount=_money(win.minor), version=4)
    elif what == "reopened":
        made.of_deal(door, name, at, stage="negotiation", version=4)
        win.minor = 0
    elif what == "gone":
        made.of_deal(door, name, at, gone=True, version=4)
        win.minor = 0
    elif what == "owners":  # a customer is handed over; who won the deal keeps the credit
        made.of_deal(door, name, at, owners=_shares(made.chance.choice(_SHARES)), version=4)


def _refunds(made: Quarter) -> None:
    """Some in full, some in part; of a deal, or of a contract that names it."""
    standing = [win for win in made.wins if win.minor]
    for number, win in enumerate(made.chance.sample(standing, len(standing) // 2)):
        minor = win.minor if number % 3 == 0 else made.chance.randint(1, win.minor)
        at = datetime(2026, 3, 28, tzinfo=UTC) + timedelta(minutes=number)
        if number % 2:  # as early as it can be
            at = datetime.combine(win.won_on, datetime.min.time(), UTC) + timedelta(days=2)
        named = {"deal": win.subject}
        if number % 5 == 0:
            contract = f"R{number}"
            made.event("contract", contract, at - timedelta(days=1), deal=win.subject,
                       account=win.account)  # fmt: skip
            made.contracted.add(win.account)
            named = {"contract": contract}
        made.event("refund", f"B{number}", at, amount=_money(minor), account=win.account, **named)
        win.refunds.append(minor)


def _contracts(made: Quarter) -> None:
    """Fees around the tiers' edges; some changed, some cancelled, some over by LAST_DAY."""
    chance = made.chance
    for number in range(20):
        account, at = f"A{chance.randrange(14)}", made.later(_FIRST, 50)
        fee = _EDGES[number] if number < len(_EDGES) else chance.randint(5_000_00, 70_000_00)
        starts, ends = at.astimezone(ZONE).date(), date(2026, 12, 31)
        if number % 6 == 5:
            ends = date(2026, 3, 31)
        made.event(
            "contract", f"C{number}", at, account=account, amount=_money(fee),
            annual_fee=_money(fee), starts_on=starts.isoformat(), ends_on=ends.isoformat(),
            owner=f"crm:{chance.choice(REPS)}",
            schedule=[{"due_on": "2026-02-15", "amount": _money(fee // 2)}],
        )  # fmt: skip
        made.contracted.add(account)
        what = chance.choices(["", "changed", "gone"], [6, 3, 1])[0]
        if what == "changed":
            fee = chance.randint(5_000_00, 70_000_00)
            made.event("contract", f"C{number}", made.later(at, 20), annual_fee=_money(fee))
        elif what == "gone":
            made.event("contract", f"C{number}", made.later(at, 20), kind="deleted")
        if what != "gone" and ends >= LAST_DAY:
            made.fees[account].append(fee)


def _collections(made: Quarter) -> None:
    for number, win in enumerate(made.chance.choices(made.wins, k=24)):
        at = datetime.combine(win.won_on, datetime.min.time(), UTC) + timedelta(hours=30)
        named = {"deal": win.subject} if number % 2 else {"contract": f"C{number % 20}"}
        minor = made.chance.randint(1_00, 40_000_00)
        made.collected += minor
        made.event(
            "collection", f"P{number}", at, amount=_money(minor), account=win.account, **named
        )


def _activities(made: Quarter) -> None:
    for number in range(40):
        rep, kind = made.chance.choice(REPS), made.chance.choice(["visit", "call", "demo"])
        made.visits[rep] += kind == "visit"
        made.event("activity", f"V{number}", made.later(_FIRST, 85), activity_kind=kind,
                   owner=f"crm:{rep}")  # fmt: skip


def deliveries(said: Sequence[Said], chance: random.Random | None) -> Iterator[tuple[Said, ...]]:
    """Cut into requests: one item each where tidy, else events in batches of any size."""
    waiting: list[Said] = []
    for one in said:
        if one.door == "webhook":
            yield (one,)
            continue
        waiting.append(one)
        if chance is None or chance.random() < 0.2:
            yield tuple(waiting)
            waiting = []
    if waiting:
        yield tuple(waiting)
