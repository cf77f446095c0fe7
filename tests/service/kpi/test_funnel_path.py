"""From a signed delivery to the funnel, over the real database."""

from collections.abc import AsyncIterator

import pytest

from tests.support.kpi import Company, RunningKpi, moved, running_kpi, stage


@pytest.fixture
async def kpi(kpi_url: str) -> AsyncIterator[RunningKpi]:
    async with running_kpi(kpi_url) as running:
        yield running


@pytest.fixture
async def company(kpi: RunningKpi) -> Company:
    company = await kpi.company()
    await kpi.connect(company)
    return company


def item(deal: str, at: str, **more: object) -> dict[str, object]:
    return {"deal": deal, "at": at, "owner": "ann", **more}


async def test_a_deal_moves_through_the_funnel(kpi: RunningKpi, company: Company) -> None:
    for body in (
        item("D1", "2026-01-05T09:00:00+08:00", stage="lead", amount="1000.00"),
        item("D1", "2026-01-15T09:00:00+08:00", stage="negotiation"),
        item("D1", "2026-02-04T09:00:00+08:00", stage="won", amount="1200.50"),
        item("D2", "2026-01-06T09:00:00+08:00", stage="lead", amount="500"),
    ):
        answer = await kpi.deliver(body)
        assert answer.status_code == 202, answer.text
        assert answer.json()["accepted"] == 1
    offset = answer.json()["offset"]
    for scope in (company.members["ann"], company.units["north"], company.units["region"]):
        funnel = await kpi.funnel(company, scope, "2026-Q1", offset=offset)
        lead, negotiation, won = (stage(funnel, c) for c in ("lead", "negotiation", "won"))
        assert (lead["entered"], lead["open"], lead["conversion"]) == (2, 1, "50.0")
        assert lead["amount"] == {"amount": "500.00", "currency": "CNY"}
        assert lead["median_days"] == "10.0"
        assert (negotiation["entered"], negotiation["open"]) == (1, 0)
        assert (won["entered"], won["amount"]["amount"]) == (1, "1200.50")
        assert funnel["cycle_days"] == "30.0"
        assert funnel["win_rate"] == "100.0"
        assert funnel["win_rate_all"] == "50.0"
    january = await kpi.funnel(company, company.members["ann"], "2026-01")
    assert stage(january, "negotiation")["open"] == 1
    other = await kpi.funnel(company, company.units["south"], "2026-Q1")
    assert stage(other, "lead")["entered"] == 0


async def test_repeats_count_once_and_conflicts_wait(kpi: RunningKpi, company: Company) -> None:
    body = item("D1", "2026-01-05T09:00:00+08:00", stage="lead", amount="10")
    first = await kpi.deliver(body, "msg_1")
    again = await kpi.deliver(body, "msg_1")
    other = await kpi.deliver({**body, "amount": "11"}, "msg_1")
    assert first.json()["accepted"] == 1
    assert again.json() | {"offset": None} == {
        "accepted": 0,
        "duplicates": 1,
        "quarantined": 0,
        "offset": None,  # the day may have started in between
    }
    assert other.json()["quarantined"] == 1
    held = await kpi.client.get("/kpi/v1/quarantine", headers=kpi.token("acme"))
    assert [entry["reason"] for entry in held.json()["items"]] == ["key_conflict"]


async def test_unknown_owner_waits_and_releases_itself(kpi: RunningKpi, company: Company) -> None:
    answer = await kpi.deliver(item("D1", "2026-01-05T09:00:00+08:00", stage="lead", owner="dee"))
    assert answer.json()["quarantined"] == 1
    from services.kit import ids
    from tests.support.kpi import joined

    dee = ids.new()
    learned = await kpi.facts(
        company, joined(dee, "dee"), moved(dee, [(company.units["south"], "2020-01-01", None)])
    )
    funnel = await kpi.funnel(company, dee, "2026-Q1", offset=learned["offset"])
    assert stage(funnel, "lead")["entered"] == 1
    held = await kpi.client.get("/kpi/v1/quarantine", headers=kpi.token("acme"))
    assert held.json()["items"] == []


async def test_open_deals_follow_a_move_and_won_ones_stay(
    kpi: RunningKpi, company: Company
) -> None:
    await kpi.deliver(item("D1", "2026-01-05T09:00:00+08:00", stage="won", amount="100"))
    await kpi.deliver(item("D2", "2026-01-05T09:00:00+08:00", stage="lead", amount="70"))
    ann, north, south = company.members["ann"], company.units["north"], company.units["south"]
    learned = await kpi.facts(
        company, moved(ann, [(north, "2020-01-01", "2026-02-01"), (south, "2026-02-01", None)])
    )
    before = await kpi.funnel(company, north, "2026-01", offset=learned["offset"])
    after_north = await kpi.funnel(company, north, "2026-02")
    after_south = await kpi.funnel(company, south, "2026-02")
    assert stage(before, "lead")["open"] == 1
    assert stage(after_north, "lead")["open"] == 0
    assert stage(after_south, "lead")["open"] == 1
    quarter = await kpi.funnel(company, north, "2026-Q1")
    assert quarter["won"] == {"deals": 1, "amount": {"amount": "100.00", "currency": "CNY"}}


async def test_late_input_supersedes_and_the_past_can_be_read(
    kpi: RunningKpi, company: Company
) -> None:
    first = await kpi.deliver(item("D1", "2026-02-10T09:00:00+08:00", stage="intent", amount="9"))
    known = kpi.clock.now().isoformat()
    kpi.clock.move(minutes=1)
    late = await kpi.deliver(item("D1", "2026-01-10T09:00:00+08:00", stage="lead", amount="9"))
    ann = company.members["ann"]
    now = await kpi.funnel(company, ann, "2026-Q1", offset=late.json()["offset"])
    then = await kpi.funnel(company, ann, "2026-Q1", known_at=known)
    early = await kpi.funnel(company, ann, "2026-Q1", as_of="2026-01-31T00:00:00Z")
    assert (now["created"], stage(now, "lead")["entered"], stage(now, "intent")["open"]) == (
        1,
        1,
        1,
    )
    assert (then["created"], stage(then, "lead")["entered"], stage(then, "intent")["open"]) == (
        1,
        0,
        1,
    )
    assert (stage(early, "lead")["open"], stage(early, "intent")["open"]) == (1, 0)
    assert first.json()["offset"] < late.json()["offset"]
