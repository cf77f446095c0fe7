"""600 invented customers: who they are, who looks after them, how much they buy and since when.

Key ones are few and large. One of them stopped buying nine months ago, and nobody noticed.

>>> known = everyone(7, date(2026, 11, 23))
>>> len(known), len({one.name for one in known}), sum(one.sleeps_from is not None for one in known)
(600, 600, 1)
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from headwater.demo.company import UNITS
from headwater.demo.people import CARE, REPS, Person, joined_on
from headwater.demo.seasons import HISTORY_DAYS, start_of

CUSTOMERS = 600
SLEEPER_OWNER = "luo.wen"
_SLEEPS_FOR_DAYS = 270
_PLACES = {
    "east": ("上海 Shanghai", "杭州 Hangzhou", "苏州 Suzhou", "南京 Nanjing", "宁波 Ningbo",
             "合肥 Hefei", "无锡 Wuxi"),
    "north": ("北京 Beijing", "天津 Tianjin", "济南 Jinan", "青岛 Qingdao", "石家庄 Shijiazhuang",
              "太原 Taiyuan", "沈阳 Shenyang"),
    "south": ("广州 Guangzhou", "深圳 Shenzhen", "佛山 Foshan", "东莞 Dongguan", "厦门 Xiamen",
              "南宁 Nanning", "海口 Haikou"),
}  # fmt: skip
_NAMES = (
    "恒信 Hengxin", "瑞丰 Ruifeng", "金桥 Jinqiao", "东来 Donglai", "明远 Mingyuan", "海川 Haichuan",
    "天工 Tiangong", "华茂 Huamao", "启航 Qihang", "安泰 Antai", "中和 Zhonghe", "盛元 Shengyuan",
)  # fmt: skip
_TRADES = ("机械 Machinery", "食品 Foods", "物流 Logistics", "医药 Pharma", "电子 Electronics")
_SIZES = ((0.5, 40), (1.0, 35), (1.8, 18), (4.0, 7))
"""How much a customer buys at a time, against others; and how many are so, in percent."""
_LARGE = 1.8
_REGION_OF = {unit.key: unit.parent for unit in UNITS if unit.kind == "team"}


@dataclass(frozen=True, slots=True)
class Customer:
    """`known_on` is the day of its first trace; `buys` says that it is more than a prospect."""

    key: str
    name: str
    industry: str
    region: str
    owner: str
    size: float
    known_on: date
    buys: bool
    sleeps_from: date | None = None

    def team(self) -> tuple[tuple[str, int], ...]:
        """Who looks after it, with shares in basis points: customer success joins where it is large."""
        if self.buys and self.size >= _LARGE:
            return ((self.owner, 8_000), (CARE.key, 2_000))
        return ((self.owner, 10_000),)

    def is_there(self, day: date) -> bool:
        return self.known_on <= day and (self.sleeps_from is None or day < self.sleeps_from)


def everyone(seed: int, today: date) -> tuple[Customer, ...]:
    """Every rep has at least two from the first day on: one that buys, and a prospect."""
    chance = random.Random(f"{seed}/{today}/customers")
    names = {region: _names(chance, region) for region in _PLACES}
    found: list[Customer] = []
    for rep, count in _shared_out(REPS):
        region = _REGION_OF[rep.team or ""] or ""
        for number in range(count):
            name, industry = names[region].pop()
            key = f"C-{len(found) + 1:04}"
            found.append(_customer(chance, key, name, industry, region, rep, number, today))
    return tuple(_with_sleeper(found, today))


def _customer(
    chance: random.Random, key: str, name: str, industry: str, region: str, rep: Person,
    number: int, today: date,
) -> Customer:  # fmt: skip
    since = max(start_of(today), joined_on(rep, today))
    is_old = number < 2 or chance.random() < 0.5
    later = chance.randrange(max(1, (today - since).days))
    return Customer(
        key, name, industry, region, rep.key,
        size=chance.choices([s for s, _ in _SIZES], [w for _, w in _SIZES])[0],
        known_on=since if is_old else since + timedelta(days=later),
        buys=number == 0 or (number > 1 and chance.random() < 0.75),
    )  # fmt: skip


def _names(chance: random.Random, region: str) -> list[tuple[str, str]]:
    """Every name that a region may have, in any order, with its industry."""
    found = [
        ("".join(w[0] for w in words) + " " + " ".join(w[1] for w in words), trade)
        for place in _PLACES[region]
        for name in _NAMES
        for trade in _TRADES
        if (words := [part.split() for part in (place, name, trade)])
    ]
    chance.shuffle(found)
    return found


def _shared_out(reps: Sequence[Person]) -> list[tuple[Person, int]]:
    """As many customers each as the weight says, exactly CUSTOMERS together."""
    total, given, passed = sum(rep.weight for rep in reps), 0, 0
    found = []
    for rep in reps:
        passed += rep.weight
        upto = CUSTOMERS * passed // total
        found.append((rep, upto - given))
        given = upto
    return found


def _with_sleeper(found: list[Customer], today: date) -> list[Customer]:
    """The first customer of one rep is a large one that buys no more."""
    number = next(n for n, one in enumerate(found) if one.owner == SLEEPER_OWNER)
    found[number] = replace(
        found[number], size=_SIZES[-1][0], known_on=today - timedelta(days=HISTORY_DAYS), buys=True,
        sleeps_from=today - timedelta(days=_SLEEPS_FOR_DAYS),
    )  # fmt: skip
    return found
