import asyncio

import pytest

from tests.service.targets.conftest import member, unit


def by_type(facts):
    return [(fact["type"], fact["subject"]) for fact in facts]


async def people(world, *ids, **more):
    answer = await world.get("/members", params=[("id", name) for name in ids], **more)
    return {one["external_id"]: one for one in answer["items"]}


async def test_a_company_is_taken_and_told_once(world, company):
    await world.configure()
    assert await world.load(**company) == {"created": 12, "changed": 0, "unchanged": 0}
    told = await world.delivered()
    kinds = [fact["type"] for fact in told]
    assert kinds.count("unit.placed.v1") == 5
    assert kinds.count("member.joined.v1") == 7
    assert kinds.count("member.moved.v1") == 4  # managers are in no unit
    assert "Wang" not in str(told)
    assert "王" not in str(told)
    assert await world.load(**company) == {"created": 0, "changed": 0, "unchanged": 12}
    assert await world.delivered() == told


async def test_facts_carry_the_whole_state(loaded):
    east = (await loaded.get("/units", params={"id": "east"}))["items"][0]
    wang = (await people(loaded, "wang"))["hr:wang"]
    shanghai = wang["unit"]["id"]
    facts = {(f["type"], f["subject"]): f["payload"] for f in await loaded.delivered()}
    assert facts["unit.placed.v1", f"unit:{east['id']}"] == {
        "unit_id": east["id"], "external_id": "hr:east", "parent_id": east["parent_id"],
        "manager_id": east["manager_id"],
        "placements": [{"parent_id": east["parent_id"], "manager_id": east["manager_id"],
                        "starts_on": "2026-01-01", "ends_on": None}],
    }  # fmt: skip
    assert facts["member.joined.v1", f"member:{wang['id']}"] == {
        "member_id": wang["id"], "external_id": "hr:wang", "joined_on": "2025-11-23",
        "left_on": None,
    }  # fmt: skip
    assert facts["member.moved.v1", f"member:{wang['id']}"] == {
        "member_id": wang["id"],
        "memberships": [{"unit_id": shanghai, "starts_on": "2026-01-01", "ends_on": None,
                         "share_bp": 10000}],
    }  # fmt: skip


async def test_a_changed_unit_is_a_move_and_history_stays(loaded):
    before = await loaded.delivered()
    change = await loaded.load(as_of="2026-07-01", members=[member("chen", "suzhou")])
    assert change == {"created": 0, "changed": 1, "unchanged": 0}
    assert (await people(loaded, "chen"))["hr:chen"]["unit"]["name"] == "Suzhou"
    past = await loaded.get("/members", params={"id": "chen", "as_of": "2026-06-30"})
    assert past["items"][0]["unit"]["name"] == "West"
    (fact,) = (await loaded.delivered())[len(before) :]
    assert [(span["starts_on"], span["ends_on"]) for span in fact["payload"]["memberships"]] == [
        ("2026-01-01", "2026-07-01"),
        ("2026-07-01", None),
    ]


async def test_a_changed_manager_and_parent_hold_from_the_day(loaded):
    await loaded.load(as_of="2026-07-01", units=[unit("shanghai", "west", "wang")])
    now = (await loaded.get("/units", params={"id": "shanghai"}))["items"][0]
    then = (await loaded.get("/units", params={"id": "shanghai", "as_of": "2026-06-30"}))["items"][
        0
    ]
    assert (now["manager_name"], then["manager_name"]) == ("Wang", None)
    assert now["parent_id"] != then["parent_id"]
    # Nobody is their own manager: wang answers to whoever manages above.
    assert (await people(loaded, "wang"))["hr:wang"]["manager"]["name"] == "Qi"


async def test_a_name_alone_changes_the_row_and_tells_nobody(loaded):
    before = await loaded.delivered()
    renamed = [unit("east", "company", "li") | {"name": "华东"}]
    assert (await loaded.load(units=renamed, members=[member("zhao", "west") | {"name": "赵"}])) == {
        "created": 0, "changed": 2, "unchanged": 0,
    }  # fmt: skip
    assert (await people(loaded, "zhao"))["hr:zhao"]["name"] == "赵"
    assert (await loaded.get("/units", params={"id": "east"}))["items"][0]["name"] == "华东"
    assert await loaded.delivered() == before


async def test_who_left_is_in_no_unit_from_that_day_and_may_come_back(loaded):
    await loaded.load(members=[member("zhao", "west", left_on="2026-03-01")])
    assert (await people(loaded, "zhao"))["hr:zhao"]["unit"] is None
    march = await loaded.get("/members", params={"id": "zhao", "as_of": "2026-02-28"})
    assert march["items"][0]["unit"]["name"] == "West"
    await loaded.load(as_of="2026-09-01", members=[member("zhao", "east")])
    assert (await people(loaded, "zhao"))["hr:zhao"]["unit"]["name"] == "East"
    gap = await loaded.get("/members", params={"id": "zhao", "as_of": "2026-05-01"})
    assert gap["items"][0]["unit"] is None


@pytest.mark.parametrize(
    ("statement", "code", "path"),
    [
        ({"units": [unit("a", "b"), unit("b", "a")]}, "unit_cycle", "units.0.parent_external_id"),
        ({"units": [unit("a", "a")]}, "unit_cycle", "units.0.parent_external_id"),
        (
            {"units": [unit("north", "company"), unit("company", "shanghai", "boss")]},
            "unit_cycle", "units.1.parent_external_id",
        ),
        ({"units": [unit("a", "nowhere")]}, "reference_unknown", "units.0.parent_external_id"),
        ({"units": [unit("a", None, "nobody")]}, "reference_unknown", "units.0.manager_external_id"),
        ({"members": [member("x", "nowhere")]}, "reference_unknown", "members.0.unit_external_id"),
        ({"units": [unit("a"), unit("b"), unit("a")]}, "row_repeated", "units.2.external_id"),
        ({"members": [member("x"), member("x")]}, "row_repeated", "members.1.external_id"),
        (
            {"members": [member("x", "west", joined_on="2026-03-01", left_on="2026-03-01")]},
            "row_invalid", "members.0.left_on",
        ),
        (
            {"as_of": "2025-06-01", "members": [member("x", "west")]},
            "membership_outside", "members.0.unit_external_id",
        ),
        (
            {"units": [unit(f"d{n}", f"d{n - 1}" if n else None) for n in range(65)]},
            "tree_too_deep", "units.64.parent_external_id",
        ),
        ({"as_of": "2026-02-30"}, "invalid", "body.as_of"),
        ({"as_of": 5}, "invalid", "body.as_of"),
        ({"connection": "a:b"}, "invalid", "body.connection"),
        ({"members": [member("a\x01b")]}, "invalid", "body.members.0.external_id"),
        ({"members": [member("x", share_bp=0)]}, "invalid", "body.members.0.share_bp"),
        ({"members": [member(f"m{n}") for n in range(1001)]}, "invalid", "body.members"),
    ],
)  # fmt: skip
async def test_a_wrong_row_is_named_and_nothing_is_taken(loaded, statement, code, path):
    before = await loaded.delivered()
    answer = await loaded.load(status=422, **statement)
    assert (answer["code"], answer["path"]) == (code, path), answer
    assert await loaded.delivered() == before
    count = await loaded.get("/units", params={"limit": 100})
    assert len(count["items"]) == 5


async def test_what_hangs_below_a_stated_row_is_checked_too(world):
    await world.configure()
    await world.load(units=[unit(f"d{n}", f"d{n - 1}" if n else None) for n in range(64)])
    answer = await world.load(status=422, units=[unit("d0", "top"), unit("top")])
    assert answer["code"] == "tree_too_deep"
    assert "hr:" in answer["detail"]


@pytest.mark.parametrize("role", ["rep", "manager", "finance", "customer_success"])
async def test_others_change_nothing(loaded, role):
    assert (await loaded.load(status=403, role=role))["code"] == "forbidden"
    answer = await loaded.call(
        "POST", "/members/wang/moves", role=role, member="wang",
        json={"unit_id": "west", "on": "2026-05-01"},
    )  # fmt: skip
    assert answer.status_code == 403


async def test_another_service_changes_nothing(loaded):
    answer = await loaded.call(
        "POST", "/organisation", role="service", subject="kpi",
        json={"connection": "hr", "as_of": "2026-01-01"},
    )  # fmt: skip
    assert answer.status_code == 403


async def test_imports_at_once_are_as_one_after_the_other(loaded):
    moves = [
        loaded.load(as_of="2026-05-01", members=[member("chen", to), member(f"new-{to}", to)])
        for to in ("east", "shanghai", "suzhou", "company")
    ]
    await asyncio.gather(*moves)
    chen = (await people(loaded, "chen"))["hr:chen"]
    facts = [f for f in await loaded.delivered() if f["subject"] == f"member:{chen['id']}"]
    last = facts[-1]["payload"]["memberships"]
    assert last[-1]["unit_id"] == chen["unit"]["id"]
    assert [(s["starts_on"], s["ends_on"]) for s in last] == [
        ("2026-01-01", "2026-05-01"),
        ("2026-05-01", None),
    ]


async def test_an_idempotency_key_answers_the_first_answer_again(loaded):
    key = {"idempotency-key": "import-1"}
    first = await loaded.load(members=[member("new", "west")], headers=key)
    assert first["created"] == 1
    assert await loaded.load(members=[member("new", "west")], headers=key) == first
    other = await loaded.load(status=422, members=[member("other", "west")], headers=key)
    assert other["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"connection": "hr", "as_of": "2026-01-01", "as_of": "2026-01-02"}', 400, "malformed"),
        (b'{"connection": "hr", "as_of": NaN}', 400, "malformed"),
        (b'{"connection": "h\\u0000r", "as_of": "2026-01-01"}', 400, "malformed"),
        (b"[" * 100 + b"]" * 100, 400, "malformed"),
        (b"{", 400, "malformed"),
        (b"\xff", 400, "malformed"),
        (b"x" * (2 << 20), 413, "too_large"),
        (b"", 422, "invalid"),
    ],
)
async def test_hostile_bodies_are_refused(loaded, body, status, code):
    answer = await loaded.call(
        "POST", "/organisation", content=body, headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
