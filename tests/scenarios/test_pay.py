"""A deal told by webhook is paid: won, refunded, approved, closed, through every part."""

import asyncio
from typing import Any

from services.kit import ids
from tests.support.pay import plan
from tests.support.stack import RunningStack


async def settled(stack: RunningStack, headers: dict[str, str]) -> None:
    """What incentives told is in the log, and came back to it."""
    while (await stack.client.get("/incentives/v1/outbox", headers=headers)).json()["pending"]:
        await asyncio.sleep(0.01)


async def test_a_won_deal_is_paid_and_its_refund_taken_back(stack: RunningStack) -> None:
    acme = await stack.tenant("acme")
    ann, ben = acme.members["ann"], acme.members["ben"]
    finance, admin = stack.token("acme", "finance"), stack.token("acme", "admin")

    async def earned(member: str, offset: int, headers: dict[str, str]) -> list[Any]:
        asked = {"member": member, "period": "2026-01", "min_offset": str(offset)}
        answer = await stack.client.get("/incentives/v1/earnings", params=asked, headers=headers)
        assert answer.status_code == 200, answer.text
        items: list[Any] = answer.json()["items"]
        return items

    async def post(path: str, body: object, headers: dict[str, str]) -> Any:
        answer = await stack.client.post(path, json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        return answer.json()

    won = {"deal": "D1", "at": "2026-01-12T04:00:00Z", "stage": "won", "owner": "ann",
           "amount": "880000.00"}  # fmt: skip
    offset = (await stack.deliver(acme, won)).json()["offset"]
    asked = {"member": ann, "period": "2026-01", "min_offset": str(offset)}
    while (
        await stack.client.get("/incentives/v1/earnings", params=asked, headers=finance)
    ).status_code in {403, 503}:
        await asyncio.sleep(0.05)
    drafted = await post("/incentives/v1/plans", plan(period="month"), finance)
    plan_id = drafted["plan"]["id"]
    start = {"effective_from": "2026-01"}
    await post(f"/incentives/v1/plans/{plan_id}/activate", start, finance)

    (pay,) = await earned(ann, offset, stack.token("acme", "rep", ann))
    assert pay["earned"] == "70400.00"
    assert pay["next_band"] == {"gap": "120000.00", "worth": "9600.00"}
    assert await earned(ann, offset, stack.token("acme", "rep", ben)) == []

    refund = {
        "id": ids.new(), "type": "refund.observed.v1", "time": "2026-01-20T04:00:00Z",
        "data": {"kind": "snapshot", "refund": "R1", "amount": "80000.00", "currency": "CNY",
                 "deal": "crm:D1"},
    }  # fmt: skip
    told = await post("/kpi/v1/events", refund, admin)
    offset = told["offset"]
    (pay,) = await earned(ann, offset, finance)
    assert pay["earned"] == "64000.00"

    listed = await stack.client.get("/incentives/v1/statements", headers=finance)
    statement = listed.json()["items"][0]["id"]
    await post(f"/incentives/v1/statements/{statement}/approve", {}, finance)
    await post(f"/incentives/v1/statements/{statement}/close", {}, finance)
    await settled(stack, admin)
    (pay,) = await earned(ann, offset, finance)
    assert pay["status"] == "closed"
