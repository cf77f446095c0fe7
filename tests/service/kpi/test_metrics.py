"""Metrics that a tenant declares (method.md 4)."""

from typing import Any

import pytest

from services.kit import ids
from services.kpi.domain.metrics import CATALOGUE
from tests.support.desk import Desk, shape
from tests.support.targets import target_set

MEAN = {
    "name": {"en": "Deal value", "zh": "客单价"}, "kind": "result", "unit": "money",
    "numerator": [{"measure": "won", "value": "amount", "product": "disk"}],
    "denominator": [{"measure": "won", "value": "count", "product": "disk"}],
    "yellow_below": "95", "red_below": "90",
}  # fmt: skip


async def put(desk: Desk, code: str, body: Any, role: str = "sales_ops") -> Any:
    return await desk.kpi.client.put(
        f"/kpi/v1/metrics/{code}", headers=desk.kpi.token(desk.company.tenant, role), json=body
    )


async def test_a_metric_of_ones_own(desk: Desk) -> None:
    first = await put(desk, "deal_value", MEAN)
    assert (first.status_code, first.json()["changed"]) == (201, True), first.text
    assert first.json()["yellow_below"] == "95.00"
    again = await put(desk, "deal_value", MEAN)
    assert (again.status_code, again.json()["changed"]) == (200, False)
    assert again.json()["offset"] == first.json()["offset"]
    for number, amount in enumerate(("10.00", "10.00", "10.01")):
        answer = await desk.kpi.deliver({
            "deal": f"P{number}", "at": "2026-03-10T09:00:00+08:00", "stage": "won",
            "owner": "ann", "amount": amount, "product": "disk",
        })  # fmt: skip
    await desk.kpi.facts(desk.company, target_set(desk.ann, "deal_value", {"2026-03": 10_53}))
    offset = await desk.sell("ann", "99.00", "2026-03-10T09:00:00+08:00")
    assert answer.status_code == 202
    found = await desk.one(desk.ann, metric="deal_value", period="2026-03", min_offset=offset)
    assert shape(found) == ("10.53", "10.00", "95.0", "10.53", "yellow")  # 94.998… compared
    listed = await desk.kpi.client.get(
        "/kpi/v1/metrics", headers=desk.kpi.token(desk.company.tenant, "rep", desk.ann)
    )
    assert [m["code"] for m in listed.json()["items"]][-1] == "deal_value"
    assert len(listed.json()["items"]) == len(CATALOGUE) + 1


@pytest.mark.parametrize(("code", "change", "status", "refusal"), [
    ("sales", {"numerator": [{"measure": "won", "value": "count"}], "denominator": None,
               "unit": "count"}, 409, "conflict"),
    ("Deal", {}, 422, "metric_invalid"),
    ("deal", {"numerator": [{"measure": "open", "value": "amount"}]}, 422, "measure_unknown"),
    ("deal", {"red_below": "96"}, 422, "metric_invalid"),
    ("deal", {"red_below": "a lot"}, 422, "quantity_invalid"),
    ("deal", {"surprise": 1}, 422, "invalid"),
])  # fmt: skip
async def test_what_a_declaration_refuses(
    desk: Desk, code: str, change: Any, status: int, refusal: str
) -> None:
    answer = await put(desk, code, {**MEAN, **change})
    assert (answer.status_code, answer.json()["code"]) == (status, refusal), answer.text


async def test_reps_declare_nothing(desk: Desk) -> None:
    assert (await put(desk, "deal_value", MEAN, "rep")).status_code == 403


@pytest.mark.parametrize("change", [
    {"target": "100"}, {"target": 1.0}, {"target": 2**63}, {"target": 10**20}, {"target": True},
    {"first_on": 20_514}, {"first_on": "2026-03-01T00:00:00"}, {"id": "not-an-id"},
])  # fmt: skip
async def test_a_fact_is_taken_as_the_json_that_it_claims_to_be(desk: Desk, change: Any) -> None:
    """It is kept word for word: what only a lenient reader understands would stop the others."""
    type_, subject, payload = target_set(desk.ann, "sales", {"2026-03": 100})
    payload["cells"][0] |= change
    fact = {
        "id": ids.new(), "type": type_, "subject": subject, "occurred_at": "2026-03-01T00:00:00Z",
        "payload": payload,
    }  # fmt: skip
    answer = await desk.kpi.client.post(
        "/kpi/v1/facts", headers=desk.kpi.service(desk.company), json={"facts": [fact]}
    )
    assert (answer.status_code, answer.json()["path"]) == (422, "facts.0.payload"), answer.text
