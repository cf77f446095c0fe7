"""Tiers on the wire: edges, dated history, and what the log is told."""

import pytest

from tests.support import accounts
from tests.support.accounts import at


@pytest.mark.parametrize(
    ("fee", "tier"),
    [(29_999, "basic"), (30_000, "growth"), (100_000, "growth"), (100_001, "strategic")],
)
async def test_a_boundary_value_belongs_to_the_middle_tier(world, fee, tier):
    await world.day("2026-01-15")
    await world.say(accounts.contract("C1", at("2026-01-05"), fee, "2026-01-01", "2026-12-31"))
    await world.settled()
    read = await world.read("acme")
    assert (read["tier"], read["value"]) == (tier, {"amount": f"{fee}.00", "currency": "CNY"})
    assert world.told("tier.changed.v1") == [("acme", "2026-01-01", tier)]


async def test_the_tier_follows_contracts_as_the_day_moves(world):
    await world.day("2026-01-15")
    await world.say(accounts.contract("C1", at("2026-01-05"), 90_000, "2026-01-01", "2026-03-31"))
    await world.say(accounts.contract("C2", at("2026-01-06"), 20_000, "2026-02-01", "2026-12-31"))
    await world.settled()
    assert (await world.read("acme"))["tier"] == "growth"
    await world.day("2026-02-01")
    await world.settled()
    assert (await world.read("acme"))["tier"] == "strategic"
    await world.day("2026-03-31")
    await world.settled()
    assert (await world.read("acme"))["tier"] == "strategic"
    await world.day("2026-04-01")
    await world.settled()
    assert (await world.read("acme"))["tier"] == "basic"
    assert world.told("tier.changed.v1") == [
        ("acme", "2026-01-01", "growth"), ("acme", "2026-02-01", "strategic"),
        ("acme", "2026-04-01", "basic"),
    ]  # fmt: skip
    history = await world.get("/customers/acme/history")
    assert [
        (one["effective_on"], one["from_tier"], one["tier"], one["value"]["amount"])
        for one in history["tiers"]
    ] == [
        ("2026-01-01", None, "growth", "90000.00"),
        ("2026-02-01", "growth", "strategic", "110000.00"),
        ("2026-04-01", "strategic", "basic", "20000.00"),
    ]
    assert history["tiers"][2]["causes"] == [
        {"kind": "contract_ended", "subject": "contract:erp:C1"}
    ]
    assert (await world.doctor()).differences == 0


async def test_a_late_correction_tells_what_held_and_nothing_twice(world):
    await world.day("2026-06-15")
    signed = accounts.contract("C1", at("2026-01-05"), 120_000, "2026-01-01", None)
    await world.say(signed)
    await world.settled()
    await world.say(accounts.taken_back(signed))
    await world.say(accounts.contract("C1", at("2026-01-05"), 50_000, "2026-03-01", None))
    await world.settled()
    assert world.told("tier.changed.v1") == [
        ("acme", "2026-01-01", "strategic"), ("acme", "2026-01-01", None),
        ("acme", "2026-03-01", "growth"),
    ]  # fmt: skip
    await world.day("2026-06-16")
    await world.settled()
    assert len(world.told("tier.changed.v1")) == 3


async def test_a_new_policy_restates_tiers_from_its_day(world):
    await world.day("2026-01-15")
    await world.say(accounts.won("D1", at("2026-01-05"), 40_000))
    await world.settled()
    assert (await world.read("acme"))["tier"] == "basic"
    wanted = {
        "basis": "trailing_revenue", "strategic_above": "100000", "basic_below": "30000.00",
        "effective_on": "2026-01-10",
    }  # fmt: skip
    answer = await world.call("PUT", "/policies/tier", role="sales_ops", json=wanted)
    assert answer.status_code == 200, answer.text
    assert answer.json()["policy"]["version"] == 1
    await world.settled()
    assert world.told("tier.changed.v1") == [
        ("acme", "2026-01-05", "basic"), ("acme", "2026-01-10", "growth"),
    ]  # fmt: skip
    read = await world.get("/policies/tier", role="rep")
    assert (read["current"]["version"], read["current"]["in_log"]) == (1, True)
    again = await world.call("PUT", "/policies/tier", role="admin", json=wanted)
    assert again.json()["policy"]["version"] == 1
    assert again.json()["offset"] is not None
    assert (await world.doctor()).differences == 0
