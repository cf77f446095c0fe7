"""The demo company's plans, made through REST as anybody's would be.

Sales of the year: 100,000,000 over quarters and months, so that these are round at the top; each
month over regions, teams and reps by weight; and what a rep has over its declared weeks. Visits of
the quarter: a process target of two a week for every rep. Nine owners in ten acknowledge the year,
as an approval asks for, the team in red has not; visits are decided without asking. A plan is named
after its period, so that a repeated start finds it and brings it on from where it stands.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from headwater.demo import deals, records, seasons
from headwater.demo.company import CONNECTION, TEAM_IN_RED, UNITS
from headwater.demo.doors import DemoFailed, Doors, patiently
from headwater.demo.people import REPS, of_team
from services.kit.period import Period, children

SALES, VISITS = "sales", "visits"
WITHOUT_ASKING = "全员统一标准,周会已说明 one standard for all, explained at Monday's meeting"
_PLANS = "/targets/v1/plans"
_AT_ONCE = 8
_TEAMS = {
    region.key: [unit.key for unit in UNITS if unit.parent == region.key]
    for region in UNITS
    if region.kind == "region"
}


def sales_plan(quarter: Period, today_year: int) -> dict[str, Any]:
    year = quarter.first.year
    target = round(deals.YEAR_TARGET * deals.GROWTH ** (year - today_year))
    return {
        "name": f"{year} 销售目标 Sales", "metric": SALES, "owner_id": _id("company"),
        "period": str(year), "target": f"{target}.00", "floor": f"{target * 9 // 10}.00",
        "stretch": f"{target * 11 // 10}.00",
    }  # fmt: skip


def visits_plan(quarter: Period) -> dict[str, Any]:
    weeks = sum(
        len(children(month, seasons.CALENDAR)) for month in children(quarter, seasons.CALENDAR)
    )
    return {
        "name": f"{quarter.code} 拜访计划 Visits", "metric": VISITS, "owner_id": _id("company"),
        "period": quarter.code, "target": str(len(REPS) * weeks * records.VISITS_A_WEEK),
    }  # fmt: skip


def sales_splits() -> list[dict[str, Any]]:
    """Explicit shares at every step, each with its reason."""
    weights = {rep.key: rep.weight for rep in REPS}
    return [
        _time("year", seasons.QUARTER_SHARES, "季节性 the season"),
        _time("quarter", seasons.MONTH_SHARES, "春节与季末 the festival and the quarter's end"),
        *_organisation(weights, "资历与客户基础 seniority and customers"),
        _time("month", None, "每周均分 the weeks alike"),
    ]


def visits_splits() -> list[dict[str, Any]]:
    return [
        *_organisation({rep.key: 1 for rep in REPS}, "每人相同 the same for everybody"),
        _time("quarter", None, "每月相同 the months alike"),
        _time("month", None, "每周两次 two a week"),
    ]


def _organisation(weights: Mapping[str, int], reason: str) -> list[dict[str, Any]]:
    of_team_ = {t: sum(weights[r.key] for r in of_team(t)) for ts in _TEAMS.values() for t in ts}
    parts: dict[str, dict[str, int]] = {
        "company": {region: sum(of_team_[t] for t in teams) for region, teams in _TEAMS.items()},
        **{region: {team: of_team_[team] for team in teams} for region, teams in _TEAMS.items()},
        **{team: {rep.key: weights[rep.key] for rep in of_team(team)} for team in of_team_},
    }
    return [
        {
            "of": "leaves", "owner_id": _id(owner), "axis": "organisation", "method": "weights",
            "parts": [{"owner_id": _id(key), "weight": str(w)} for key, w in below.items()],
            "reason": reason,
        }
        for owner, below in parts.items()
    ]  # fmt: skip


def _time(level: str, percents: tuple[int, ...] | None, reason: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"of": "leaves", "level": level, "axis": "time", "reason": reason}
    if percents is None:
        return rule | {"method": "equal"}
    return rule | {"method": "shares", "parts": [{"share_bp": 100 * part} for part in percents]}


def _id(key: str) -> str:
    return f"{CONNECTION}:{key}"


class Planner:
    """`members` and `units` are our ids by the company's keys."""

    def __init__(self, doors: Doors, members: Mapping[str, str], units: Mapping[str, str]) -> None:
        self._doors = doors
        self._tokens = {
            **{members[rep.key]: doors.token("rep", members[rep.key])
               for rep in REPS if rep.team != TEAM_IN_RED},
            **{units[unit.key]: doors.token("manager", members[unit.manager])
               for unit in UNITS if unit.key != TEAM_IN_RED},
        }  # fmt: skip
        """Of those who acknowledge, by the owner whose target it is."""

    async def declared(self) -> None:
        """Until targets has learnt the metrics that kpi declares for a new tenant."""

        async def are() -> bool:
            known = await self._doors.call("GET", "/targets/v1/metrics")
            return {SALES, VISITS} <= {metric["code"] for metric in known["items"]}

        await patiently(are, "targets does not learn the metrics")

    async def active(
        self, wanted: dict[str, Any], splits: list[dict[str, Any]], override: str | None = None
    ) -> tuple[str, int]:
        """The plan, made and activated where it is not yet: its id, and where the log has it.

        Its owners acknowledge it before it is approved, unless a reason overrides that.
        """
        plan = await self._found(wanted["name"])
        if plan is None:
            plan = (await self._doors.call("POST", _PLANS, json=wanted))["plan"]
        path = f"{_PLANS}/{plan['id']}"
        if plan["root"]["allocated"] is None:
            plan = (await self._doors.call("POST", f"{path}/splits", json={"splits": splits}))[
                "plan"
            ]
        if plan["state"] == "draft":
            plan = (await self._doors.call("POST", f"{path}/propose"))["plan"]
        if plan["state"] == "proposed":
            if override is None:
                await self._acknowledged(plan["root"])
            body = {"override_reason": override}
            plan = (await self._doors.call("POST", f"{path}/approve", json=body))["plan"]
        if plan["state"] not in {"approved", "active"}:
            raise DemoFailed(f"the plan {plan['name']} is {plan['state']}")
        answer = {"offset": None}

        async def is_in_the_log() -> bool:
            answer.update(await self._doors.call("POST", f"{path}/activate"))
            return answer["offset"] is not None

        await patiently(is_in_the_log, "kpi does not take the plan's targets")
        return str(plan["id"]), int(answer["offset"] or 0)

    async def _found(self, name: str) -> dict[str, Any] | None:
        page = await self._doors.call("GET", _PLANS)
        return next((plan for plan in page["items"] if plan["name"] == name), None)

    async def _acknowledged(self, root: dict[str, Any]) -> None:
        """From the top down, each owner for themselves or their unit."""
        nodes = [root]
        while nodes:
            answering = [node for node in nodes if node["owner"]["id"] in self._tokens]
            for begin in range(0, len(answering), _AT_ONCE):
                await asyncio.gather(*map(self._acknowledge, answering[begin : begin + _AT_ONCE]))
            units = [node["id"] for node in nodes if node["owner"]["kind"] == "unit"]
            below = {"items": []} if not units else await self._doors.call(
                "GET", "/targets/v1/targets/children", params={"id": units}
            )  # fmt: skip
            parts = (part for item in below["items"] for part in item["children"])
            # An owner speaks once for all their targets, so one of each owner's is enough.
            nodes = list({part["owner"]["id"]: part for part in parts}.values())

    async def _acknowledge(self, node: dict[str, Any]) -> None:
        token = self._tokens[node["owner"]["id"]]
        await self._doors.call("POST", f"/targets/v1/targets/{node['id']}/acknowledge", token=token)
