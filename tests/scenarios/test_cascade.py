"""A plan made in targets is what kpi compares actuals with."""

import asyncio

from services.kit.clock import SystemClock
from tests.support.stack import RunningStack, Tenant


async def metrics_of(stack: RunningStack, tenant: Tenant) -> dict[str, object]:
    """kpi declares them, targets hears of it: at once, but not in this transaction."""
    for _ in range(100):
        answer = await stack.client.get(
            "/targets/v1/metrics", headers=stack.token(tenant.name, "admin")
        )
        found = {item["code"]: item for item in answer.json()["items"]}
        if "sales" in found:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("no metrics were heard of")


async def test_a_plan_becomes_the_target_of_attainment(stack: RunningStack) -> None:
    acme = await stack.tenant("acme")
    assert {"visits", "win_rate"} <= set(await metrics_of(stack, acme))
    planner, year = stack.token("acme", "sales_ops"), SystemClock().now().year
    made = await stack.client.post(
        "/targets/v1/plans", headers=planner,
        json={"name": "Year", "metric": "sales", "owner_id": "crm:region", "period": str(year),
              "target": "1000000.00"},
    )  # fmt: skip
    assert made.status_code == 201, made.text
    plan = made.json()["plan"]["id"]
    for path, body in (
        ("splits", {"splits": [
            {"of": "leaves", "axis": "organisation", "method": "shares", "parts": [
                {"owner_id": "crm:north", "share_bp": 6000},
                {"owner_id": "crm:south", "share_bp": 4000}]},
            {"of": "leaves", "owner_id": "crm:north", "axis": "organisation", "method": "equal",
             "parts": [{"owner_id": "crm:ann"}, {"owner_id": "crm:ben"}]},
            {"of": "leaves", "owner_id": "crm:south", "axis": "organisation", "method": "equal",
             "parts": [{"owner_id": "crm:cai"}]},
            {"of": "leaves", "axis": "time", "method": "equal", "into": "quarter"},
            {"of": "leaves", "axis": "time", "method": "equal", "into": "month"},
            {"of": "leaves", "axis": "time", "method": "calendar_days"},
        ]}),
        ("propose", None), ("approve", {"override_reason": "decided"}), ("activate", None),
    ):  # fmt: skip
        answer = await stack.client.post(
            f"/targets/v1/plans/{plan}/{path}", headers=planner, json=body
        )
        assert answer.status_code == 200, answer.text
    offset = answer.json()["offset"]
    assert offset is not None
    ann = acme.members["ann"]
    for role, member in (("rep", ann), ("sales_ops", None)):
        asked = {"owner": ann, "period": f"{year}-Q1", "min_offset": str(offset)}
        mine = await stack.client.get(
            "/targets/v1/targets", headers=stack.token("acme", role, member), params=asked
        )
        assert mine.json()["items"][0]["targets"][0]["target"] == "75000.00"
    compared = await stack.client.get(
        "/kpi/v1/attainments", headers=planner,
        params={"scope": ann, "period": f"{year}-Q1", "min_offset": str(offset)},
    )  # fmt: skip
    assert compared.status_code == 200, compared.text
    (sales,) = [item for item in compared.json()["items"] if item["target"] is not None]
    assert (sales["metric"], sales["target"]) == ("sales", "75000.00")
