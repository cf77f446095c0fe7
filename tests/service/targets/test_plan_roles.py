"""Who sees whose targets, and who may do what to a plan (contract.md, "Who may see and do what")."""

import pytest

from services.kit.auth import ROLES
from tests.service.targets.test_plans import QUARTERS, SALES, carry, make, shares, whole

PLANNERS = {"admin", "sales_ops"}
SEES_ALL = {"admin", "sales_ops", "finance", "service"}
PEOPLE = (
    whole(**shares(east=6000, west=4000)),
    whole(owner_id="hr:east", **shares(shanghai=5000, suzhou=5000)),
    whole(owner_id="hr:west", **shares(chen=5000, zhao=5000)),
    whole(owner_id="hr:shanghai", **shares(wang=10000)),
    whole(owner_id="hr:suzhou", **shares(zhou=10000)),
)
EVERYBODY = ["company", "east", "west", "shanghai", "suzhou", "wang", "zhou", "chen", "zhao"]


async def owners_seen(world, **who):
    found = await world.get(
        "/targets", params={"owner": [f"hr:{name}" for name in EVERYBODY], "period": "2026"}, **who
    )
    return {
        target["owner"]["name"].lower() for item in found["items"] for target in item["targets"]
    }


@pytest.fixture
async def active(planning):
    await carry(planning, await make(planning, *PEOPLE))
    return planning


@pytest.mark.parametrize(
    ("role", "member", "seen"),
    [
        ("rep", "hr:wang", {"company", "east", "shanghai", "wang"}),
        ("rep", "hr:chen", {"company", "west", "chen"}),
        ("customer_success", "hr:chen", {"company", "west", "chen"}),
        ("rep", None, set()),
        ("manager", "hr:li", {"company", "east", "shanghai", "suzhou", "wang", "zhou"}),
        ("manager", "hr:boss", set(EVERYBODY)),
        *[(role, None, set(EVERYBODY)) for role in sorted(SEES_ALL)],
    ],
)
async def test_whose_targets_a_viewer_sees(active, role, member, seen):
    assert await owners_seen(active, role=role, member=member) == seen


async def test_a_reps_totals_above_do_not_give_away_their_peers(active):
    plan = (await active.get("/plans", role="rep", member="hr:chen"))["items"][0]
    regions = await active.get(
        "/targets/children", params={"id": plan["root"]["id"], "axis": "organisation"},
        role="rep", member="hr:chen",
    )  # fmt: skip
    (west,) = regions["items"][0]["children"]
    assert west["label"] == "West"
    for axis in ("organisation", None):
        people = await active.get(
            "/targets/children", params={"id": west["id"]} | ({"axis": axis} if axis else {}),
            role="rep", member="hr:chen",
        )  # fmt: skip
        assert [one["label"] for one in people["items"][0]["children"]] == ["Chen"]
    board = await active.get(
        "/targets", params={"owner": "hr:west", "period": "2026", "children": "organisation"},
        role="rep", member="hr:chen",
    )  # fmt: skip
    assert [c["label"] for c in board["items"][0]["targets"][0]["children"]] == ["Chen"]


async def test_peers_targets_are_not_reached_by_their_ids(active):
    boss = await active.get("/targets", params={"owner": "hr:zhao", "period": "2026"})
    zhao = boss["items"][0]["targets"][0]["id"]
    hidden = await active.get(
        "/targets/children", params={"id": zhao}, role="rep", member="hr:chen"
    )
    assert hidden["items"] == []
    answer = await active.call("POST", f"/targets/{zhao}/acknowledge", role="rep", member="hr:chen")
    assert answer.status_code == 404


@pytest.mark.parametrize("role", ROLES)
async def test_only_planners_make_propose_approve_and_activate(planning, role):
    plan = await make(planning)
    who = {"role": role, "member": "hr:boss", "subject": "someone"}
    answers = [await planning.call("POST", "/plans", json=SALES, **who)]
    for act, body in (("propose", None), ("approve", {"override_reason": "x"}), ("activate", None)):
        answers.append(await planning.call("POST", f"/plans/{plan['id']}/{act}", json=body, **who))
    allowed = role in PLANNERS
    assert {answer.status_code for answer in answers} == ({200, 201} if allowed else {403})


async def test_a_manager_splits_what_their_units_have_and_nothing_else(planning):
    plan = await make(planning, whole(**shares(east=6000, west=4000)))
    path, li = f"/plans/{plan['id']}/splits", {"role": "manager", "member": "hr:li"}
    teams = whole(owner_id="hr:east", **shares(shanghai=5000, suzhou=5000))
    mine = await planning.post(path, {"splits": [teams]}, **li)
    assert mine["plan"]["state"] == "draft"
    others = whole(owner_id="hr:west", **shares(chen=5000, zhao=5000))
    refused = await planning.post(path, {"splits": [others]}, status=422, **li)
    assert (refused["code"], refused["path"]) == ("owner_unknown", "splits.0.parts.0.owner_id")
    nodes = await planning.get("/targets/children", params={"id": plan["root"]["id"]})
    west = nodes["items"][0]["children"][1]["id"]
    theirs = {"target_id": west, **QUARTERS}
    await planning.post(path, {"splits": [theirs]}, status=404, **li)
    everything = whole(**QUARTERS)  # of a manager means: of the leaves that are theirs
    await planning.post(path, {"splits": [everything]}, **li)
    shanghai = await planning.get("/plans", params={"id": plan["id"]})
    assert shanghai["items"][0]["root"]["allocated"] == "100000000.00"
    west_parts = await planning.get("/targets/children", params={"id": west})
    assert west_parts["items"][0]["children"] == []
    for role, member in (("rep", "hr:wang"), ("finance", None), ("customer_success", "hr:wang")):
        answer = await planning.call(
            "POST", path, json={"splits": [teams]}, role=role, member=member
        )
        assert answer.status_code == 403


async def test_consensus_is_counted_by_owner_and_needed_for_approval(planning):
    plan = await make(planning, whole(**shares(east=6000, west=4000)))
    path, root = f"/plans/{plan['id']}", plan["root"]["id"]
    early = await planning.call(
        "POST", f"/targets/{root}/acknowledge", role="manager", member="hr:boss"
    )
    assert (early.status_code, early.json()["code"]) == (409, "plan_state")
    await planning.post(f"{path}/propose")
    nodes = await planning.get("/targets/children", params={"id": root})
    east, west = (node["id"] for node in nodes["items"][0]["children"])
    for target, member, rate in (
        (root, "hr:boss", "33.3"), (root, "hr:boss", "33.3"), (east, "hr:li", "66.7")
    ):  # fmt: skip
        answer = await planning.post(
            f"/targets/{target}/acknowledge", role="manager", member=member
        )
        assert answer["plan"]["consensus_rate"] == rate
    refused = await planning.post(f"{path}/approve", status=409)
    assert (refused["code"], refused["path"]) == ("consensus_missing", "override_reason")
    last = await planning.post(f"/targets/{west}/acknowledge", role="manager", member="hr:qi")
    assert last["plan"]["consensus_rate"] == "100.0"
    assert "CONSENSUS_LOW" not in {check["code"] for check in last["plan"]["checks"]}
    approved = await planning.post(f"{path}/approve")
    assert approved["plan"]["state"] == "approved"


async def test_drafts_are_for_those_who_work_on_them(planning):
    plan = await make(planning)
    for role, seen in (("rep", 0), ("manager", 1), ("sales_ops", 1)):
        found = await planning.get("/plans", role=role, member="hr:boss")
        assert len(found["items"]) == seen
    hidden = await planning.get(
        "/targets/children", params={"id": plan["root"]["id"]}, role="rep", member="hr:wang"
    )
    assert hidden["items"] == []


async def test_the_first_answer_to_a_key_is_given_again(planning):
    key = {"headers": {"Idempotency-Key": "make-it-once"}}
    first = await planning.post("/plans", SALES, status=201, **key)
    again = await planning.post("/plans", SALES, status=201, **key)
    assert again == first
    other = await planning.post("/plans", SALES | {"name": "Other"}, status=422, **key)
    assert other["code"] == "idempotency_key_reused"
    assert len((await planning.get("/plans"))["items"]) == 1


async def test_plans_come_in_pages_the_newest_first(planning):
    made = [(await make(planning, name=f"Plan {n}"))["id"] for n in range(3)]
    first = await planning.get("/plans", params={"limit": 2})
    rest = await planning.get("/plans", params={"limit": 2, "cursor": first["next_cursor"]})
    assert [p["id"] for p in first["items"] + rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None


async def test_changes_name_the_owners_whose_targets_the_log_has(active):
    service = {"role": "service", "subject": "gateway"}
    plan = (await active.get("/plans"))["items"][0]
    offset = (await active.post(f"/plans/{plan['id']}/activate"))["offset"]
    found = await active.get("/changes", params={"after": offset - 1}, **service)
    assert found["offset"] == offset
    assert len(found["subjects"]) == 1
    every = await active.get("/changes", params={"after": 0}, **service)
    assert len(every["subjects"]) == len(EVERYBODY)
    refused = await active.call("GET", "/changes", params={"after": 0}, role="admin")
    assert refused.status_code == 403
    behind = await active.call(
        "GET", "/targets", params={"owner": "hr:wang", "period": "2026", "min_offset": 10**6}
    )
    assert (behind.status_code, behind.json()["code"]) == (503, "projection_behind")
