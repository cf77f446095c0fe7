from datetime import UTC, datetime

import pytest

FIXED = "019ab000-0000-7000-8000-000000000001"


async def test_the_first_choice_has_always_held_and_reaches_kpi(world):
    tenant = await world.configure(id=FIXED)
    assert tenant == {
        "id": FIXED, "short_name": "demo", "zone": "Asia/Shanghai", "currency": "CNY",
        "fiscal_start_month": 1, "week_rule": "iso_clipped", "effective_on": "1900-01-01",
    }  # fmt: skip
    assert await world.get("/tenant", role="rep") == tenant
    (fact,) = await world.delivered()
    assert (fact["type"], fact["subject"]) == ("tenant.configured.v1", f"tenant:{FIXED}")
    assert fact["payload"] == {
        "zone": "Asia/Shanghai", "currency": "CNY", "fiscal_start_month": 1,
        "week_rule": "iso_clipped", "effective_on": "1900-01-01",
    }  # fmt: skip


async def test_the_same_choice_again_tells_nothing(world):
    first = await world.configure()
    assert await world.configure(status=200) == first
    assert len(await world.delivered()) == 1


async def test_a_change_holds_from_the_tenants_own_day(world):
    await world.configure()
    # 17:00 in London is already the next day in Shanghai.
    world.clock.instant = datetime(2026, 12, 31, 17, tzinfo=UTC)
    changed = await world.configure(status=200, fiscal_start_month=4)
    assert changed["effective_on"] == "2027-01-01"
    assert (await world.get("/tenant"))["fiscal_start_month"] == 4
    # Again on that day: the day keeps one row, the newest.
    again = await world.configure(status=200, fiscal_start_month=7, zone="America/Los_Angeles")
    assert again["effective_on"] == "2027-01-01"
    assert (await world.get("/tenant"))["zone"] == "America/Los_Angeles"
    days = [fact["payload"]["effective_on"] for fact in await world.delivered()]
    assert days == ["1900-01-01", "2027-01-01", "2027-01-01"]


@pytest.mark.parametrize(
    ("changed", "code", "path"),
    [
        ({"zone": "Asia/Peking"}, "zone_unknown", "zone"),
        ({"zone": "../../etc/passwd"}, "zone_unknown", "zone"),
        ({"zone": "America"}, "zone_unknown", "zone"),
        ({"currency": "RMB"}, "money_invalid", "currency"),
        ({"currency": "XAU"}, "money_invalid", "currency"),
        ({"fiscal_start_month": 13}, "invalid", "body.fiscal_start_month"),
        ({"week_rule": "iso"}, "invalid", "body.week_rule"),
        ({"id": "not-a-uuid"}, "invalid", "body.id"),
        ({"zoen": "Asia/Shanghai"}, "invalid", "body.zoen"),
    ],
)
async def test_a_wrong_choice_is_refused_by_name(world, changed, code, path):
    answer = await world.configure(status=422, **changed)
    assert (answer["code"], answer["path"]) == (code, path)
    assert await world.delivered() == []


async def test_an_id_belongs_to_one_tenant_for_ever(world):
    await world.configure(id=FIXED)
    other = FIXED.replace("1", "2")
    assert (await world.configure(status=409, id=other))["code"] == "tenant_id_taken"
    assert (await world.configure("acme", status=409, id=FIXED))["code"] == "tenant_id_taken"


@pytest.mark.parametrize(
    "who",
    [
        {"role": "admin"},
        {"role": "sales_ops"},
        {"role": "service", "subject": "kpi"},
        {"role": "service", "subject": "headwater", "tenant": "acme"},
    ],
)
async def test_only_the_installation_configures_and_only_the_tokens_tenant(world, who):
    body = {"zone": "Asia/Shanghai", "currency": "CNY"}
    answer = await world.call("PUT", "/tenants/demo", json=body, **who)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_the_outbox_is_read_by_who_operates(loaded):
    await loaded.delivered()
    waiting = await loaded.get("/outbox", role="admin")
    assert waiting == {"pending": 0, "oldest_age_seconds": 0}
    assert (await loaded.get("/outbox", role="service", subject="kpi"))["pending"] == 0
    for role in ("rep", "manager", "sales_ops", "finance", "customer_success"):
        assert (await loaded.get("/outbox", role=role, status=403))["code"] == "forbidden"


async def test_a_tenant_nobody_configured_is_told_so(world):
    assert (await world.get("/tenant", tenant="nobody", status=403))["code"] == "forbidden"


async def test_the_service_tells_how_it_is(world):
    assert (await world.client.get("/livez")).status_code == 200
    assert (await world.client.get("/readyz")).json() == {"status": "ready"}
    await world.get("/members", status=403)
    metrics = (await world.client.get("/metrics")).text
    assert 'route="/targets/v1/members",status="403"' in metrics
