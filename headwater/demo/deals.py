"""A year of deals up to the day before `today`: a pure function of a seed and that day.

Leads come by season (fewer around Spring Festival and in Golden Week, more towards a quarter's
end) and by rep. Each stage has a chance to be passed, scaled by the rep's skill; wins are pulled
into the closing quarter, as they are everywhere. On purpose: a weak stage in one team, a few deals
reopened, shared 60/40 or handed over, a few without any date, some items late or out of order.
Nothing is dated today or later, so every number is known at the first start.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from headwater.demo.company import REPS, WEAK_TEAM, ZONE, Person, joined_on

SEED = 20_260_101
DAYS, DEALS = 365, 1_500
ITEMS_AT_ONCE = 500
Item = dict[str, Any]

SERIES = ("D-", "T-")
"""How the ids of the generator's and of the trickle's deals begin."""
OPEN = ("lead", "intent", "negotiation")
CHANCE = {"lead": 0.64, "intent": 0.60, "negotiation": 0.47}
WEAK_CHANCE = 0.33
"""Of the weak team to bring a deal from intent to negotiation."""
STAY_DAYS = {"lead": (1, 14), "intent": (4, 32), "negotiation": (6, 45)}
_UNDATED, _REOPENED, _SHARED, _HANDED_OVER, _ASLEEP, _LATE = 8, 0.03, 0.03, 0.015, 0.03, 0.03

PRODUCTS = (
    ("云客标准版 Cloud Standard", 36_000, 5),
    ("云客企业版 Cloud Enterprise", 128_000, 3),
    ("数据分析 Analytics", 64_000, 2),
)
CHANNELS = (("own", 4), ("partner", 3), ("referral", 2), ("event", 1))
_PLACES = (
    "上海 Shanghai", "杭州 Hangzhou", "苏州 Suzhou", "南京 Nanjing", "宁波 Ningbo", "合肥 Hefei",
    "无锡 Wuxi", "嘉兴 Jiaxing",
)  # fmt: skip
_NAMES = (
    "恒信 Hengxin", "瑞丰 Ruifeng", "金桥 Jinqiao", "东来 Donglai", "明远 Mingyuan", "海川 Haichuan",
    "天工 Tiangong", "华茂 Huamao", "启航 Qihang", "安泰 Antai", "中和 Zhonghe", "盛元 Shengyuan",
)  # fmt: skip
_TRADES = ("机械 Machinery", "食品 Foods", "物流 Logistics", "医药 Pharma", "电子 Electronics")

# The first day of the lunar year; the festival moves, so it is not in the calendar.
_SPRING_FESTIVALS = {
    2024: (2, 10), 2025: (1, 29), 2026: (2, 17), 2027: (2, 6), 2028: (1, 26), 2029: (2, 13),
    2030: (2, 3), 2031: (1, 23), 2032: (2, 11), 2033: (1, 31), 2034: (2, 19), 2035: (2, 8),
}  # fmt: skip


@dataclass(slots=True)
class _Deal:
    id: str
    rep: Person
    amount: int
    items: list[Item] = field(default_factory=list)


def batches(seed: int, today: date) -> Iterator[list[Item]]:
    """Arrays of items as the CRM would export them; a deal's items mostly together.

    The last item of the last array is the only one of its deal.
    """
    chance = random.Random(f"{seed}/{today}")
    late: list[Item] = []
    batch: list[Item] = []
    for deal in _deals(chance, today):
        on_time: list[Item] = []
        for number, item in enumerate(deal.items):
            is_late = number > 0 and chance.random() < _LATE
            (late if is_late else on_time).append(item)
        if chance.random() < _LATE:
            chance.shuffle(on_time)
        if len(batch) + len(on_time) > ITEMS_AT_ONCE:
            yield batch
            batch = []
        batch += on_time
    yield batch
    for start in range(0, len(late), ITEMS_AT_ONCE):
        yield late[start : start + ITEMS_AT_ONCE]
    yield _undated(chance, today)


def _deals(chance: random.Random, today: date) -> Iterator[_Deal]:
    days = [today - timedelta(days=DAYS - n) for n in range(DAYS)]
    weights = [season(day) for day in days]
    per_weight = DEALS / sum(weights)
    number = 0
    for day, weight in zip(days, weights, strict=True):
        for _ in range(int(weight * per_weight + chance.random())):
            number += 1
            deal = _new(chance, f"D-{number:05}", day, today)
            _live(chance, deal, day, today)
            yield deal


def _undated(chance: random.Random, today: date) -> list[Item]:
    items = []
    for number in range(1, _UNDATED + 1):
        deal = _new(chance, f"U-{number:05}", today - timedelta(days=1), today)
        del deal.items[0]["at"]
        deal.items[0]["stage"] = chance.choice(OPEN[:2])
        items += deal.items
    return items


def season(day: date) -> float:
    """How busy a day is; 1 is a usual working day."""
    festival = _SPRING_FESTIVALS.get(day.year, (2, 5))
    after = (day - date(day.year, *festival)).days
    if -7 <= after <= 9:
        return 0.06
    if day.month == 10 and day.day <= 7:
        return 0.03
    peak = 1.3 if day.month % 3 == 0 else 1.0
    return peak * (1.0 if day.weekday() < 5 else 0.05)


def _new(chance: random.Random, deal_id: str, day: date, today: date) -> _Deal:
    there = [rep for rep in REPS if joined_on(rep, today) <= day]
    (rep,) = chance.choices(there, [one.leads for one in there])
    return opened(chance, deal_id, rep, _at(chance, day))


def opened(chance: random.Random, deal_id: str, rep: Person, at: datetime) -> _Deal:
    """A new deal with its first item, which names everything that is known of it."""
    product, price, _ = chance.choices(PRODUCTS, [weight for *_, weight in PRODUCTS])[0]
    channel, _ = chance.choices(CHANNELS, [weight for _, weight in CHANNELS])[0]
    amount = round(price * chance.lognormvariate(0, 0.45) / 100) * 100
    item: Item = {
        "deal": deal_id, "at": at.isoformat(), "stage": "lead", "amount": f"{amount}.00",
        "owners": _owners(chance, rep), "product": product, "channel": channel,
        "account": _account(chance),
    }  # fmt: skip
    return _Deal(deal_id, rep, amount, [item])


def _owners(chance: random.Random, rep: Person) -> list[Item]:
    if chance.random() >= _SHARED:
        return [{"rep": rep.key, "share_bp": 10_000}]
    peer = _peer(chance, rep)
    return [{"rep": rep.key, "share_bp": 6_000}, {"rep": peer.key, "share_bp": 4_000}]


def _peer(chance: random.Random, rep: Person) -> Person:
    """Somebody of the same team who was there all year."""
    return chance.choice(
        [
            one
            for one in REPS
            if one.team == rep.team and one is not rep and one.joined_days_ago > DAYS
        ]
    )


def _account(chance: random.Random) -> str:
    words = [chance.choice(part).split() for part in (_PLACES, _NAMES, _TRADES)]
    return "".join(word[0] for word in words) + " " + " ".join(word[1] for word in words)


def _live(chance: random.Random, deal: _Deal, day: date, today: date) -> None:
    """Add what became of the deal, up to the day before `today`."""
    for stage, item in _path(chance, deal, day):
        when = datetime.fromisoformat(item["at"]).date()
        if when >= today:
            return
        deal.items.append(item)
        if stage == "lost" and chance.random() < _REOPENED * 2:
            _reopen(chance, deal, when, today)


def _path(chance: random.Random, deal: _Deal, day: date) -> Iterator[tuple[str, Item]]:
    for position, stage in enumerate(OPEN):
        if chance.random() < _ASLEEP:
            return  # nobody follows it up
        entered, day = day, _later(chance, day, STAY_DAYS[stage])
        passes = chance.random() < passing(stage, deal.rep)
        if not passes:
            yield "lost", _item(chance, deal, day, "lost")
            return
        following = OPEN[position + 1] if stage != "negotiation" else "won"
        if following == "won":
            day = max(entered, _pulled_in(chance, day))
        item = _item(chance, deal, day, following)
        if stage == "intent" and chance.random() < 0.3:
            deal.amount = round(deal.amount * chance.uniform(0.75, 1.2) / 100) * 100
            item["amount"] = f"{deal.amount}.00"
        if chance.random() < _HANDED_OVER:
            item["owners"] = [{"rep": _peer(chance, deal.rep).key, "share_bp": 10_000}]
        yield following, item


def passing(stage: str, rep: Person) -> float:
    """The rep's chance to bring a deal on from an open stage."""
    weak = stage == "intent" and rep.team == WEAK_TEAM
    return min(0.95, (WEAK_CHANCE if weak else CHANCE[stage]) * rep.skill)


def _reopen(chance: random.Random, deal: _Deal, lost: date, today: date) -> None:
    again = _later(chance, lost, (8, 30))
    closed = _later(chance, again, (6, 30))
    for day, stage in ((again, "negotiation"), (closed, chance.choice(("won", "lost")))):
        if day < today:
            deal.items.append(_item(chance, deal, day, stage))


def _item(chance: random.Random, deal: _Deal, day: date, stage: str) -> Item:
    return {"deal": deal.id, "at": _at(chance, day).isoformat(), "stage": stage}


def _later(chance: random.Random, day: date, stay: tuple[int, int]) -> date:
    """A working day after a stay of that many days, holidays left out."""
    day += timedelta(days=chance.randint(*stay))
    while season(day) < 0.5:
        day += timedelta(days=1)
    return day


def _pulled_in(chance: random.Random, day: date) -> date:
    """Deals that would close soon after a quarter's end are often closed within it."""
    start = date(day.year, day.month - (day.month - 1) % 3, 1)
    if (day - start).days >= 18 or chance.random() < 0.5:
        return day
    return start - timedelta(days=chance.randint(1, 6))


def _at(chance: random.Random, day: date) -> datetime:
    minutes = chance.randint(0, 9 * 60)
    return datetime.combine(day, time(9), ZONE) + timedelta(minutes=minutes)


def current_quarter(today: date) -> str:
    return f"{today.year}-Q{(today.month - 1) // 3 + 1}"


def count(all_batches: Sequence[Sequence[Item]]) -> int:
    """How many different deals the items are of."""
    return len({item["deal"] for batch in all_batches for item in batch})
