"""incentives as the gateway meets it."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.gateway.stub import Following, rep_id

LINE = {
    "component": "commission", "amount": "70400.00",
    "explain": {"rule": "commission.marginal", "inputs": [{"name": "slice", "value": "880000.00"}],
                "text": {"en": "880,000 at 8 %", "zh": "88 万按 8 %"}},
    "event_ids": ["event-1"],
}  # fmt: skip


class IncentivesStub(Following):
    async def earnings(self, request: Request) -> Response:
        """880,000 sold; a manager sees totals alone, sales_ops and admin nothing."""
        viewer = await self.viewer(request)
        asked = request.query_params
        items = [
            {"member_id": one, "period": asked["period"], "status": "live", "currency": "CNY",
             "earned": "70400.00", "projected": "152533.33",
             "next_band": {"gap": "120000.00", "worth": "9600.00"},
             "lines": None if viewer.role == "manager" else [LINE]}
            for one in asked.getlist("member") if viewer.role not in ("sales_ops", "admin")
        ]  # fmt: skip
        return JSONResponse({"offset": 0, "items": items})

    def app(self) -> Starlette:
        def plan(request: Request, _body: Any) -> Any:
            state = "active" if request.url.path.endswith("activate") else "draft"
            made = {"id": "pay-1", "name": "Sales", "version": 1, "state": state,
                    "effective_on": None, "ends_on": None}  # fmt: skip
            return {"plan": made, "offset": 12}

        def statement(request: Request, _body: Any) -> Any:
            is_closed = request.url.path.endswith("close")
            found = {
                "id": request.path_params["id"], "member_id": rep_id(1), "period": "2026-Q1",
                "first_on": "2026-01-01", "last_on": "2026-03-31", "currency": "CNY",
                "status": "closed" if is_closed else "approved", "total": "70400.00",
                "lines": [LINE],
            }  # fmt: skip
            return {"statement": found, "offset": 13}

        prefix = "/incentives/v1"
        return Starlette(
            routes=[
                Route(f"{prefix}/earnings", self.serving(self.earnings)),
                Route(f"{prefix}/changes", self.serving(self.changes)),
                Route(f"{prefix}/plans", self.acting(plan), methods=["POST"]),
                Route(f"{prefix}/plans/{{id}}/activate", self.acting(plan), methods=["POST"]),
                Route(
                    f"{prefix}/statements/{{id}}/{{act}}", self.acting(statement), methods=["POST"]
                ),
            ]
        )
