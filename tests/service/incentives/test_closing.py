"""Approving and closing; what later events change of a closed period; storms."""

import random
from pathlib import Path

import pytest

from tests.support.pay import ANN, BEN, FAY, deal_event, plan, refunded, running, won

PAGE = Path(__file__).parents[3] / "docs" / "pay.md"


async def tell(world, *entries):
    return [await world.log.append(world.tenant_id, **entry) for entry in entries]


@pytest.fixture
async def spring(world):
    """The first quarter is over; ann sold 1,500,000 in it, ben 200,000."""
    await world.use(plan())
    await tell(
        world, won("d1", "2026-01-12", 900_000), won("d2", "2026-03-20", 600_000),
        won("d3", "2026-02-02", 200_000, BEN),
    )  # fmt: skip
    await world.log.start_day(world.tenant_id, "2026-04-01")
    await world.caught_up()
    return world


async def statement_of(world, member, period="2026-Q1"):
    found = await world.get(f"/statements?member={member}&period={period}")
    return found["items"][0]


async def test_a_closed_statement_stays_and_later_events_adjust_the_next(spring):
    closed = await spring.close(ANN, "2026-Q1")
    assert (closed["total"], closed["status"]) == ("130000.00", "closed")
    await tell(
        spring, won("d4", "2026-04-09", 500_000),
        refunded("r", "2026-04-15", 600_000, "d2"), won("d5", "2026-03-30", 200_000),
    )  # fmt: skip
    later = await spring.earned(ANN, "2026-Q2")
    assert [(line["amount"], line["explain"]["rule"]) for line in later["lines"]] == [
        ("40000.00", "commission.marginal"), ("-60000.00", "commission.later_change"),
        ("20000.00", "adjustment"),
    ]  # fmt: skip
    again = await spring.get(f"/statements/{closed['id']}")
    assert again["statement"] == closed
    assert (await spring.earned(ANN, "2026"))["earned"] == "130000.00"
    page = PAGE.read_text()
    for line in (*closed["lines"], *later["lines"]):
        assert line["explain"]["text"]["en"] in page
        assert line["explain"]["text"]["zh"] in page
    found = await spring.doctor()
    assert (found.differences, found.examples) == (0, [])


async def test_an_adjustment_that_was_closed_is_adjusted_in_turn(spring):
    await spring.close(ANN, "2026-Q1")
    (late,) = await tell(spring, won("d5", "2026-03-30", 200_000))
    await spring.log.start_day(spring.tenant_id, "2026-07-01")
    second = await spring.close(ANN, "2026-Q2")
    assert second["total"] == "20000.00"
    await spring.log.supersede(spring.tenant_id, late)
    third = await spring.earned(ANN, "2026-Q3")
    assert [(one["amount"], one["explain"]["rule"]) for one in third["lines"]] == [
        ("-20000.00", "adjustment")
    ]
    assert third["lines"][0]["event_ids"] == [late["id"]]
    assert (await spring.earned(ANN, "2026"))["earned"] == "130000.00"
    assert (await spring.doctor()).differences == 0


async def test_refunds_before_and_after_closing_come_to_the_same(spring):
    await tell(spring, refunded("r1", "2026-03-31", 100_000, "d2"))
    await spring.close(ANN, "2026-Q1")
    await tell(spring, refunded("r2", "2026-03-31", 100_000, "d2"))
    await tell(spring, refunded("r3", "2026-04-02", 100_000, "d2"))
    assert (await spring.earned(ANN, "2026-Q1"))["earned"] == "120000.00"
    assert (await spring.earned(ANN, "2026-Q2"))["earned"] == "-20000.00"
    assert (await spring.earned(ANN, "2026"))["earned"] == "100000.00"


async def test_approval_lapses_when_the_figures_change(spring):
    one = await statement_of(spring, ANN)
    approved = await spring.post(f"/statements/{one['id']}/approve")
    assert approved["statement"]["status"] == "approved"
    assert (await spring.earned(ANN))["status"] == "approved"
    await tell(spring, won("d6", "2026-03-30", 1_000))
    await spring.caught_up()
    assert (await statement_of(spring, ANN))["status"] == "live"
    refused = await spring.post(f"/statements/{one['id']}/close", status=409)
    assert refused["code"] == "statement_not_approved"


async def test_settling_twice_changes_nothing_and_keys_are_honoured(spring):
    one = await statement_of(spring, ANN)
    key = {"headers": {"Idempotency-Key": "k1"}}
    first = await spring.post(f"/statements/{one['id']}/approve", **key)
    assert await spring.post(f"/statements/{one['id']}/approve", **key) == first
    await spring.post(f"/statements/{one['id']}/approve")
    closed = await spring.post(f"/statements/{one['id']}/close")
    again = await spring.post(f"/statements/{one['id']}/close")
    assert again["statement"] == closed["statement"]
    await spring.caught_up()
    told = [fact["type"] for fact in spring.log.facts]
    assert told.count("statement.approved.v1") == told.count("statement.closed.v1") == 1
    fact = spring.log.facts[-1]
    assert fact["payload"] == {
        "statement_id": one["id"], "member_id": ANN, "period": "2026-Q1", "currency": "CNY",
        "total_minor": 13_000_000, "hash": closed["statement"]["hash"],
    }  # fmt: skip
    refused = await spring.post(f"/statements/{one['id']}/approve", status=409)
    assert refused["code"] == "statement_closed"


async def test_a_running_period_and_ones_own_pay_are_not_settled(spring):
    await tell(spring, won("d7", "2026-04-02", 1_000), won("d8", "2026-02-02", 1_000, FAY))
    await spring.caught_up()
    running_one = await statement_of(spring, ANN, "2026-Q2")
    own = await statement_of(spring, FAY)
    for act in ("approve", "close"):
        path = f"/statements/{running_one['id']}/{act}"
        assert (await spring.post(path, status=409))["code"] == "period_running"
        path = f"/statements/{own['id']}/{act}"
        assert (await spring.post(path, status=409))["code"] == "own_statement"
        unknown = "019a0000-0000-7000-8000-000000000001"
        await spring.post(f"/statements/{unknown}/{act}", status=404)
    await spring.post(f"/statements/{own['id']}/approve", member=ANN)  # another finance


async def test_changes_name_whose_pay_changed(spring):
    async def changed(after):
        found = await spring.get(
            f"/changes?after={after}", role="service", subject="gateway", member=None
        )
        return set(found["subjects"]), found["offset"]

    _, offset = await changed(-1)
    await tell(spring, won("d9", "2026-04-02", 1_000, BEN))
    await spring.caught_up()
    subjects, offset = await changed(offset)
    assert subjects == {BEN}
    one = await statement_of(spring, ANN)
    await spring.post(f"/statements/{one['id']}/approve")
    await spring.caught_up()
    subjects, offset = await changed(offset)
    assert subjects == {ANN}
    await spring.log.start_day(spring.tenant_id, "2026-04-02")
    await spring.caught_up()
    assert (await changed(offset))[0] == {ANN, BEN}


def story(dice):
    """Wins, refunds and second thoughts of two quarters; each entry with an id of its own."""
    entries = []
    for number in range(30):
        day = f"2026-0{dice.randint(1, 6)}-{dice.randint(1, 28):02}"
        shares = dice.choice([((ANN, 10_000),), ((ANN, 6_000), (BEN, 4_000))])
        entries.append(won(f"d{number}", day, dice.randint(1, 300_000), *shares))
        if dice.random() < 0.4:
            later = f"2026-0{dice.randint(6, 8)}-15"
            entries.append(refunded(f"r{number}", later, dice.randint(1, 300_000), f"d{number}"))
        if dice.random() < 0.2:
            entries.append(deal_event("deal.lost.v1", f"d{number}", "2026-06-30", 0, stage="lost"))
    for entry in entries:
        entry["id_"] = f"019a0000-0000-7000-8000-{dice.randrange(10**12):012}"
    return entries


async def figures(world):
    await world.caught_up()
    found = {}
    for member in (ANN, BEN):
        for period in ("2026-Q1", "2026-Q2", "2026-Q3"):
            pay = await world.earned(member, period)
            found[member, period] = (pay["earned"], pay["lines"])
    credits_ = []
    cursor = ""
    while cursor is not None:
        page = await world.get(f"/credits?limit=100{cursor and '&cursor='}{cursor}")
        credits_ += page["items"]
        cursor = page["next_cursor"]
    return found, credits_


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_storm_comes_to_a_fresh_calculation(clone, seed):
    """Tripled, shuffled, late, with quarters closed in between, and calculated once in order."""
    dice = random.Random(seed)  # noqa: S311 — the same storm each time
    entries = story(dice)
    async with running(clone("incentives").app) as calm, running(clone("incentives").app) as rough:
        for world in (calm, rough):
            await world.organise()
            await world.use(plan())
        await tell(calm, *entries)
        stormy = entries * 3
        dice.shuffle(stormy)
        await tell(rough, *stormy)
        assert await figures(rough) == await figures(calm)
        assert (await rough.doctor()).differences == 0

        half, rest = entries[::2], entries[1::2]
        async with running(clone("incentives").app) as late:
            await late.organise()
            await late.use(plan())
            await tell(late, *dice.sample(half, len(half)))
            await late.log.start_day(late.tenant_id, "2026-07-01")
            await late.close(ANN, "2026-Q1")
            await tell(late, *dice.sample(rest, len(rest)))
            await late.close(ANN, "2026-Q2")
            await tell(late, *dice.sample(entries, 5))
            for member in (ANN, BEN):
                whole = await late.earned(member, "2026")
                assert whole["earned"] == (await calm.earned(member, "2026"))["earned"]
            assert (await late.doctor()).differences == 0
