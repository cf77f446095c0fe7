"""What each role reads, by every kind of id, page by page and day by day."""

import pytest

from services.targets.store import members
from tests.service.targets.conftest import member, unit


@pytest.fixture(params=[0, 2_000], ids=["walked", "gathered"], autouse=True)
def small(request, monkeypatch):
    """Either way of reading pages gives the same."""
    monkeypatch.setattr(members, "SMALL", request.param)


async def names(world, path="/members", **more):
    return [one["name"] for one in (await world.get(path, **more))["items"]]


def ids(*wanted, **more):
    return {"params": [*(("id", one) for one in wanted), *more.items()]}


async def test_a_member_is_read_with_what_is_around_them(loaded):
    (wang,) = (await loaded.get("/members", **ids("wang")))["items"]
    east = (await loaded.get("/units", **ids("hr:east")))["items"][0]
    shanghai = (await loaded.get("/units", **ids("shanghai")))["items"][0]
    li = (await loaded.get("/members", **ids("li")))["items"][0]
    assert wang == {
        "id": wang["id"], "external_id": "hr:wang", "name": "Wang",
        "unit": {"id": shanghai["id"], "name": "Shanghai"},
        "manager": {"id": li["id"], "name": "Li"},
        "tenure_months": 12, "joined_on": "2025-11-23", "left_on": None, "asked": ["wang"],
    }  # fmt: skip
    assert shanghai["parent_id"] == east["id"]
    assert east == {
        "id": east["id"], "external_id": "hr:east", "name": "East", "kind": None,
        "parent_id": east["parent_id"], "manager_id": li["id"], "manager_name": "Li",
        "asked": ["hr:east"],
    }  # fmt: skip
    assert (li["unit"], li["manager"]) == (None, None)


async def test_every_kind_of_id_finds_and_unknown_ones_are_absent(loaded):
    (wang,) = (await loaded.get("/members", **ids("wang")))["items"]
    answer = await loaded.get(
        "/members",
        **ids("hr:wang", "nobody", wang["id"], "wang", "crm:wang", "", "x" * 999),
    )
    (found,) = answer["items"]
    assert sorted(found["asked"]) == sorted(["hr:wang", wang["id"], "wang"])
    assert answer["next_cursor"] is None
    assert await names(loaded, **ids("zhou", "chen", "boss")) == ["Zhou", "Chen", "Boss"]


async def test_a_bare_id_of_two_connections_has_to_be_written_in_full(loaded):
    await loaded.load(connection="crm", units=[unit("east")], members=[member("wang", "east")])
    for path, bare in (("/members", "wang"), ("/units", "east"), ("/units/children", "east")):
        answer = await loaded.get(path, status=409, **ids(bare))
        assert answer["code"] == "ambiguous_id"
        assert f"crm:{bare} or hr:{bare}" in answer["detail"]
    assert len((await loaded.get("/members", **ids("crm:wang", "hr:wang")))["items"]) == 2
    # Who sees only one of the two need not know of the other.
    assert await names(loaded, **ids("wang"), role="rep", member="hr:wang") == ["Wang"]


async def test_a_rep_reads_themselves_and_their_unit(loaded):
    rep = {"role": "rep", "member": "hr:wang"}
    assert await names(loaded, **rep) == ["Wang"]
    assert await names(loaded, **ids("wang", "zhou", "li", "chen"), **rep) == ["Wang"]
    assert await names(loaded, "/units", **rep) == ["Shanghai"]
    assert await names(loaded, "/units", **ids("shanghai", "east", "west"), **rep) == ["Shanghai"]
    assert (await loaded.get("/units/members", **ids("shanghai"), **rep))["items"] == []
    assert (await loaded.get("/units/children", **ids("east"), **rep))["items"] == []


async def test_a_rep_without_a_member_reads_nothing(loaded):
    for nobody in (None, "hr:nobody"):
        rep = {"role": "rep", "member": nobody}
        assert await names(loaded, **rep) == []
        assert await names(loaded, **ids("wang"), **rep) == []
        assert await names(loaded, "/units", **rep) == []


async def test_a_manager_reads_the_subtree_of_what_they_manage_on_that_day(loaded):
    li = {"role": "manager", "member": "hr:li"}
    assert await names(loaded, **li) == ["Li", "Wang", "Zhou"]
    assert await names(loaded, **ids("wang", "chen"), **li) == ["Wang"]
    assert await names(loaded, "/units", **li) == ["East", "Shanghai", "Suzhou"]
    assert await names(loaded, "/units", **ids("company", "west", "east"), **li) == ["East"]
    (east,) = (await loaded.get("/units/members", **ids("east", "west"), **li))["items"]
    assert (east["total_count"], [one["name"] for one in east["items"]]) == (2, ["Wang", "Zhou"])
    await loaded.load(as_of="2026-07-01", members=[member("wang", "west")])
    assert await names(loaded, **li) == ["Li", "Zhou"]
    assert await names(loaded, **ids("wang", as_of="2026-06-30"), **li) == ["Wang"]
    assert await names(loaded, **ids("wang"), role="rep", member="hr:li") == []


@pytest.mark.parametrize("role", ["sales_ops", "finance", "admin", "customer_success", "service"])
async def test_the_other_roles_read_the_tenant(loaded, role):
    everybody = ["Boss", "Chen", "Li", "Qi", "Wang", "Zhao", "Zhou"]
    assert await names(loaded, role=role) == everybody
    assert len(await names(loaded, "/units", role=role)) == 5


async def test_children_and_members_come_in_one_batch(loaded):
    units = await loaded.get("/units/children", **ids("east", "company", "suzhou", "nowhere"))
    assert [[child["name"] for child in one["children"]] for one in units["items"]] == [
        ["Shanghai", "Suzhou"], ["East", "West"], [],
    ]  # fmt: skip
    staff = await loaded.get("/units/members", **ids("company", "west", "suzhou", limit="2"))
    assert [
        (one["asked"], one["total_count"], [who["name"] for who in one["items"]])
        for one in staff["items"]
    ] == [
        (["company"], 4, ["Chen", "Wang"]),
        (["west"], 2, ["Chen", "Zhao"]),
        (["suzhou"], 1, ["Zhou"]),
    ]
    assert [one["next_cursor"] is None for one in staff["items"]] == [False, True, True]


@pytest.mark.parametrize(
    ("path", "whose"), [("/members", ()), ("/units/members", ("company",)), ("/units", ())]
)
async def test_pages_have_everything_once(loaded, path, whose):
    whole = await loaded.get(path, **ids(*whose, limit="100"))
    pages, cursor = [], {}
    while True:
        page = await loaded.get(path, **ids(*whose, limit="2", **cursor))
        page = page["items"][0] if whose else page
        pages += page["items"]
        assert len(page["items"]) <= 2
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert pages == (whole["items"][0] if whose else whole)["items"]


WRONG = (
    "cursor=x", "cursor=WzEsMl0", "cursor=WyJhIiwiYiJd", "limit=0", "limit=101", "limit=x",
    "as_of=2026-13-01", "as_of=0001-01-01", "as_of=9999-01-01", "known_at=2026-01-01",
)  # fmt: skip


@pytest.mark.parametrize("path", ["/members?", "/units?", "/units/members?id=company&"])
async def test_wrong_parameters_are_named(loaded, path):
    for wrong in WRONG:
        answer = await loaded.get(f"{path}{wrong}", status=422)
        assert answer["path"].rpartition(".")[2] == wrong.partition("=")[0]


async def test_a_cursor_goes_with_one_unit_and_a_batch_has_a_limit(loaded):
    staff = await loaded.get("/units/members", **ids("company", limit="1"))
    cursor = staff["items"][0]["next_cursor"]
    both = await loaded.get("/units/members", status=422, **ids("company", "east", cursor=cursor))
    assert both["path"] == "cursor"
    for path in ("/members", "/units", "/units/children", "/units/members"):
        many = await loaded.get(path, status=413, **ids(*(f"m{n}" for n in range(101))))
        assert many["code"] == "too_large"


async def test_a_move_closes_and_opens_and_is_told(loaded):
    before = await loaded.delivered()
    move = {"unit_id": "hr:west", "on": "2026-07-01"}
    answers = [
        await loaded.call("POST", "/members/hr:wang/moves", json=move, role="sales_ops",
                          headers={"idempotency-key": key})
        for key in ("a", "a", "b")
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert answers[0].json() == answers[1].json() == answers[2].json()
    (fact,) = (await loaded.delivered())[len(before) :]
    assert fact["type"] == "member.moved.v1"
    assert fact["payload"] == answers[0].json()
    assert [span["ends_on"] for span in fact["payload"]["memberships"]] == ["2026-07-01", None]
    (wang,) = (await loaded.get("/members", **ids("wang")))["items"]
    assert (wang["unit"]["name"], wang["manager"]["name"]) == ("West", "Qi")
    west = (await loaded.get("/units/members", **ids("west")))["items"][0]
    assert west["total_count"] == 3


@pytest.mark.parametrize(
    ("who", "move", "status", "code"),
    [
        ("nobody", {"unit_id": "west", "on": "2026-07-01"}, 404, "member_not_found"),
        ("a/b", {"unit_id": "west", "on": "2026-07-01"}, 404, "member_not_found"),
        ("wang", {"unit_id": "nowhere", "on": "2026-07-01"}, 422, "unit_unknown"),
        ("wang", {"unit_id": "west", "on": "2025-11-22"}, 422, "membership_outside"),
        ("wang", {"unit_id": "west", "on": "2025-12-31"}, 422, "membership_outside"),
        ("wang", {"unit_id": "west", "on": "soon"}, 422, "invalid"),
        ("wang", {"unit_id": "west"}, 422, "invalid"),
    ],
)
async def test_a_wrong_move_is_refused(loaded, who, move, status, code):
    answer = await loaded.call("POST", f"/members/{who}/moves", json=move)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
