"""kpi as the gateway meets it."""

from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.gateway.stub import Following, problem, rep_id
from tests.support.gateway.targets import MONTHS


def reading(period: str) -> dict[str, Any]:
    return {
        "period": period, "target": "6000000.00", "actual": "4500000.00", "attainment": "75.0",
        "pace": "5000000.00", "light": "yellow",
    }  # fmt: skip


@dataclass
class KpiStub(Following):
    """A funnel shows the number of its scope's changes."""

    hidden: set[str] = field(default_factory=set)

    def funnel(self, tenant: str, scope: str) -> dict[str, Any]:
        won = self.entries.get(tenant, []).count(scope)
        return {
            "scope": scope, "pipeline": "sales", "currency": "CNY", "created": 10, "undated": 1,
            "stages": [
                {
                    "code": "proposal", "name": "Proposal", "kind": "open", "position": 0,
                    "entered": 5, "open": 2, "undated": 1,
                    "amount": {"amount": "10000000.00", "currency": "CNY"},
                    "entered_amount": {"amount": "25.50", "currency": "CNY"},
                    "conversion": "40.0", "median_days": "3.5",
                },
                {
                    "code": "won", "name": "Won", "kind": "won", "position": 1, "entered": won,
                    "open": 0, "undated": 0, "amount": None, "entered_amount": None,
                    "conversion": None, "median_days": None,
                },
            ],
            "won": {"deals": won, "amount": {"amount": "0.10", "currency": "CNY"}},
            "lost": {"deals": 1, "amount": {"amount": "7.00", "currency": "CNY"}},
            "coverage": "250.0",
            "bottlenecks": [
                {"stage": "proposal", "conversion": "40.0", "usual": "60.0", "drop": "20.0",
                 "amount_at_stake": {"amount": "200000.00", "currency": "CNY"}}
            ],
            "forecast": {
                name: {"amount": f"{number}.00", "currency": "CNY"}
                for number, name in enumerate(("weighted", "run_rate", "low", "high"))
            },
            "win_rate": "75.0", "win_rate_all": "30.0", "cycle_days": "47.9",
        }  # fmt: skip

    async def funnels(self, request: Request) -> Response:
        viewer = await self.viewer(request)
        asked = request.query_params
        offset = len(self.entries.get(viewer.tenant, []))
        if int(asked.get("min_offset", 0)) > offset:
            return problem(503, "projection_behind", "not there yet")
        scopes = [one for one in asked.getlist("scope") if one not in self.hidden]
        items = [self.funnel(viewer.tenant, scope) for scope in scopes]
        left_out = {"coverage", "bottlenecks", "forecast"} - set(asked.getlist("parts"))
        for item in items:
            item.update(dict.fromkeys(left_out))
        return JSONResponse({"offset": offset, "period": asked["period"], "items": items})

    async def attainments(self, request: Request) -> Response:
        """Three quarters of a target that the gateway's other stub knows as well."""
        asked = request.query_params
        items = []
        for scope in asked.getlist("scope"):
            if scope in self.hidden:
                continue
            for metric in asked.getlist("metric") or ["sales", "visits", "calls"]:
                parts = MONTHS if asked.get("children") == "time" else ()
                items.append(
                    {"scope": scope, "metric": metric, "unit": "money", "currency": "CNY",
                     **reading(asked["period"]), "children": [reading(one) for one in parts]}
                )  # fmt: skip
        return JSONResponse({"offset": 0, "period": asked["period"], "items": items})

    async def leaderboard(self, request: Request) -> Response:
        limit = int(request.query_params["limit"])
        items = [
            {"rank": number, "member_id": rep_id(number), "value": f"{100 - number}.00"}
            for number in range(1, limit + 1)
        ]
        return JSONResponse({"offset": 0, "items": items})

    def alert(self, status: str = "open") -> dict[str, Any]:
        return {
            "id": "alert-1", "scope": rep_id(1), "kind": "light", "light": "red",
            "metric": "sales", "message": {"en": "Sales are red", "zh": "销售额红灯"},
            "opened_at": "2026-03-01T00:00:00Z", "status": status,
        }  # fmt: skip

    async def alerts(self, request: Request) -> Response:
        items = [
            {"scope": one, "alerts": [self.alert()], "next_cursor": None}
            for one in request.query_params.getlist("scope")
        ]
        return JSONResponse({"offset": 0, "items": items})

    async def metrics(self, _request: Request) -> Response:
        item = {"code": "sales", "name": {"en": "Sales", "zh": "销售额"}, "kind": "result",
                "unit": "money", "direction": "higher"}  # fmt: skip
        return JSONResponse({"offset": 0, "items": [item]})

    def app(self) -> Starlette:
        def acted(_request: Request, _body: Any) -> Any:
            return {"alert": self.alert("acknowledged"), "offset": 9}

        return Starlette(
            routes=[
                Route("/kpi/v1/attainments", self.serving(self.attainments)),
                Route("/kpi/v1/leaderboard", self.serving(self.leaderboard)),
                Route("/kpi/v1/alerts", self.serving(self.alerts)),
                Route("/kpi/v1/alerts/{id}/acknowledge", self.acting(acted), methods=["POST"]),
                Route("/kpi/v1/metrics", self.serving(self.metrics)),
                Route("/kpi/v1/funnels", self.serving(self.funnels)),
                Route("/kpi/v1/changes", self.serving(self.changes)),
            ]
        )
