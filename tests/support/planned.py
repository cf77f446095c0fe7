"""Plans for the company of tests.support.stack, made through REST."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.support.gate import until
from tests.support.pay import plan as commission
from tests.support.stack import RunningStack, Tenant

SPLITS: list[dict[str, Any]] = [
    {"of": "leaves", "axis": "organisation", "method": "shares", "parts": [
        {"owner_id": "crm:north", "share_bp": 6000}, {"owner_id": "crm:south", "share_bp": 4000}]},
    {"of": "leaves", "owner_id": "crm:north", "axis": "organisation", "method": "equal",
     "parts": [{"owner_id": "crm:ann"}, {"owner_id": "crm:ben"}]},
    {"of": "leaves", "owner_id": "crm:south", "axis": "organisation", "method": "equal",
     "parts": [{"owner_id": "crm:cai"}]},
    {"of": "leaves", "axis": "time", "method": "equal", "into": "quarter"},
]  # fmt: skip


async def planned(stack: RunningStack, acme: Tenant, year: int) -> str:
    """A year's plan and a compensation plan, both active; the plan's id.

    1,000,000 for the region, of which Ann and Ben have 300,000 each and Cai 400,000; commission by the
    method's bands over the year.
    """

    async def post(role: str, path: str, body: Any = None, accept: int = 200) -> Any:
        answer = await stack.client.post(path, json=body, headers=stack.token(acme.name, role))
        assert answer.status_code == accept, answer.text
        return answer.json()

    async def hears(path: str, needed: Callable[[Any], bool]) -> None:
        async def has() -> bool:
            answer = await stack.client.get(path, headers=stack.token(acme.name, "sales_ops"))
            return answer.is_success and needed(answer.json())

        await until(has, 30)

    await hears("/targets/v1/metrics", lambda known: bool(known["items"]))
    root = {"name": "Year", "metric": "sales", "owner_id": "crm:region", "period": str(year),
            "target": "1000000.00"}  # fmt: skip
    plan = (await post("sales_ops", "/targets/v1/plans", root, 201))["plan"]["id"]
    path = f"/targets/v1/plans/{plan}"
    await post("sales_ops", f"{path}/splits", {"splits": SPLITS})
    await post("sales_ops", f"{path}/propose")
    await post("sales_ops", f"{path}/approve", {"override_reason": "decided"})
    while (await post("sales_ops", f"{path}/activate"))["offset"] is None:
        await asyncio.sleep(0.05)
    await hears("/incentives/v1/plans", lambda known: known["offset"] > 0)
    draft = await post("finance", "/incentives/v1/plans", commission(period="year"), 201)
    pay = f"/incentives/v1/plans/{draft['plan']['id']}/activate"
    await post("finance", pay, {"effective_from": str(year)})
    return str(plan)
