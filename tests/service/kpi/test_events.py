"""Our own event API: results per item, corrections, and sending again what was rejected."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.kit import ids
from tests.support.kpi import Company, RunningKpi, joined, moved, running_kpi, stage


@pytest.fixture
async def kpi(kpi_url: str) -> AsyncIterator[RunningKpi]:
    async with running_kpi(kpi_url) as running:
        yield running


@pytest.fixture
async def company(kpi: RunningKpi) -> Company:
    company = await kpi.company()
    await kpi.connect(company)
    return company


def event(id_: str, deal: str = "D1", **data: Any) -> dict[str, Any]:
    return {
        "id": id_, "source": "test", "type": "deal.observed.v1", "time": "2026-01-05T09:00:00+08:00",
        "data": {"deal": deal, "stage": "lead", "owner": "crm:ann", **data},
    }  # fmt: skip


async def post(kpi: RunningKpi, body: Any, **headers: str) -> Any:
    return await kpi.client.post(
        "/kpi/v1/events", json=body, headers={**kpi.token("acme"), **headers}
    )


async def test_each_item_has_its_result(kpi: RunningKpi, company: Company) -> None:
    answer = await post(
        kpi, [event("e1"), event("e2", stage="nowhere"), event("e1"), {"type": "deal.observed.v1"}]
    )
    assert answer.status_code == 207
    assert [(r["status"], r["code"]) for r in answer.json()["results"]] == [
        ("accepted", None),
        ("rejected", "unknown_stage"),
        ("duplicate", None),
        ("rejected", "no_event_id"),
    ]
    assert answer.json()["accepted"] == 1
    single = await post(kpi, event("e3", stage="nowhere"))
    assert (single.status_code, single.json()["code"]) == (422, "unknown_stage")


async def test_a_rejected_event_can_be_sent_again(kpi: RunningKpi, company: Company) -> None:
    early = event("e1", owner="crm:dee", amount="10.00", currency="CNY")
    assert (await post(kpi, early)).json()["code"] == "unknown_owner"
    dee = ids.new()
    await kpi.facts(
        company, joined(dee, "dee"), moved(dee, [(company.units["north"], "2020-01-01", None)])
    )
    again = await post(kpi, early)
    assert (again.status_code, again.json()["accepted"]) == (202, 1)
    funnel = await kpi.funnel(company, dee, "2026-Q1", offset=again.json()["offset"])
    assert stage(funnel, "lead")["amount"]["amount"] == "10.00"


async def test_a_retraction_takes_back_what_an_event_said(
    kpi: RunningKpi, company: Company
) -> None:
    await post(kpi, event("e1", amount="10.00", currency="CNY"))
    retraction = {
        "id": "e2", "source": "test", "type": "observation.retracted.v1",
        "data": {"deal": "D1", "retracts": "e1"},
    }  # fmt: skip
    answer = await post(kpi, retraction)
    assert answer.status_code == 202, answer.text
    ann = company.members["ann"]
    funnel = await kpi.funnel(company, ann, "2026-Q1", offset=answer.json()["offset"])
    assert (funnel["created"], stage(funnel, "lead")["open"]) == (0, 0)
    assert stage(funnel, "lead")["entered"] == 0


async def test_splits_are_exact(kpi: RunningKpi, company: Company) -> None:
    owners = [{"owner": "crm:ann", "share_bp": 6000}, {"owner": "crm:cai", "share_bp": 4000}]
    body = event("e1", amount="100.01", currency="CNY", owners=owners)
    del body["data"]["owner"]
    offset = (await post(kpi, body)).json()["offset"]
    amounts = {}
    scopes = {
        "ann": company.members["ann"], "cai": company.members["cai"],
        "north": company.units["north"], "region": company.units["region"],
    }  # fmt: skip
    for name, scope in scopes.items():
        lead = stage(await kpi.funnel(company, scope, "2026-Q1", offset=offset), "lead")
        amounts[name] = (lead["open"], lead["amount"]["amount"])
    assert amounts == {
        "ann": (1, "60.01"), "cai": (1, "40.00"), "north": (1, "60.01"), "region": (1, "100.01"),
    }  # fmt: skip


async def test_an_idempotency_key_replays_the_first_answer(
    kpi: RunningKpi, company: Company
) -> None:
    first = await post(kpi, event("e1"), **{"idempotency-key": "k1"})
    again = await post(kpi, event("e1"), **{"idempotency-key": "k1"})
    other = await post(kpi, event("e9"), **{"idempotency-key": "k1"})
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
