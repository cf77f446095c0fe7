"""Bottlenecks and forecast of a team with a past, over the real database.

Each month from November to February ten leads of 100.00 come to ann on the 5th; six move to intent
on the 10th; on the 15th the other four are lost, on the 19th three are won and three lost. In March
ten of 200.00 come, and only three move on. It is 20 March.
"""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.databases import Urls
from services.kpi.actions.rebuild import FUNNEL
from tests.support.gate import until
from tests.support.kpi import Company, RunningKpi, running_kpi
from tests.support.targets import target_set

MONTHS = ("2025-11", "2025-12", "2026-01", "2026-02")


def step(deal: str, day: str, stage: str, **more: str) -> dict[str, str]:
    return {"deal": deal, "at": f"{day}T09:00:00+08:00", "owner": "ann", "stage": stage, **more}


def history() -> list[dict[str, str]]:
    items = []
    for month in MONTHS:
        for n in range(10):
            deal = f"{month}/{n}"
            items.append(step(deal, f"{month}-05", "lead", amount="100.00"))
            if n < 6:
                items.append(step(deal, f"{month}-10", "intent"))
                items.append(step(deal, f"{month}-19", "won" if n < 3 else "lost"))
            else:
                items.append(step(deal, f"{month}-15", "lost"))
    # It moved on, but later than the 20th: at the age that March now has it had not.
    items.append(step("slow", "2025-11-05", "lead", amount="100.00"))
    items.append(step("slow", "2025-11-28", "intent"))
    items += [step(f"march/{n}", "2026-03-05", "lead", amount="200.00") for n in range(10)]
    items += [step(f"march/{n}", "2026-03-10", "intent") for n in range(3)]
    items.append(step("march/0", "2026-03-19", "won"))
    items.append({**step("first", "2026-03-05", "lead", amount="100.00"), "owner": "cai"})
    return items


@pytest.fixture(scope="module")
async def told(
    clone: Callable[[str], Urls],
) -> AsyncIterator[tuple[RunningKpi, Company, int]]:
    async with running_kpi(clone("kpi").app, datetime(2026, 3, 20, 4, tzinfo=UTC)) as kpi:
        company = await kpi.company()
        await kpi.connect(company)
        answer = await kpi.deliver(history())
        assert answer.json()["quarantined"] == 0, answer.text
        offset = answer.json()["offset"]

        async def forecast_is_of_the_day() -> bool:
            found = await kpi.funnel(company, company.members["ann"], "2026-03", offset=offset)
            return found["forecast"]["run_rate"] is not None

        await until(forecast_is_of_the_day)
        yield kpi, company, offset


def amount(found: Any) -> str:
    assert found["currency"] == "CNY"
    return str(found["amount"])


async def test_a_stage_that_lets_less_through_than_usual(told: Any) -> None:
    kpi, company, _ = told
    for scope in (company.members["ann"], company.units["north"]):
        funnel = await kpi.funnel(company, scope, "2026-03")
        [narrow] = funnel["bottlenecks"]
        assert narrow["stage"] == "lead"
        assert (narrow["conversion"], narrow["usual"]) == ("30.0", "58.5")  # 24 of 41
        assert narrow["drop"] == "28.5"
        assert amount(narrow["amount_at_stake"]) == "570.73"  # 2,000.00 × (24/41 − 3/10)
    # February now is 47 days old, and so is November: the slow one counts as moved on.
    february = await kpi.funnel(company, company.members["ann"], "2026-02")
    assert february["bottlenecks"] == []


async def test_the_forecast_by_the_scopes_own_chances(told: Any) -> None:
    kpi, company, _ = told
    for scope in (company.members["ann"], company.units["north"]):
        found = (await kpi.funnel(company, scope, "2026-03"))["forecast"]
        assert found["chances"][:2] == [
            {"stage": "lead", "chance": "31.7", "closed": 41, "basis": "own"},
            {"stage": "intent", "chance": "52.0", "closed": 25, "basis": "own"},
        ]
        # 200.00 + 1,400.00 × 13/41 + 500.00 × 13/25
        assert amount(found["weighted"]) == "903.90"
        assert amount(found["run_rate"]) == "310.00"  # 200.00 ÷ 20 × 31
        assert (amount(found["low"]), amount(found["high"])) == ("508.80", "1299.00")


async def test_who_has_no_past_borrows_the_tenants(told: Any) -> None:
    kpi, company, _ = told
    funnel = await kpi.funnel(company, company.members["cai"], "2026-03")
    lead, *_ = funnel["forecast"]["chances"]
    assert lead == {"stage": "lead", "chance": "31.7", "closed": 41, "basis": "tenant"}
    assert amount(funnel["forecast"]["weighted"]) == "31.71"
    assert amount(funnel["forecast"]["low"]) == "0.00"
    assert amount(funnel["forecast"]["high"]) == "92.41"
    assert funnel["bottlenecks"] == []


async def test_the_history_of_chances_is_365_days_with_today(told: Any) -> None:
    kpi, _, _ = told
    company = await kpi.company("yearly")
    await kpi.connect(company)
    items = [step("new", "2026-03-05", "lead", amount="100.00")]
    for n, (closed_on, stage) in enumerate(
        [("2025-03-21", "lost")] * 19 + [("2026-03-20", "won"), ("2025-03-20", "won")]
    ):
        items += [step(f"D{n}", "2025-03-01", "lead"), step(f"D{n}", closed_on, stage)]
    offset = (await kpi.deliver(items)).json()["offset"]
    ann = company.members["ann"]

    async def has_its_day() -> bool:
        funnel = await kpi.funnel(company, ann, "2026-03", offset=offset)
        return funnel["forecast"]["run_rate"] is not None

    await until(has_its_day)
    lead, *_ = (await kpi.funnel(company, ann, "2026-03"))["forecast"]["chances"]
    assert lead == {"stage": "lead", "chance": "5.0", "closed": 20, "basis": "own"}


async def test_a_closed_period_forecasts_what_it_was(told: Any) -> None:
    kpi, company, _ = told
    found = (await kpi.funnel(company, company.members["ann"], "2026-02"))["forecast"]
    assert {amount(found[name]) for name in ("weighted", "run_rate", "low", "high")} == {"300.00"}
    assert found["chances"] == []


async def test_a_period_to_come_has_no_run_rate(told: Any) -> None:
    kpi, company, _ = told
    funnel = await kpi.funnel(company, company.members["ann"], "2026-04")
    assert funnel["forecast"]["run_rate"] is None
    assert amount(funnel["forecast"]["weighted"]) == "703.90"
    assert funnel["bottlenecks"] == []


async def test_coverage_is_of_what_the_target_lacks(told: Any) -> None:
    kpi, company, _ = told
    ann, north, cai = company.members["ann"], company.units["north"], company.members["cai"]
    assert (await kpi.funnel(company, ann, "2026-03"))["coverage"] is None
    answer = await kpi.facts(
        company,
        target_set(ann, "sales", {"2026-03": 1_200_00, "2026-02": 300_00}),
        target_set(north, "sales", {"2026-03": 1_000_00}, kind="unit"),
    )
    march = await kpi.funnel(company, ann, "2026-03", offset=answer["offset"])
    assert march["coverage"] == "190.0"  # 1,900.00 open, 1,200.00 − 200.00 lacking
    assert (await kpi.funnel(company, north, "2026-03"))["coverage"] == "237.5"
    assert (await kpi.funnel(company, cai, "2026-03"))["coverage"] is None
    february = await kpi.funnel(company, ann, "2026-02")
    assert february["coverage"] is None, "300.00 are won: nothing lacks"
    assert (await kpi.funnel(company, ann, "2026-03", product="disk"))["coverage"] is None
    alone = await kpi.funnel(company, ann, "2026-03", parts="coverage")
    assert (alone["coverage"], alone["forecast"], alone["bottlenecks"]) == ("190.0", None, None)


async def test_a_caller_leaves_out_what_it_does_not_need(told: Any) -> None:
    kpi, company, _ = told
    ann = company.members["ann"]
    plain = await kpi.funnel(company, ann, "2026-03", parts="figures")
    assert (plain["coverage"], plain["bottlenecks"], plain["forecast"]) == (None, None, None)
    one = await kpi.funnel(company, ann, "2026-03", parts="bottlenecks")
    assert (len(one["bottlenecks"]), one["forecast"]) == (1, None)
    past = await kpi.funnel(company, ann, "2026-03", as_of="2026-03-10T00:00:00Z")
    assert (past["bottlenecks"], past["forecast"]) == (None, None)
    wrong = await kpi.client.get(
        "/kpi/v1/funnels", headers=kpi.token(company.tenant),
        params={"scope": ann, "period": "2026-03", "parts": "luck"},
    )  # fmt: skip
    assert wrong.status_code == 422


async def test_the_past_is_in_the_log_alone(told: Any) -> None:
    kpi, company, _ = told
    database = kpi.app.state.kpi.database
    found = await FUNNEL.check(database, company.tenant_id, lambda _done, _all: None)
    assert (found.differences, found.rows > 0) == (0, True), found.examples
