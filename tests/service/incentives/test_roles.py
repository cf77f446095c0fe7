"""Pay is private: what each role gets of it by every route, and that nothing crosses tenants."""

import pytest

from tests.support.pay import ANN, BEN, CAI, FAY, LI, plan, won

NOBODY = "019a0000-0000-7000-8000-000000000009"
SEES_NO_PAY = (("sales_ops", None), ("admin", None), ("service", None), ("sales_ops", ANN),
               ("admin", ANN))  # fmt: skip


@pytest.fixture
async def paid(world):
    """ann, ben (both li's), cai and li sold something in the first quarter."""
    await world.use(plan())
    for number, member in enumerate((ANN, BEN, CAI, LI)):
        entry = won(f"d{number}", "2026-02-02", 100_000, member)
        await world.log.append(world.tenant_id, **entry)
    await world.log.start_day(world.tenant_id, "2026-04-01")
    await world.caught_up()
    return world


async def everything(world, **who):
    """Whose pay, and whether with lines, is in the answers of each route."""
    asked = "&".join(f"member={one}" for one in (ANN, BEN, CAI, LI, FAY))
    pay = await world.get(f"/earnings?{asked}&period=2026-Q1", **who)
    listed = await world.get("/statements", **who)
    filtered = await world.get(f"/statements?{asked}", **who)
    credited = await world.get("/credits", **who)
    assert filtered["items"] == listed["items"]
    return {
        "earnings": {one["member_id"]: one["lines"] is not None for one in pay["items"]},
        "statements": {one["member_id"]: one["hash"] is not None for one in listed["items"]},
        "credits": {one["member_id"] for one in credited["items"]},
    }


async def test_a_rep_gets_their_own(paid):
    for role in ("rep", "customer_success"):
        assert await everything(paid, role=role, member=ANN) == {
            "earnings": {ANN: True}, "statements": {ANN: True}, "credits": {ANN},
        }  # fmt: skip


async def test_a_manager_gets_totals_of_the_subtree_and_their_own_lines(paid):
    found = await everything(paid, role="manager", member=LI)
    assert found["earnings"] == {ANN: False, BEN: False, LI: True}
    assert found["statements"] == {ANN: False, BEN: False, LI: True}
    assert found["credits"] == {LI}
    assert (await everything(paid, role="manager", member=CAI))["earnings"] == {CAI: True}


async def test_finance_gets_all(paid):
    found = await everything(paid)
    assert found["earnings"] == dict.fromkeys((ANN, BEN, CAI, LI, FAY), True)
    assert found["statements"] == dict.fromkeys((ANN, BEN, CAI, LI), True)
    assert found["credits"] == {ANN, BEN, CAI, LI}


@pytest.mark.parametrize(("role", "member"), SEES_NO_PAY)
async def test_the_others_get_nothing(paid, role, member):
    who = {"role": role, "member": member, "subject": "gateway"}
    assert await everything(paid, **who) == {"earnings": {}, "statements": {}, "credits": set()}


@pytest.mark.parametrize(
    ("role", "member"), [("rep", ANN), ("rep", None), ("customer_success", ANN), *SEES_NO_PAY]
)
async def test_what_is_not_for_a_viewer_looks_like_what_is_not_there(paid, role, member):
    who = {"role": role, "member": member, "subject": "gateway"}
    others = (await paid.get(f"/statements?member={BEN}"))["items"][0]["id"]

    async def same(path):
        real = await paid.call("GET", path.format(member=BEN, statement=others), **who)
        none = await paid.call("GET", path.format(member=NOBODY, statement=NOBODY), **who)
        assert (real.status_code, real.content) == (none.status_code, none.content)
        return real.json()

    assert (await same("/earnings?member={member}&period=2026-Q1"))["items"] == []
    assert (await same("/statements?member={member}"))["items"] == []
    assert (await same("/statements?member={member}&status=live&period=2026-Q1"))["items"] == []
    assert (await same("/credits?member={member}"))["items"] == []
    assert (await same("/credits?member={member}&deal=deal:crm:d1"))["items"] == []
    assert (await same("/statements/{statement}"))["code"] == "not_found"
    for act in ("approve", "close"):
        for statement in (others, NOBODY, "nonsense"):
            refused = await paid.call("POST", f"/statements/{statement}/{act}", **who)
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


async def test_a_deal_shared_with_others_shows_ones_own_part_alone(paid):
    entry = won("shared", "2026-02-03", 1_000, (ANN, 6_000), (CAI, 4_000))
    await paid.log.append(paid.tenant_id, **entry)
    await paid.caught_up()
    found = await paid.get("/credits?deal=deal:crm:shared", role="rep", member=ANN)
    assert [(one["member_id"], one["amount"]) for one in found["items"]] == [(ANN, "600.00")]


async def test_a_token_that_names_a_member_by_an_external_id_is_that_member(paid):
    found = await paid.get("/statements", role="rep", member=f"hr:{ANN[-2:]}")
    assert [one["member_id"] for one in found["items"]] == [ANN]


async def test_another_tenant_sees_nothing_of_it(paid):
    other = paid.log.tenant("other")
    await paid.log.configure(other)
    statement = (await paid.get(f"/statements?member={ANN}"))["items"][0]["id"]
    while (await paid.call("GET", "/credits", tenant="other")).status_code != 200:
        await paid.caught_up()
    who = {"tenant": "other", "role": "finance"}
    assert (await paid.get("/credits", **who))["items"] == []
    assert (await paid.get("/statements", **who))["items"] == []
    assert (await paid.get("/plans", **who))["items"] == []
    assert (await paid.get(f"/earnings?member={ANN}&period=2026-Q1", **who))["items"] == []
    for path in ("", "/approve", "/close"):
        method = "POST" if path else "GET"
        answer = await paid.call(method, f"/statements/{statement}{path}", **who)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_who_may_follow_and_operate(paid):
    for role, member in (("rep", ANN), ("finance", FAY), ("admin", None)):
        await paid.get("/changes?after=0", status=403, role=role, member=member)
    for role in ("rep", "finance", "sales_ops"):
        await paid.get("/outbox", status=403, role=role)
    assert (await paid.get("/outbox", role="admin"))["pending"] == 0


async def test_pages_go_on_where_they_ended(paid):
    found, cursor = [], ""
    while cursor is not None:
        page = await paid.get(f"/statements?limit=1{cursor and '&cursor='}{cursor}")
        found += [one["member_id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert found == [ANN, BEN, CAI, LI]
    for path in ("/statements", "/credits", "/plans"):
        refused = await paid.get(f"{path}?cursor=nonsense", status=422)
        assert refused["path"] == "cursor"
    for cursor in ("WyJ4IiwgMV0", "WzEsMl0", "WyIyMDI2LTAxLTAxIiwieCJd"):
        assert (await paid.get(f"/statements?cursor={cursor}", status=422))["path"] == "cursor"


async def test_what_cannot_be_asked(paid):
    many = "&".join(f"member={NOBODY}" for _ in range(101))
    assert (await paid.get(f"/earnings?{many}&period=2026", status=413))["code"] == "too_large"
    refused = await paid.get(f"/earnings?member={ANN}&period=2026-Q9", status=422)
    assert refused["code"] == "period_invalid"
    await paid.get(f"/earnings?member={ANN}&period=2026-Q1&min_offset=100000", status=503)
    await paid.get("/statements/%00", status=404)
    assert (await paid.get("/earnings?member=%00&period=2026"))["items"] == []
    answer = await paid.call("GET", f"/earnings?member={ANN}&period=2026-Q1")
    assert answer.headers["headwater-offset"] == str(answer.json()["offset"])
