"""What waits in quarantine for an owner comes out when the owner is known, however much it is."""

from collections.abc import AsyncIterator

import pytest

from services.kit import ids, limits
from tests.support.kpi import Company, RunningKpi, joined, moved, running_kpi, stage, unit


@pytest.fixture
async def kpi(kpi_url: str) -> AsyncIterator[RunningKpi]:
    async with running_kpi(kpi_url) as running:
        yield running


async def held(kpi: RunningKpi, company: Company) -> list[str]:
    answer = await kpi.client.get("/kpi/v1/quarantine", headers=kpi.token(company.tenant))
    return [item["reason"] for item in answer.json()["items"]]


async def wait_for_dee(kpi: RunningKpi, company: Company, deals: int) -> None:
    await kpi.connect(company)
    items = [
        {"deal": f"D{n}", "at": "2026-01-05T09:00:00+08:00", "stage": "lead", "owner": "dee"}
        for n in range(deals)
    ]
    answer = await kpi.deliver(items)
    assert answer.json()["quarantined"] == deals


async def test_more_than_one_append_takes_is_released_by_one_fact(
    kpi: RunningKpi, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = await kpi.company()
    await wait_for_dee(kpi, company, 7)
    monkeypatch.setattr(limits, "ARRAY_ITEMS", 2)
    dee = ids.new()
    learned = await kpi.facts(company, joined(dee, "dee"))
    assert await held(kpi, company) == []
    told = await kpi.facts(company, moved(dee, [(company.units["south"], "2020-01-01", None)]))
    assert told["offset"] > learned["offset"]
    funnel = await kpi.funnel(company, dee, "2026-Q1", offset=told["offset"])
    assert stage(funnel, "lead")["entered"] == 7


async def test_a_repeated_fact_releases_what_its_first_delivery_did_not(
    kpi: RunningKpi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a crash between the append that learned the fact and the last release."""
    company = await kpi.company()
    await wait_for_dee(kpi, company, 5)
    fact = {
        "id": ids.new(), "type": "member.joined.v1", "subject": "member:dee",
        "occurred_at": kpi.clock.now().isoformat(), "payload": joined(ids.new(), "dee")[2],
    }  # fmt: skip
    writer = kpi.app.state.kpi.writer
    submit = writer.submit

    async def die_after_the_first(submission):
        if submission.causes:
            raise RuntimeError("killed")
        return await submit(submission)

    async def post() -> int:
        answer = await kpi.client.post(
            "/kpi/v1/facts", headers=kpi.service(company), json={"facts": [fact]}
        )
        return answer.status_code

    monkeypatch.setattr(limits, "ARRAY_ITEMS", 2)
    with monkeypatch.context() as dying:
        dying.setattr(
            type(writer), "submit", lambda _self, submission: die_after_the_first(submission)
        )
        with pytest.raises(RuntimeError, match="killed"):
            await post()
    assert len(await held(kpi, company)) == 3
    assert await post() == 200
    assert await held(kpi, company) == []


async def test_other_facts_release_nothing(kpi: RunningKpi) -> None:
    company = await kpi.company()
    await wait_for_dee(kpi, company, 1)
    await kpi.facts(company, unit(ids.new(), "east", company.units["region"], None))
    assert await held(kpi, company) == ["unknown_owner"]
