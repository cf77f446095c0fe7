"""targets as the gateway meets it."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.gateway.stub import MANAGER, TEAM, UNIT, Stub, problem, rep_id

PLAN = "0190c000-0000-7000-8000-0000000000c0"
MONTHS = ("2026-01", "2026-02", "2026-03")


class TargetsStub(Stub):
    """Tenant `demo`: a unit with a team of 60 reps; tenant `other` has nobody."""

    def member(self, number: int) -> dict[str, Any]:
        return {
            "id": rep_id(number), "external_id": f"crm:r{number}", "name": f"Rep {number:02d}",
            "unit": {"id": TEAM, "name": "Team"}, "manager": {"id": MANAGER, "name": "Boss"},
            "tenure_months": number, "joined_on": "2024-01-01", "left_on": None,
        }  # fmt: skip

    def unit(self, unit_id: str) -> dict[str, Any]:
        names = {UNIT: ("crm:company", "Company", None), TEAM: ("crm:team", "Team", UNIT)}
        external_id, name, parent_id = names[unit_id]
        return {
            "id": unit_id, "external_id": external_id, "name": name, "kind": None,
            "parent_id": parent_id, "manager_id": MANAGER, "manager_name": "Boss",
        }  # fmt: skip

    async def _found(self, request: Request, rows: list[dict[str, Any]]) -> Response:
        viewer = await self.viewer(request)
        asked = request.query_params.getlist("id")
        if "twice" in asked:
            return problem(409, "ambiguous_id", "'twice' is an id in a and b", "id")
        items = []
        for row in rows if viewer.tenant == "demo" else []:
            names = {row["id"], row["external_id"], row["external_id"].partition(":")[2]}
            if meant := [one for one in asked if one in names]:
                items.append({**row, "asked": meant})
        return JSONResponse({"items": items, "next_cursor": None})

    async def members(self, request: Request) -> Response:
        return await self._found(request, [self.member(number) for number in range(1, 61)])

    async def units(self, request: Request) -> Response:
        return await self._found(request, [self.unit(UNIT), self.unit(TEAM)])

    async def children(self, request: Request) -> Response:
        below = {UNIT: [{**self.unit(TEAM), "asked": []}], TEAM: []}
        asked = request.query_params.getlist("id")
        items = [{"unit_id": one, "asked": [one], "children": below[one]} for one in asked]
        return JSONResponse({"items": items})

    async def staff(self, request: Request) -> Response:
        limit = int(request.query_params["limit"])
        after = int(request.query_params.get("cursor", "0"))
        items = [
            {
                "unit_id": one, "asked": [one], "total_count": 60,
                "items": [
                    {**self.member(number), "asked": []}
                    for number in range(after + 1, min(after + limit, 60) + 1)
                ],
                "next_cursor": str(after + limit) if after + limit < 60 else None,
            }
            for one in request.query_params.getlist("id")
        ]  # fmt: skip
        return JSONResponse({"items": items})

    def target(self, owner_id: str, metric: str, period: str) -> dict[str, Any]:
        """6,000,000 a quarter, 20 visits; a third or so of it a month."""
        is_money = metric == "sales"
        return {
            "id": f"{metric}:{period}:{owner_id}", "plan_id": PLAN,
            "owner": {"kind": "unit" if owner_id in (UNIT, TEAM) else "member", "id": owner_id,
                      "name": "Somebody"},
            "axis": "time", "label": period, "period": period,
            "currency": "CNY" if is_money else None,
            "metric": {"code": metric, "name": {"en": metric.title(), "zh": "指标"},
                       "unit": "money" if is_money else "count", "kind": "result",
                       "direction": "higher"},
            "floor": None, "target": "6000000.00" if is_money else "20", "stretch": None,
            "allocated": "6000000.00" if is_money else None, "buffer": None,
            "explain": {"rule": "time_shares", "inputs": [{"name": "share", "value": "30 %"}],
                        "text": {"en": "30 % of 20,000,000", "zh": "两千万的三成"}},
        }  # fmt: skip

    async def targets(self, request: Request) -> Response:
        asked = request.query_params
        period, axis = asked["period"], asked.get("children")
        metrics = asked.getlist("metric") or ["sales", "visits"]
        items = []
        for owner in asked.getlist("owner"):
            found = [self.target(owner, metric, period) for metric in metrics]
            for target in found:
                if axis == "time":
                    target["children"] = [
                        self.target(owner, target["metric"]["code"], month) for month in MONTHS
                    ]
            items.append({"owner_id": owner, "targets": found})
        return JSONResponse({"offset": 0, "items": items})

    async def target_children(self, request: Request) -> Response:
        items = [
            {"id": one, "children": [
                self.target(rep_id(number), "sales", "2026-Q1") for number in (1, 2)
            ]}
            for one in request.query_params.getlist("id")
        ]  # fmt: skip
        return JSONResponse({"offset": 0, "items": items})

    def plan(self, state: str = "active") -> dict[str, Any]:
        return {
            "id": PLAN, "name": "2026", "version": 1, "state": state, "period": "2026-Q1",
            "metric": "sales", "consensus_rate": "85.0",
            "root": self.target(UNIT, "sales", "2026-Q1"),
            "checks": [{"code": "CONSENSUS_LOW", "severity": "warning",
                        "message": {"en": "not everybody agreed", "zh": "未达成共识"},
                        "target_ids": ["one"]}],
        }  # fmt: skip

    async def plans(self, request: Request) -> Response:
        asked = request.query_params.getlist("id")
        items = [self.plan()] if not asked or PLAN in asked else []
        return JSONResponse({"offset": 0, "items": items, "next_cursor": None})

    def app(self) -> Starlette:
        prefix = "/targets/v1"

        def acted(_request: Request, _body: Any) -> Any:
            return {"plan": self.plan(), "offset": 7}

        return Starlette(
            routes=[
                Route(f"{prefix}/members", self.serving(self.members)),
                Route(f"{prefix}/units", self.serving(self.units)),
                Route(f"{prefix}/units/children", self.serving(self.children)),
                Route(f"{prefix}/units/members", self.serving(self.staff)),
                Route(f"{prefix}/targets", self.serving(self.targets)),
                Route(f"{prefix}/targets/children", self.serving(self.target_children)),
                Route(f"{prefix}/plans", self.serving(self.plans)),
                Route(f"{prefix}/plans", self.acting(acted), methods=["POST"]),
                Route(f"{prefix}/plans/{{id}}/{{act}}", self.acting(acted), methods=["POST"]),
                Route(f"{prefix}/targets/{{id}}/{{act}}", self.acting(acted), methods=["POST"]),
            ]
        )
