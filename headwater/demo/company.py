"""The demo company: fiction, in Chinese and English, as a CRM would know it.

One region with two teams. The second team is weak between intent and negotiation on purpose: a
bottleneck to be found. Two reps are newcomers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

TENANT = "demo"
CONNECTION = "crm"
ZONE = ZoneInfo("Asia/Shanghai")
CONFIGURATION = {"zone": ZONE.key, "currency": "CNY", "fiscal_start_month": 1}


@dataclass(frozen=True, slots=True)
class Unit:
    key: str
    name: str
    kind: str
    parent: str | None
    manager: str


@dataclass(frozen=True, slots=True)
class Person:
    """`skill` scales a rep's chances of moving a deal on, `leads` how many they get."""

    key: str
    name: str
    team: str | None = None
    joined_days_ago: int = 1_000
    skill: float = 1.0
    leads: float = 1.0


UNITS = (
    Unit("company", "源头云科技(演示) Headwater Cloud (demo)", "company", None, "chen.jianguo"),
    Unit("east", "华东大区 East China", "region", "company", "zhou.hui"),
    Unit("east-1", "华东一部 East Team 1", "team", "east", "wang.fang"),
    Unit("east-2", "华东二部 East Team 2", "team", "east", "liu.yang"),
)
MANAGERS = (
    Person("chen.jianguo", "陈建国 Chen Jianguo", joined_days_ago=3_200),
    Person("zhou.hui", "周慧 Zhou Hui", joined_days_ago=2_400),
    Person("wang.fang", "王芳 Wang Fang", joined_days_ago=1_900),
    Person("liu.yang", "刘洋 Liu Yang", joined_days_ago=1_100),
)
CARE = Person("lin.yue", "林悦 Lin Yue", joined_days_ago=800)
"""Customer success: sells nothing, so no unit."""
REPS = (
    Person("li.wei", "李伟 Li Wei", "east-1", 1_600, 1.20, 1.15),
    Person("zhang.min", "张敏 Zhang Min", "east-1", 1_350, 1.10, 1.10),
    Person("huang.tao", "黄涛 Huang Tao", "east-1", 980, 1.00, 1.00),
    Person("wu.jing", "吴静 Wu Jing", "east-1", 760, 1.05, 0.95),
    Person("xu.li", "徐丽 Xu Li", "east-1", 240, 0.80, 0.80),
    Person("sun.hao", "孙浩 Sun Hao", "east-1", 520, 0.90, 1.00),
    Person("zhu.lin", "朱琳 Zhu Lin", "east-2", 1_450, 1.15, 1.10),
    Person("ma.jun", "马俊 Ma Jun", "east-2", 1_020, 1.00, 1.05),
    Person("hu.bo", "胡波 Hu Bo", "east-2", 880, 0.95, 1.00),
    Person("guo.xin", "郭鑫 Guo Xin", "east-2", 640, 0.90, 0.95),
    Person("he.juan", "何娟 He Juan", "east-2", 430, 0.85, 0.95),
    Person("gao.xiang", "高翔 Gao Xiang", "east-2", 120, 0.70, 0.70),
)
EVERYBODY = (*MANAGERS, CARE, *REPS)
NEWEST = REPS[-1]
WEAK_TEAM = "east-2"
SHOWN_REP, SHOWN_MANAGER, SHOWN_UNIT = "li.wei", "zhou.hui", "east"

STAGES = (
    {"code": "lead", "name": "线索 Lead", "kind": "open"},
    {"code": "intent", "name": "意向 Intent", "kind": "open"},
    {"code": "negotiation", "name": "谈判 Negotiation", "kind": "open"},
    {"code": "won", "name": "成交 Won", "kind": "won"},
    {"code": "lost", "name": "流失 Lost", "kind": "lost"},
)
MAPPING: Mapping[str, Any] = {
    "mapping": 1, "connection": CONNECTION, "zone": ZONE.key, "currency": "CNY",
    "pipeline": {"code": "sales", "name": "销售漏斗 Sales", "stages": list(STAGES)},
    "deal": "deal",
    "lookups": {
        "stages": {
            **{stage["code"]: stage["code"] for stage in STAGES},
            **{stage["name"].split()[0]: stage["code"] for stage in STAGES},
        }
    },
    "observations": [
        {
            "kind": "delta", "at": {"path": "at"},
            "set": {
                "stage": {"path": "stage", "lookup": "stages"},
                "amount": {"path": "amount"},
                "owners": {"path": "owners", "owner": "rep", "share_bp": "share_bp"},
                "product": {"path": "product"},
                "channel": {"path": "channel"},
                "account": {"path": "account"},
            },
        }
    ],
}  # fmt: skip


def joined_on(person: Person, today: date) -> date:
    return today - timedelta(days=person.joined_days_ago)


def first_day(newest_joined_on: date) -> date:
    """The day on which a demo was first started, from what it stored about its newest rep.

    >>> first_day(joined_on(NEWEST, date(2026, 11, 23)))
    datetime.date(2026, 11, 23)
    """
    return newest_joined_on + timedelta(days=NEWEST.joined_days_ago)


def organisation(today: date) -> dict[str, Any]:
    """The statement that targets imports; it holds from before the first deal on."""
    return {
        "connection": CONNECTION,
        "as_of": date(today.year - 1, 1, 1).isoformat(),
        "units": [
            {
                "external_id": unit.key, "name": unit.name, "kind": unit.kind,
                "parent_external_id": unit.parent, "manager_external_id": unit.manager,
            }
            for unit in UNITS
        ],
        "members": [
            {
                "external_id": one.key, "name": one.name, "unit_external_id": one.team,
                "joined_on": joined_on(one, today).isoformat(),
            }
            for one in EVERYBODY
        ],
    }  # fmt: skip
