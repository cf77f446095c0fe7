"""Customers, mixes and tasks as each role reads them."""

import pytest

from services.kit.auth import ROLES
from tests.support import accounts
from tests.support.accounts import at, member

ANN, BOB, CID, EVE, LI, QI = (member(name) for name in ("ann", "bob", "cid", "eve", "li", "qi"))
TENANT = {"sales_ops", "finance", "admin", "service"}


@pytest.fixture
async def sold(world):
    """acme is ann's with eve assigned, bolt is bob's, coil is cid's; each won 60,000."""
    await world.day("2026-01-15")
    for account, owner in (("acme", ANN), ("bolt", BOB), ("coil", CID)):
        await world.say(
            accounts.won(f"D-{account}", at("2026-01-05"), 60_000, account=account,
                         owners={owner: 10_000})
        )  # fmt: skip
    await world.say(
        accounts.described("acme", at("2026-01-02"), "Acme", owners={ANN: 6_000, EVE: 4_000})
    )
    await world.say(accounts.contract("C1", at("2026-01-05"), 120_000, None, None, account="bolt"))
    await world.settled()
    return world


async def names(world, **more):
    found = await world.get("/customers", **more)
    return [item["account"] for item in found["items"]]


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_sees_the_customers_that_are_its_business(sold, role):
    as_ann = {"role": role, "member": "hr:ann"}
    expected = ["acme", "bolt", "coil"] if role in TENANT else ["acme"]
    assert await names(sold, **as_ann) == expected
    asked = {"id": ["coil", "bolt", "nobody", sold.customer("acme")]}
    seen = await names(sold, params=asked, **as_ann)
    assert seen == (["coil", "bolt", "acme"] if role in TENANT else ["acme"])
    history = await sold.call("GET", "/customers/coil/history", **as_ann)
    assert history.status_code == (200 if role in TENANT else 404)
    if role not in TENANT:
        assert history.json()["code"] == "customer_not_found"
        assert await names(sold, role=role) == []
        assert await names(sold, role=role, member="hr:eve") == ["acme"]


async def test_a_manager_sees_the_subtree(sold):
    assert await names(sold, role="manager", member="hr:li") == ["acme", "bolt"]
    assert await names(sold, role="manager", member="hr:qi") == ["acme", "coil"]  # eve serves acme
    assert await names(sold, role="manager", member="hr:boss") == ["acme", "bolt", "coil"]
    assert await names(sold, role="manager", member="hr:bob") == ["bolt"]


async def test_pages_of_customers_are_complete_and_in_order(sold):
    first = await sold.get("/customers", params={"limit": 2})
    second = await sold.get("/customers", params={"limit": 2, "cursor": first["next_cursor"]})
    found = [item["account"] for page in (first, second) for item in page["items"]]
    assert (found, second["next_cursor"]) == (["acme", "bolt", "coil"], None)
    await sold.get("/customers", status=422, params={"cursor": "x"})
    await sold.get("/customers", status=413, params={"id": ["x"] * 101})
    await sold.get("/customers", status=422, params={"as_of": "2026-01-01T00:00:00Z"})


async def mix(world, *scopes, **more):
    found = await world.get("/mix", params={"scope": scopes}, **more)
    return {
        item["scope"]: {
            share["tier"]: (share["count"], share["revenue"]["amount"]) for share in item["by_tier"]
        }
        for item in found["items"]
    }


async def test_the_mix_counts_a_customer_once_in_each_unit_above_its_owner(sold):
    units = [member(unit) for unit in ("company", "east", "shanghai", "west")]
    found = await mix(sold, ANN, BOB, EVE, *units)
    none = (0, "0.00")
    assert found[ANN] == {"strategic": none, "growth": none, "basic": (1, "60000.00")}
    assert found[BOB] == {"strategic": (1, "60000.00"), "growth": none, "basic": none}
    assert found[EVE] == {"strategic": none, "growth": none, "basic": none}
    both = {"strategic": (1, "60000.00"), "growth": none, "basic": (1, "60000.00")}
    assert found[units[1]] == found[units[2]] == both
    assert found[units[0]] == {**both, "basic": (2, "120000.00")}
    assert found[units[3]]["basic"] == (1, "60000.00")


@pytest.mark.parametrize("role", ROLES)
async def test_whose_mix_each_role_reads(sold, role):
    east, west = member("east"), member("west")
    found = await mix(sold, ANN, BOB, east, west, role=role, member="hr:ann")
    assert list(found) == ([ANN, BOB, east, west] if role in TENANT else [ANN])
    if role == "manager":
        found = await mix(sold, ANN, CID, LI, east, west, role=role, member="hr:li")
        assert list(found) == [ANN, LI, east]


async def test_the_mix_follows_its_owner_to_another_unit(sold):
    east, west = member("east"), member("west")
    after = (await sold.get("/changes", role="service", params={"after": -1}))["offset"]
    await sold.log.fact(
        sold.tenant_id, "member.moved.v1", f"member:{BOB}",
        {"member_id": BOB, "memberships": [
            {"unit_id": member("shanghai"), "starts_on": "2020-01-01", "ends_on": "2026-01-10",
             "share_bp": 10_000},
            {"unit_id": west, "starts_on": "2026-01-10", "ends_on": None, "share_bp": 10_000},
        ]},
    )  # fmt: skip
    await sold.settled()
    found = await mix(sold, east, west)
    assert (found[east]["strategic"][0], found[west]["strategic"][0]) == (0, 1)
    told = await sold.get("/changes", role="service", params={"after": after})
    assert {BOB, east, west} <= set(told["subjects"])
    assert (await sold.doctor()).differences == 0


async def tasks(world, *members, **more):
    params = {"member": members, **more.pop("params", {})}
    found = await world.get("/tasks", params=params, **more)
    return {item["member_id"]: item["tasks"] for item in found["items"]}


async def test_a_win_asks_for_a_value_verification(sold):
    found = await tasks(sold, ANN, EVE, BOB, CID)
    (task,) = found[ANN]
    assert found[EVE] == [task]
    assert (task["kind"], task["due_on"], task["overdue"], task["status"]) == (
        "value_verification", "2026-02-04", False, "open",
    )  # fmt: skip
    assert task["customer"] == {"id": sold.customer("acme"), "name": "Acme"}
    assert set(task["title"]) == {"en", "zh"}
    await sold.day("2026-02-04")
    await sold.settled()
    assert not (await tasks(sold, ANN))[ANN][0]["overdue"]
    after = (await sold.get("/changes", role="service", params={"after": -1}))["offset"]
    await sold.day("2026-02-05")
    await sold.settled()
    assert (await tasks(sold, ANN))[ANN][0]["overdue"]
    told = await sold.get("/changes", role="service", params={"after": after})
    assert {ANN, EVE} <= set(told["subjects"])


@pytest.mark.parametrize("role", ROLES)
async def test_whose_tasks_each_role_reads_and_completes(sold, role):
    found = await tasks(sold, ANN, BOB, role=role, member="hr:ann")
    assert list(found) == ([ANN, BOB] if role in TENANT else [ANN])
    (task,) = (await tasks(sold, BOB))[BOB]
    answer = await sold.call("POST", f"/tasks/{task['id']}/complete", role=role, member="hr:ann")
    may = role in {"sales_ops", "admin"}
    assert answer.status_code == (200 if may else 403 if role in TENANT else 404)
    answer = await sold.call("POST", f"/tasks/{task['id']}/complete", role=role, member="hr:bob")
    assert answer.status_code == (403 if role in {"finance", "service"} else 200)


async def test_a_task_is_done_at_once_and_for_good(sold):
    (task,) = (await tasks(sold, ANN))[ANN]
    path = f"/tasks/{task['id']}/complete"
    other = await sold.call("POST", path, role="manager", member="hr:cid")
    assert (other.status_code, other.json()["code"]) == (404, "task_not_found")
    answer = await sold.call("POST", path, role="manager", member="hr:li",
                             headers={"idempotency-key": "k"})  # fmt: skip
    assert answer.status_code == 200, answer.text
    done = answer.json()["task"]
    assert (done["status"], done["completed_on"], done["completed_by"]) == (
        "done",
        "2026-01-15",
        LI,
    )
    assert await tasks(sold, ANN, EVE) == {ANN: [], EVE: []}
    again = await sold.call("POST", path, role="manager", member="hr:li",
                            headers={"idempotency-key": "k"})  # fmt: skip
    assert (again.json(), again.headers["idempotency-replayed"]) == (answer.json(), "true")
    await sold.settled()
    assert await tasks(sold, ANN) == {ANN: []}
    assert (await tasks(sold, ANN, params={"status": "done"}))[ANN] == [done]
    repeated = (await sold.call("POST", path, role="rep", member="hr:ann")).json()
    assert (repeated["task"], repeated["offset"]) == (done, len(sold.log.entries[sold.tenant_id]))
    assert [fact["type"] for fact in sold.log.facts].count("task.completed.v1") == 1
    assert (await sold.doctor()).differences == 0
    missing = await sold.call("POST", f"/tasks/{sold.tenant_id}/complete")
    assert (missing.status_code, missing.json()["code"]) == (404, "task_not_found")


async def test_who_is_assigned_besides_the_owner_may_complete_it_again(sold):
    (task,) = (await tasks(sold, EVE))[EVE]
    path, eve = f"/tasks/{task['id']}/complete", {"role": "customer_success", "member": "hr:eve"}
    done = (await sold.call("POST", path, **eve)).json()["task"]
    await sold.settled()  # the task's list is gone with it
    again = await sold.call("POST", path, **eve)
    assert (again.status_code, again.json()["task"]) == (200, done)


async def test_a_reversed_win_withdraws_its_open_task_and_no_finished_one(sold):
    (mine,), (theirs,) = (await tasks(sold, ANN, BOB)).values()
    await sold.call("POST", f"/tasks/{mine['id']}/complete", role="rep", member="hr:ann")
    await sold.settled()
    for account, owner in (("acme", ANN), ("bolt", BOB)):
        await sold.say(
            accounts.deal("reopened", f"D-{account}", at("2026-01-12"), account=account,
                          amount=60_000, owners={owner: 10_000})
        )  # fmt: skip
    await sold.settled()
    assert await tasks(sold, ANN, BOB) == {ANN: [], BOB: []}
    assert [one["id"] for one in (await tasks(sold, ANN, params={"status": "done"}))[ANN]] == [
        mine["id"]
    ]
    await sold.say(
        accounts.won("D-bolt", at("2026-01-14"), 50_000, account="bolt", owners={BOB: 10_000})
    )
    await sold.settled()
    (again,) = (await tasks(sold, BOB))[BOB]
    assert (again["id"], again["due_on"]) == (theirs["id"], "2026-02-13")


async def test_pages_of_tasks_are_complete_and_in_order(sold):
    for n in range(5):
        await sold.say(
            accounts.won(f"N{n}", at(f"2026-01-0{9 - n}"), 10, account="acme", owners={ANN: 10_000})
        )
    await sold.settled()
    found, cursor = [], None
    while True:
        params = {"member": ANN, "limit": 2} | ({"cursor": cursor} if cursor else {})
        (item,) = (await sold.get("/tasks", params=params))["items"]
        found += item["tasks"]
        cursor = item["next_cursor"]
        if cursor is None:
            break
    assert len(found) == len({task["id"] for task in found}) == 6
    assert [task["due_on"] for task in found] == sorted(task["due_on"] for task in found)
    await sold.get("/tasks", status=422, params={"member": ANN, "cursor": "x"})


@pytest.mark.parametrize("role", ROLES)
async def test_who_sets_the_policy_and_who_reads_it(sold, role):
    body = {"strategic_above": "500000", "basic_below": "100000"}
    answer = await sold.call("PUT", "/policies/tier", role=role, member="hr:ann", json=body)
    assert answer.status_code == (200 if role in {"sales_ops", "admin"} else 403)
    read = await sold.get("/policies/tier", role=role)
    assert read["current"]["version"] in {0, 1}
    assert [(one["name"], one["strategic_above"]["amount"], one["basic_below"]["amount"])
            for one in read["presets"]] == [
        ("standard", "100000.00", "30000.00"), ("large", "500000.00", "100000.00"),
    ]  # fmt: skip
    assert len(read["versions"]) == (2 if role in {"sales_ops", "admin"} else 1)


@pytest.mark.parametrize(
    ("changed", "code", "path"),
    [
        ({"basic_below": "500001"}, "tier_policy_invalid", "basic_below"),
        ({"basic_below": "0"}, "tier_policy_invalid", "basic_below"),
        ({"currency": "USD"}, "tier_policy_invalid", "currency"),
        ({"basic_below": "1.001"}, "quantity_invalid", "basic_below"),
        ({"basic_below": "-1"}, "invalid", "body.basic_below"),
        ({"basis": "hope"}, "invalid", "body.basis"),
        ({"effective_on": "1899-12-31"}, "invalid", "body.effective_on"),
        ({"key_accounts": ["a\u0007"]}, "invalid", "body.key_accounts.0"),
        ({"key_accounts": ["a"] * 1_001}, "invalid", "body.key_accounts"),
    ],
)
async def test_a_policy_that_cuts_no_tiers_is_refused(sold, changed, code, path):
    body = {"strategic_above": "500000", "basic_below": "100000"} | changed
    answer = await sold.call("PUT", "/policies/tier", json=body)
    assert answer.status_code == 422
    assert (answer.json()["code"], answer.json()["path"]) == (code, path)
    assert len((await sold.get("/policies/tier"))["versions"]) == 1


async def test_a_marked_account_is_key_from_the_next_period_on(sold):
    assert (await sold.read("coil"))["planning_class"] == "prospect"
    await sold.call(
        "PUT", "/policies/tier",
        json={"strategic_above": "100000", "basic_below": "30000", "key_accounts": ["coil"]},
    )  # fmt: skip
    await sold.settled()
    assert (await sold.read("coil"))["planning_class"] == "prospect"
    await sold.day("2026-04-01")
    await sold.settled()
    read = {item["account"]: item for item in (await sold.get("/customers"))["items"]}
    assert {name: (one["planning_class"], one["class_period"]) for name, one in read.items()} == {
        "acme": ("new", "2026-Q2"), "bolt": ("key", "2026-Q2"), "coil": ("key", "2026-Q2"),
    }  # fmt: skip
    assert sorted(sold.told("class.fixed.v1")) == [
        ("acme", "2026-01-01", "prospect"), ("acme", "2026-04-01", "new"),
        ("bolt", "2026-01-01", "prospect"), ("bolt", "2026-04-01", "key"),
        ("coil", "2026-01-01", "prospect"), ("coil", "2026-04-01", "key"),
    ]  # fmt: skip
    assert (await sold.doctor()).differences == 0


async def test_reads_say_their_offset_and_wait_for_one(sold):
    answer = await sold.call("GET", "/mix", params={"scope": ANN})
    head = len(sold.log.entries[sold.tenant_id])
    assert answer.headers["headwater-offset"] == str(answer.json()["offset"]) == str(head)
    await sold.get("/mix", params={"scope": ANN, "min_offset": head})
    behind = await sold.get("/mix", status=503, params={"scope": ANN, "min_offset": head + 1})
    assert behind["code"] == "projection_behind"
    await sold.get("/changes", status=403, params={"after": 0})
    await sold.get("/outbox", status=403, role="sales_ops")
