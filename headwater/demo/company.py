"""The demo company: fiction, in Chinese and English, as a CRM would know it.

Three regions with three teams each. One team has lost its way this quarter, another one brings
fewer deals from intent to negotiation than it used to: both on purpose, to be found.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from headwater.demo.people import EVERYBODY, joined_on
from headwater.demo.seasons import start_of

TENANT = "demo"
CONNECTION = "crm"
ZONE = ZoneInfo("Asia/Shanghai")
CONFIGURATION = {
    "zone": ZONE.key, "currency": "CNY", "fiscal_start_month": 1, "week_rule": "month_quarters",
}  # fmt: skip
TIER_POLICY = {
    "basis": "annual_fee", "strategic_above": "500000.00", "basic_below": "100000.00",
    "planning_period": "quarter",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unit:
    key: str
    name: str
    kind: str
    parent: str | None
    manager: str


UNITS = (
    Unit("company", "源头云科技(演示) Headwater Cloud (demo)", "company", None, "chen.jianguo"),
    Unit("east", "华东大区 East China", "region", "company", "zhou.hui"),
    Unit("east-1", "华东一部 East Team 1", "team", "east", "wang.fang"),
    Unit("east-2", "华东二部 East Team 2", "team", "east", "liu.yang"),
    Unit("east-3", "华东三部 East Team 3", "team", "east", "fan.zhiqiang"),
    Unit("north", "华北大区 North China", "region", "company", "qian.weimin"),
    Unit("north-1", "华北一部 North Team 1", "team", "north", "shi.lei"),
    Unit("north-2", "华北二部 North Team 2", "team", "north", "jin.xiaohong"),
    Unit("north-3", "华北三部 North Team 3", "team", "north", "cui.dapeng"),
    Unit("south", "华南大区 South China", "region", "company", "deng.yan"),
    Unit("south-1", "华南一部 South Team 1", "team", "south", "lu.yaqin"),
    Unit("south-2", "华南二部 South Team 2", "team", "south", "yao.guoqing"),
    Unit("south-3", "华南三部 South Team 3", "team", "south", "xia.mengjie"),
)
TEAM_IN_RED, WEAK_TEAM = "north-3", "east-2"
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


def organisation(today: date) -> dict[str, Any]:
    """The statement that targets imports; it holds from before the first deal on."""
    return {
        "connection": CONNECTION,
        "as_of": date(start_of(today).year, 1, 1).isoformat(),
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
