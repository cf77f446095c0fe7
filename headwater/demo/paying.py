"""The demo company's pay: the bands of method.md 3.1 by quarter, and the last quarter closed."""

import asyncio
from collections.abc import Mapping
from typing import Any

from headwater.demo.company import CONNECTION
from headwater.demo.doors import Doors

_PLANS, _STATEMENTS = "/incentives/v1/plans", "/incentives/v1/statements"
_AT_ONCE = 8
PLAN: Mapping[str, Any] = {
    "name": "销售提成 Sales commission", "period": "quarter", "currency": "CNY",
    "components": [
        {
            "code": "commission", "kind": "commission", "mode": "marginal",
            "bands": [
                {"up_to": "1000000.00", "rate_bp": 800}, {"up_to": "2000000.00", "rate_bp": 1_000},
                {"up_to": None, "rate_bp": 1_200},
            ],
            "rounding": "half_even",
        }
    ],
    "eligible": {"units": [f"{CONNECTION}:company"], "members": []},
}  # fmt: skip


class Paymaster:
    """Finance, who plans and settles pay."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._token = doors.token("finance")

    async def plan(self, effective_from: str) -> None:
        """The compensation plan, in force from a quarter on."""
        page = await self._call("GET", _PLANS)
        plan = next((one for one in page["items"] if one["name"] == PLAN["name"]), None)
        if plan is None:
            plan = (await self._call("POST", _PLANS, json=dict(PLAN)))["plan"]
        if plan["state"] == "draft":
            body = {"effective_from": effective_from}
            await self._call("POST", f"{_PLANS}/{plan['id']}/activate", json=body)

    async def closed(self, period: str) -> None:
        """Every statement of the period, approved and closed."""
        query: dict[str, Any] = {"period": period, "limit": 100}
        page = await self._call("GET", _STATEMENTS, params=query)
        still = [one["id"] for one in page["items"] if one["status"] != "closed"]
        for begin in range(0, len(still), _AT_ONCE):
            await asyncio.gather(*map(self._close, still[begin : begin + _AT_ONCE]))

    async def _close(self, statement_id: str) -> None:
        await self._call("POST", f"{_STATEMENTS}/{statement_id}/approve")
        await self._call("POST", f"{_STATEMENTS}/{statement_id}/close")

    async def _call(self, method: str, path: str, **request: Any) -> Any:
        return await self._doors.call(method, path, token=self._token, **request)
