"""customers as the gateway meets it."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.gateway.stub import Following


class CustomersStub(Following):
    async def mix(self, request: Request) -> Response:
        revenue = {"amount": "120000.00", "currency": "CNY"}
        items = [
            {"scope": one, "by_tier": [{"tier": "strategic", "count": 2, "revenue": revenue}],
             "by_rfm": []}
            for one in request.query_params.getlist("scope")
        ]  # fmt: skip
        return JSONResponse({"offset": 0, "items": items})

    def task(self, status: str = "open") -> dict[str, Any]:
        return {
            "id": "task-1", "kind": "value_verification",
            "title": {"en": "Verify the value", "zh": "价值验证"}, "due_on": "2026-03-31",
            "overdue": True, "status": status, "customer": {"id": "customer-1", "name": "Acme"},
        }  # fmt: skip

    async def tasks(self, request: Request) -> Response:
        items = [
            {"member_id": one, "tasks": [self.task()], "next_cursor": "more"}
            for one in request.query_params.getlist("member")
        ]
        return JSONResponse({"offset": 0, "items": items})

    def app(self) -> Starlette:
        def completed(_request: Request, _body: Any) -> Any:
            return {"task": self.task("done"), "offset": None}

        def set_policy(_request: Request, body: Any) -> Any:
            def money(amount: str) -> Any:
                return {"amount": amount, "currency": "CNY"}

            policy = {
                "version": 2, "effective_on": body["effective_on"], "basis": body["basis"],
                "strategic_above": money(body["strategic_above"]),
                "basic_below": money(body["basic_below"]), "planning_period": "quarter",
                "key_accounts": body["key_accounts"],
            }  # fmt: skip
            return {"policy": policy, "offset": 11}

        prefix = "/customers/v1"
        return Starlette(
            routes=[
                Route(f"{prefix}/mix", self.serving(self.mix)),
                Route(f"{prefix}/tasks", self.serving(self.tasks)),
                Route(f"{prefix}/changes", self.serving(self.changes)),
                Route(f"{prefix}/tasks/{{id}}/complete", self.acting(completed), methods=["POST"]),
                Route(f"{prefix}/policies/tier", self.acting(set_policy), methods=["PUT"]),
            ]
        )
