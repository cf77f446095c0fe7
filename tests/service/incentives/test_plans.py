"""Compensation plans: documents, versions, from when, and for whom."""

import copy

import pytest

from tests.support.pay import ANN, BEN, CAI, FAY, LI, OTHER, TEAM, plan, refunded, won


def broken(path, value):
    document = copy.deepcopy(plan())
    *parts, last = path
    place = document
    for part in parts:
        place = place[part]
    place[last] = value
    return document


FAULTS = [
    (("components", 0, "bands", 1, "up_to"), "900000.00", "components.0.bands.1.up_to"),
    (("components", 0, "bands", 0, "up_to"), "0.00", "components.0.bands.0.up_to"),
    (("components", 0, "bands", 0, "up_to"), "1.005", "components.0.bands.0.up_to"),
    (("components", 0, "bands", 0, "up_to"), None, "components.0.bands.0.up_to"),
    (("components", 0, "bands", 2, "up_to"), "3000000.00", "components.0.bands.2.up_to"),
    (("components", 0, "bands", 0, "rate_bp"), 10_001, "components.0.bands.0.rate_bp"),
    (("components", 0, "bands", 0, "rate_bp"), -1, "components.0.bands.0.rate_bp"),
    (("currency",), "XYZ", "currency"),
    (("eligible",), {"members": ["nobody"]}, "eligible.members.0"),
    (("eligible",), {"units": [TEAM, "nowhere"]}, "eligible.units.1"),
]


@pytest.mark.parametrize(("path", "value", "named"), FAULTS)
async def test_a_fault_is_named_by_its_path(world, path, value, named):
    refused = await world.post("/plans", json=broken(path, value), status=422)
    assert (refused["code"], refused["path"]) == ("compensation_plan_invalid", named)


async def test_a_document_of_another_shape_is_refused(world):
    for path, value in (
        (("period",), "week"), (("components",), []), (("components", 0, "mode"), "sometimes"),
        (("components", 0, "bands"), []), (("name",), ""), (("surprise",), 1),
        (("components", 0, "bands", 0, "rate_bp"), 8.5),
    ):  # fmt: skip
        assert (await world.post("/plans", json=broken(path, value), status=422))["path"]
    twice = plan()
    twice["components"] *= 2
    refused = await world.post("/plans", json=twice, status=422)
    assert refused["path"] == "components.1.code"


async def test_who_drafts_and_who_activates(world):
    for role in ("rep", "manager", "admin", "customer_success"):
        await world.post("/plans", json=plan(), role=role, status=403)
    drafted = await world.post("/plans", json=plan(), role="sales_ops", status=201)
    path, body = f"/plans/{drafted['plan']['id']}/activate", {"effective_from": "2026-Q1"}
    for role in ("sales_ops", "admin", "rep"):
        await world.post(path, json=body, role=role, status=403)
    installation = {"role": "service", "subject": "headwater", "member": None}
    active = await world.post(path, json=body, **installation)
    assert active["plan"]["state"] == "active"
    assert active["plan"]["effective_on"] == "2026-01-01"
    assert (await world.post(path, json={"effective_from": "2027-Q1"}))["plan"] == active["plan"]
    for role in ("finance", "sales_ops", "admin"):
        assert len((await world.get("/plans", role=role))["items"]) == 1
    for role in ("rep", "manager", "customer_success"):
        assert (await world.get("/plans", role=role))["items"] == []
    found = await world.get(f"/plans?id={drafted['plan']['id']}")
    assert found["items"] == [active["plan"]]
    assert (await world.get("/plans?id=x"))["items"] == []


async def test_a_plan_starts_with_a_period_of_its_own_kind(world):
    drafted = await world.post("/plans", json=plan(), status=201)
    path = f"/plans/{drafted['plan']['id']}/activate"
    for period in ("2026", "2026-01", "2026-Q5", "soon"):
        refused = await world.post(path, json={"effective_from": period}, status=422)
        assert refused["code"] in {"invalid", "period_invalid"}
    await world.post("/plans/x/activate", json={"effective_from": "2026-Q1"}, status=404)


async def test_a_new_version_ends_the_one_before(world):
    first = await world.use(plan(), "2026-Q1")
    await world.log.append(world.tenant_id, **won("d1", "2026-02-02", 100_000))
    await world.log.append(world.tenant_id, **won("d2", "2026-05-05", 100_000))
    assert (await world.earned(ANN, "2026"))["earned"] == "16000.00"
    monthly = plan(period="month")
    monthly["components"][0]["bands"] = [{"up_to": None, "rate_bp": 100}]
    drafted = await world.post("/plans", json=monthly, status=201)
    assert drafted["plan"]["version"] == 2
    path = f"/plans/{drafted['plan']['id']}/activate"
    refused = await world.post(path, json={"effective_from": "2026-05"}, status=422)
    assert refused["path"] == "effective_from"
    await world.post(path, json={"effective_from": "2026-04"})
    plans = {one["id"]: one for one in (await world.get("/plans"))["items"]}
    assert plans[first]["ends_on"] == "2026-03-31"
    assert (await world.earned(ANN, "2026-Q1"))["earned"] == "8000.00"
    assert (await world.earned(ANN, "2026-05"))["earned"] == "1000.00"
    assert (await world.earned(ANN, "2026-05-05"))["period"] == "2026-05"
    assert (await world.earned(ANN, "2026"))["earned"] == "9000.00"
    assert (await world.doctor()).differences == 0


async def test_a_closed_statement_keeps_its_plan(world):
    await world.use(plan(), "2026-Q1")
    await world.log.append(world.tenant_id, **won("d1", "2026-02-02", 100_000))
    await world.log.start_day(world.tenant_id, "2026-04-01")
    closed = await world.close(ANN, "2026-Q1")
    await world.use(plan(mode="retroactive"), "2026-Q1")
    again = await world.get(f"/statements/{closed['id']}")
    assert again["statement"] == closed
    assert (await world.earned(ANN, "2026-Q2"))["earned"] == "0.00"
    assert (await world.doctor()).differences == 0


async def test_two_plans_do_not_meet_in_one_member(world):
    await world.use(plan("Team", eligible={"units": [f"hr:{TEAM[-2:]}"]}))
    for eligible in ({}, {"members": [ANN]}, {"units": [TEAM]}):
        drafted = await world.post("/plans", json=plan("B", eligible=eligible), status=201)
        path = f"/plans/{drafted['plan']['id']}/activate"
        for period in ("2026-Q1", "2027-Q3"):
            refused = await world.post(path, json={"effective_from": period}, status=409)
            assert refused["code"] == "compensation_plan_overlap"
    await world.use(plan("Other", eligible={"units": [OTHER]}))
    for member in (ANN, BEN, LI, CAI, FAY):
        assert await world.earned(member) is not None


async def test_eligibility_follows_the_organisation_on_the_first_day(world):
    await world.use(plan("Team", eligible={"units": [TEAM]}))
    await world.log.append(world.tenant_id, **won("d1", "2026-02-02", 100_000, CAI))
    await world.log.append(world.tenant_id, **won("d2", "2026-05-05", 100_000, CAI))
    assert await world.earned(CAI, "2026") is None
    await world.move(CAI, TEAM, "2026-02-01")  # where a member first was holds before that day
    assert (await world.earned(CAI, "2026"))["earned"] == "16000.00"
    assert (await world.doctor()).differences == 0


async def test_a_member_without_credit_sees_the_first_band(world):
    await world.use(plan())
    found = await world.earned(ANN)
    assert found["earned"] == found["projected"] == "0.00"
    assert found["next_band"] == {"gap": "1000000.00", "worth": "80000.00"}
    assert found["lines"] == []
    assert (await world.earned(ANN, "2026-02"))["period"] == "2026-Q1"
    assert await world.earned(ANN, "2025-Q4") is None


async def test_a_new_plan_takes_over_what_is_left_of_who_has_no_credit_any_more(world):
    """All that ann sold turns out to be ben's: her closed quarter is taken back in the next one."""
    await world.use(plan(), "2026-Q1")
    sold = await world.log.append(world.tenant_id, **won("d1", "2026-02-02", 100_000))
    await world.log.start_day(world.tenant_id, "2026-04-01")
    await world.close(ANN, "2026-Q1")
    await world.log.supersede(world.tenant_id, sold)
    await world.log.append(world.tenant_id, **won("d1", "2026-02-02", 100_000, BEN))
    assert (await world.earned(ANN, "2026-Q2"))["earned"] == "-8000.00"
    await world.use(plan(period="month"), "2026-04")
    assert (await world.earned(ANN, "2026-04"))["earned"] == "-8000.00"
    found = await world.doctor()
    assert (found.differences, found.examples) == (0, [])


async def test_a_period_of_which_a_part_is_closed_stays_cut(world):
    """Else what is won in February would count into the closed January."""
    ann = {"eligible": {"members": [ANN]}}
    await world.use(plan(period="month", **ann), "2026-01")
    await world.log.append(world.tenant_id, **won("d1", "2026-01-10", 900_000))
    await world.log.start_day(world.tenant_id, "2026-04-01")
    await world.close(ANN, "2026-01")
    drafted = await world.post("/plans", json=plan(**ann), status=201)
    path = f"/plans/{drafted['plan']['id']}/activate"
    refused = await world.post(path, json={"effective_from": "2026-Q1"}, status=422)
    assert (refused["code"], refused["path"]) == ("invalid", "effective_from")
    await world.log.append(world.tenant_id, **won("d2", "2026-02-10", 900_000))
    assert (await world.earned(ANN, "2026-02"))["earned"] == "72000.00"
    await world.post(path, json={"effective_from": "2026-Q2"})
    # Who has nothing closed may have a quarterly plan from January on.
    await world.use(plan("Ben", eligible={"members": [BEN]}), "2026-Q1")


async def test_one_member_is_paid_in_one_currency(world):
    dollars = {"currency": "USD"}
    await world.use(plan("East", eligible={"units": [TEAM]}) | dollars)
    # A version that was never in force pays nobody.
    await world.use(plan("East", eligible={"units": [TEAM]}))
    await world.use(plan("West", eligible={"units": [OTHER]}) | dollars)
    later = plan("East", eligible={"units": [TEAM]}) | dollars
    drafted = await world.post("/plans", json=later, status=201)
    path = f"/plans/{drafted['plan']['id']}/activate"
    refused = await world.post(path, json={"effective_from": "2026-Q3"}, status=422)
    assert (refused["code"], refused["path"]) == ("compensation_plan_invalid", "currency")


async def test_who_moves_to_a_plan_in_another_currency_has_no_sum_of_both(world):
    await world.use(plan("East", eligible={"units": [TEAM]}))
    await world.use(plan("West", eligible={"units": [OTHER]}) | {"currency": "USD"})
    await world.move(ANN, TEAM)
    span = {"unit_id": TEAM, "starts_on": "2020-01-01", "ends_on": "2026-03-31", "share_bp": 10_000}
    then = {"unit_id": OTHER, "starts_on": "2026-04-01", "ends_on": None, "share_bp": 10_000}
    moved = {"member_id": ANN, "memberships": [span, then]}
    await world.log.fact(world.tenant_id, "member.moved.v1", f"member:{ANN}", moved)
    await world.log.append(world.tenant_id, **won("d1", "2026-01-10", 900_000))
    await world.log.append(world.tenant_id, **refunded("r1", "2026-04-10", 100_000, "d1"))
    await world.log.start_day(world.tenant_id, "2026-04-20")
    await world.close(ANN, "2026-Q1")
    await world.log.append(world.tenant_id, **won("d2", "2026-03-10", 10_000))
    first, second = await world.earned(ANN, "2026-Q1"), await world.earned(ANN, "2026-Q2")
    assert (first["currency"], first["earned"]) == ("CNY", "72000.00")
    assert (second["currency"], second["earned"], second["lines"]) == ("USD", "0.00", [])
    assert (await world.doctor()).differences == 0
