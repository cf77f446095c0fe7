"""From the log to statements: the figures of method.md 3.1, splits, refunds, next band, doctor."""

import pytest

from services.incentives.domain.lines import recalculated
from services.kit.money import Money
from tests.support.pay import ANN, BEN, CAI, contract, deal_event, plan, refunded, won


async def tell(world, *entries):
    return [await world.log.append(world.tenant_id, **entry) for entry in entries]


@pytest.mark.parametrize(
    ("sold", "marginal", "retroactive"),
    [
        (2_500_000, "240000.00", "300000.00"),
        (2_000_000, "180000.00", "200000.00"),
        (1_000_000, "80000.00", "80000.00"),
    ],
)
async def test_the_figures_of_the_method(world, sold, marginal, retroactive):
    await world.use(plan("A", "marginal", eligible={"members": [ANN]}))
    await world.use(plan("B", "retroactive", eligible={"members": [BEN]}))
    await tell(
        world, won("d1", "2026-01-09", sold - 400_000, ANN), won("d2", "2026-02-09", 400_000, ANN),
        won("d3", "2026-01-09", sold - 400_000, BEN), won("d4", "2026-02-09", 400_000, BEN),
    )  # fmt: skip
    assert (await world.earned(ANN))["earned"] == marginal
    assert (await world.earned(BEN))["earned"] == retroactive
    assert await world.earned(CAI) is None


@pytest.mark.parametrize(("mode", "worth"), [("marginal", "9600.00"), ("retroactive", "29600.00")])
async def test_the_next_band_is_120000_away(world, mode, worth):
    await world.use(plan(mode=mode))
    await tell(world, won("d1", "2026-01-09", 880_000))
    found = await world.earned(ANN)
    assert found["next_band"] == {"gap": "120000.00", "worth": worth}
    assert (found["earned"], found["status"], found["period"]) == ("70400.00", "live", "2026-Q1")


async def test_a_split_adds_up_to_the_last_cent(world):
    await world.use(plan())
    await tell(world, won("d1", "2026-01-09", 1_000_001, (ANN, 6_000), (BEN, 4_000)))
    await world.caught_up()
    found = (await world.get("/credits?period=2026-Q1"))["items"]
    assert [(one["member_id"], one["amount"]) for one in found] == [
        (ANN, "600000.60"), (BEN, "400000.40"),
    ]  # fmt: skip
    assert (await world.earned(ANN))["earned"] == "48000.05"
    assert (await world.earned(BEN))["earned"] == "32000.03"


async def test_a_win_and_its_refund_are_nothing_in_money_and_in_pay(world):
    await world.use(plan())
    await tell(
        world, won("d1", "2026-02-09", 1_500_000, (ANN, 6_000), (BEN, 4_000)),
        won("d2", "2026-02-10", 300_000, ANN), contract("c1", "2026-02-10", "d1"),
        refunded("r1", "2026-03-01", 500_000, deal="d1"),
        refunded("r2", "2026-05-01", 2_000_000, contract="c1"),
    )  # fmt: skip
    assert (await world.earned(BEN))["earned"] == "32000.00"  # 400,000 after the first refund
    assert (await world.earned(BEN, "2026-Q2"))["earned"] == "-32000.00"
    assert (await world.earned(ANN, "2026"))["earned"] == "24000.00"  # as if d1 had never been
    changes = (await world.get(f"/credits?member={BEN}"))["items"]
    assert [one["amount"] for one in changes] == ["600000.00", "-200000.00", "-400000.00"]
    line = (await world.earned(BEN, "2026-Q2"))["lines"][0]
    assert line["explain"]["rule"] == "commission.later_change"
    assert len(line["event_ids"]) == 1


async def test_a_refund_in_another_currency_takes_nothing_back(world):
    await world.use(plan())
    other = refunded("r", "2026-02-10", 50_000, "d1")
    other["payload"]["amount"]["currency"] = "USD"
    for entry in (won("d1", "2026-02-02", 100_000), other):
        await world.log.append(world.tenant_id, **entry)
    assert (await world.earned(ANN))["earned"] == "8000.00"


async def test_what_is_reopened_lost_or_deleted_or_superseded_is_taken_back(world):
    await world.use(plan())
    first, *_ = await tell(
        world, won("d1", "2026-01-09", 100_000), won("d2", "2026-01-09", 100_000),
        won("d3", "2026-01-09", 100_000), won("d4", "2026-01-09", 100_000),
        deal_event("deal.lost.v1", "d2", "2026-01-20", 100_000, stage="lost"),
        deal_event("deal.deleted.v1", "d3", "2026-01-20", 100_000),
        deal_event("deal.amount_changed.v1", "d4", "2026-01-20", 150_000),
    )  # fmt: skip
    assert (await world.earned(ANN))["earned"] == "20000.00"  # d1 and 150,000 of d4
    await world.log.supersede(world.tenant_id, first)
    assert (await world.earned(ANN))["earned"] == "12000.00"


async def test_every_line_can_be_worked_out_again(world):
    await world.use(plan())
    await tell(
        world, won("d1", "2026-01-09", 2_345_678), refunded("r", "2026-06-01", 1_400_000, "d1")
    )
    for period in ("2026-Q1", "2026-Q2"):
        found = await world.earned(ANN, period)
        assert found["lines"]
        amounts = []
        for line in found["lines"]:
            inputs = {one["name"]: one["value"] for one in line["explain"]["inputs"]}
            minor = recalculated(line["explain"]["rule"], inputs, "CNY")
            assert str(Money(minor, "CNY")) == line["amount"]
            assert line["explain"]["text"]["en"]
            assert line["explain"]["text"]["zh"]
            amounts.append(Money.parse(line["amount"], "CNY").amount_minor)
        assert str(Money(sum(amounts), "CNY")) == found["earned"]


async def test_the_run_rate_counts_business_days_and_the_current_one_in_full(world):
    await world.use(plan(), "2026-Q1")
    await tell(world, won("d1", "2026-01-09", 600_000))
    await world.log.start_day(world.tenant_id, "2026-01-30")  # 22 of 64 business days
    # 600,000 × 64 ÷ 22 = 1,745,454.54…: 80,000 + 10 % of 745,454.54…
    assert (await world.earned(ANN))["projected"] == "154545.45"
    await world.log.start_day(world.tenant_id, "2026-04-01")
    assert (await world.earned(ANN))["projected"] == "48000.00"


async def test_doctor_finds_nothing(world):
    await world.use(plan())
    await tell(
        world, won("d1", "2026-01-09", 2_345_678, (ANN, 5_000), (BEN, 5_000)),
        refunded("r", "2026-06-01", 400_000, "d1"),
    )  # fmt: skip
    await world.log.start_day(world.tenant_id, "2026-04-01")
    await world.close(ANN, "2026-Q1")
    await tell(world, won("d2", "2026-03-09", 100_000))
    await world.caught_up()
    found = await world.doctor()
    assert (found.differences, found.examples) == (0, [])
    assert found.rows > 10
