"""A plan from its draft to its facts, over the wire and the real database."""

import json
import re
from pathlib import Path

import pytest

from services.kit.errors import Unavailable
from services.targets.actions import catalogue
from services.targets.schemas.targets import Parts, Targets
from services.targets.store import plans as store

PAGE = (Path(__file__).parents[3] / "docs/targets.md").read_text()
SALES = {
    "name": "Sales 2026", "metric": "sales", "owner_id": "hr:company", "period": "2026",
    "target": "100000000.00",
}  # fmt: skip
QUARTERS = {"axis": "time", "into": "quarter", "method": "shares",
            "parts": [{"share_bp": bp} for bp in (2000, 2500, 2500, 3000)]}  # fmt: skip
MONTHS = {"axis": "time", "into": "month", "method": "shares",
          "parts": [{"share_bp": bp} for bp in (3000, 3500, 3500)]}  # fmt: skip


def shares(**parts):
    return {"axis": "organisation", "method": "shares",
            "parts": [{"owner_id": f"hr:{name}", "share_bp": bp} for name, bp in parts.items()]}  # fmt: skip


async def make(world, *splits, **changed):
    plan = (await world.post("/plans", SALES | changed, status=201))["plan"]
    if splits:
        path = f"/plans/{plan['id']}/splits"
        plan = (await world.post(path, {"splits": list(splits)}))["plan"]
    return plan


async def carry(world, plan, upto="active"):
    """Through the states with a reason instead of acknowledgements."""
    answer = None
    for act, body in (
        ("propose", None), ("approve", {"override_reason": "decided"}), ("activate", None)
    ):  # fmt: skip
        answer = await world.post(f"/plans/{plan['id']}/{act}", body)
        if answer["plan"]["state"] == upto:
            break
    return answer


def whole(**more):
    return {"of": "leaves", **more}


CASCADE = (
    whole(**shares(east=6000, west=4000)),
    whole(owner_id="hr:east", **shares(shanghai=5000, suzhou=5000)),
    whole(owner_id="hr:west", **shares(chen=3333, zhao=6667)),
    whole(owner_id="hr:shanghai", **shares(wang=10000)),
    whole(owner_id="hr:suzhou", **shares(zhou=10000)),
    whole(**QUARTERS), whole(**MONTHS), whole(axis="time", method="calendar_days"),
)  # fmt: skip


async def test_a_year_comes_down_to_a_reps_week_and_adds_up_everywhere(planning):
    plan = await make(planning, *CASCADE)
    answer = await carry(planning, plan)
    assert answer["plan"]["state"] == "active"
    assert answer["offset"] is not None
    board = await planning.get(
        "/targets",
        params={
            "owner": ["hr:company", "hr:east", "hr:wang"],
            "period": "2026-Q1",
            "children": "time",
        },
    )
    Targets.model_validate(board)
    company, east, wang = (item["targets"][0] for item in board["items"])
    assert [one["target"] for one in (company, east, wang)] == [
        "20000000.00", "12000000.00", "6000000.00"
    ]  # fmt: skip
    assert [part["target"] for part in company["children"]] == [
        "6000000.00", "7000000.00", "7000000.00"
    ]  # fmt: skip
    assert [part["label"] for part in wang["children"]] == ["2026-01", "2026-02", "2026-03"]
    weeks = await planning.get(
        "/targets", params={"owner": "hr:wang", "period": "2026-01", "children": "time"}
    )
    (january,) = weeks["items"][0]["targets"]
    assert january["target"] == "1800000.00"
    assert [part["target"] for part in january["children"]] == [
        "232258.07", "406451.61", "406451.61", "406451.61", "348387.10"
    ]  # fmt: skip
    assert january["explain"]["rule"] == "time_shares"
    assert january["explain"]["text"]["en"] == (
        "1,800,000.00 CNY is 30 % of 2026-Q1's 6,000,000.00 CNY, by explicit shares"
    )
    assert january["metric"]["name"] == {"en": "Sales", "zh": "销售额"}


async def test_the_facts_say_all_cells_of_each_owner(planning):
    plan = await make(planning, *CASCADE)
    await carry(planning, plan)
    told = [fact for fact in await planning.delivered() if fact["type"] == "target.set.v1"]
    assert len(told) == 9  # the company, two regions, two teams, four people
    by_cells = {len(fact["payload"]["cells"]) for fact in told}
    assert by_cells == {1 + 4 + 12 + 63}
    for fact in told:
        cells = {cell["period"]: cell["target"] for cell in fact["payload"]["cells"]}
        assert sum(cells[f"2026-Q{n}"] for n in range(1, 5)) == cells["2026"]
        assert sum(v for code, v in cells.items() if "-W" in code) == cells["2026"]
        assert fact["payload"]["plan_version"] == 1


async def test_activating_again_answers_it_unchanged_and_tells_nothing(planning):
    plan = await make(planning, whole(**QUARTERS))
    first = await carry(planning, plan)
    facts = len(await planning.delivered())
    again = await planning.post(f"/plans/{plan['id']}/activate")
    assert again == first
    assert len(await planning.delivered()) == facts


async def test_kpi_being_away_delays_the_offset_alone(planning):
    plan = await make(planning, whole(**QUARTERS))
    await carry(planning, plan, upto="approved")
    planning.log.away = 503
    answer = await planning.post(f"/plans/{plan['id']}/activate")
    assert (answer["plan"]["state"], answer["offset"]) == ("active", None)
    planning.log.away = None
    await planning.delivered()
    later = await planning.post(f"/plans/{plan['id']}/activate")
    assert later["offset"] == len(next(iter(planning.log.entries.values())))


async def test_a_successor_takes_the_cells_of_the_plan_before_back(planning):
    first = await make(planning, whole(**shares(east=5000, west=5000)))
    await carry(planning, first)
    rival = await make(planning)
    await carry(planning, rival, upto="approved")
    refused = await planning.post(f"/plans/{rival['id']}/activate", status=409)
    assert refused["code"] == "plan_overlap"
    second = await make(planning, predecessor_id=first["id"])
    assert second["version"] == 2
    facts = len(await planning.delivered())
    await carry(planning, second)
    told = (await planning.delivered())[facts:]
    assert [(f["payload"]["plan_id"], len(f["payload"]["cells"])) for f in told] == [
        *[(first["id"], 0)] * 3, (second["id"], 1)
    ]  # fmt: skip
    plans = await planning.get("/plans", params={"id": [first["id"], second["id"]]})
    assert [plan["state"] for plan in plans["items"]] == ["superseded", "active"]
    board = await planning.get("/targets", params={"owner": "hr:east", "period": "2026"})
    assert board["items"][0]["targets"] == []


async def test_plans_that_share_a_single_day_overlap(planning):
    sunday = {"period": "2026-02-W1", "target": "100"}  # 1 February 2026 alone, by ISO weeks
    first = await make(planning, **sunday)
    await carry(planning, first)
    rival = await make(planning, **sunday)
    await carry(planning, rival, upto="approved")
    refused = await planning.post(f"/plans/{rival['id']}/activate", status=409)
    assert refused["code"] == "plan_overlap"


async def test_a_plans_offset_is_that_of_its_last_fact(planning):
    plan = (await make(planning, whole(**shares(east=5000, west=5000))))["id"]
    database = planning.app.state.office.database
    tenant_id = (await planning.get("/tenant"))["id"]
    async with database.write(tenant_id) as connection:
        await store.told(connection, tenant_id, plan, 3)
    offsets = []
    for facts in ([(plan, 7)], [(plan, 9), (plan, 8)]):
        async with database.write(tenant_id) as connection:
            await store.heard(connection, tenant_id, facts)
            (found,) = await store.by_id(connection, tenant_id, [plan])
        offsets.append(found.log_offset)
    assert offsets == [None, 9]


async def test_a_successor_of_another_metric_takes_back_what_was_given(planning):
    first = await make(planning)
    await carry(planning, first)
    facts = len(await planning.delivered())
    second = await make(
        planning, predecessor_id=first["id"], metric="visits", target="5200", name="Visits"
    )
    await carry(planning, second)
    told = [fact["payload"] for fact in (await planning.delivered())[facts:]]
    assert [(one["plan_id"], one["metric"], one["unit"], len(one["cells"])) for one in told] == [
        (first["id"], "sales", "money", 0), (second["id"], "visits", "count", 1)
    ]  # fmt: skip


async def test_children_are_totals_along_the_axis_whatever_the_order(planning):
    """Time first, people below: the company's regions have years although no node says so."""
    plan = await make(planning, whole(**QUARTERS), whole(**shares(east=6000, west=4000)))
    root = plan["root"]["id"]
    nodes = await planning.get("/targets/children", params={"id": root})
    assert [c["label"] for c in nodes["items"][0]["children"]] == [
        "2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4"
    ]  # fmt: skip
    regions = await planning.get("/targets/children", params={"id": root, "axis": "organisation"})
    Parts.model_validate(regions)
    assert [(c["label"], c["target"]) for c in regions["items"][0]["children"]] == [
        ("East", "60000000.00"), ("West", "40000000.00")
    ]  # fmt: skip


async def test_a_buffer_is_visible_and_does_not_compound(planning):
    buffered = shares(east=6000, west=4000) | {
        "buffer": {"percent_bp": 1000, "kind": "over_assigned"}
    }
    plan = await make(planning, whole(**buffered), target="20000000.00", period="2026-Q1")
    root = plan["root"]
    assert (root["target"], root["allocated"], root["buffer"]) == (
        "20000000.00", "22000000.00", "2000000.00"
    )  # fmt: skip
    assert {check["code"] for check in plan["checks"]} == {
        "CONSENSUS_LOW", "SPLIT_INCOMPLETE", "BUFFER"
    }  # fmt: skip
    again = whole(owner_id="hr:west", **shares(chen=5000, zhao=5000)) | {
        "buffer": buffered["buffer"]
    }
    refused = await planning.post(f"/plans/{plan['id']}/splits", {"splits": [again]}, status=422)
    assert (refused["code"], refused["path"]) == ("buffer_repeated", "splits.0.buffer")


async def test_rates_are_the_same_for_everybody(planning):
    same = {"axis": "organisation", "method": "same",
            "parts": [{"owner_id": "hr:east"}, {"owner_id": "hr:west"}]}  # fmt: skip
    plan = await make(
        planning, whole(**same), whole(axis="time", method="same"), metric="win_rate", target="25"
    )
    board = await carry(planning, plan)
    assert board["plan"]["root"]["target"] == "25.00"
    found = await planning.get("/targets", params={"owner": "hr:east", "period": "2026-Q2"})
    (rate,) = found["items"][0]["targets"]
    assert (rate["target"], rate["currency"]) == ("25.00", None)


@pytest.mark.parametrize(
    ("split", "code", "path"),
    [
        (whole(**shares(east=6000, west=3000)), "shares_incomplete", "splits.0.parts"),
        (whole(**shares(east=6000, moon=4000)), "owner_unknown", "splits.0.parts.1.owner_id"),
        (whole(axis="time", into="quarter", method="shares",
               parts=[{"period": "2027-Q1", "share_bp": 10000}]),
         "period_outside", "splits.0.parts.0.period"),
        (whole(axis="time", into="week", method="weights", parts=[{"weight": "1"}]),
         "split_invalid", "splits.0.parts"),
        (whole(axis="organisation", method="calendar_days", parts=[{"owner_id": "hr:east"}]),
         "split_invalid", "splits.0.method"),
        ({"target_id": "019ab000-0000-7000-8000-000000000001", "axis": "time", "method": "equal"},
         "split_invalid", "splits.0.target_id"),
    ],
)  # fmt: skip
async def test_what_cannot_be_split_is_refused_with_its_place(planning, split, code, path):
    plan = await make(planning)
    answer = await planning.post(f"/plans/{plan['id']}/splits", {"splits": [split]}, status=422)
    assert (answer["code"], answer["path"]) == (code, path)
    unchanged = await planning.get("/plans", params={"id": plan["id"]})
    assert unchanged["items"][0]["root"]["allocated"] is None


async def test_nobody_counts_twice_and_nothing_is_split_twice(planning):
    plan = await make(planning, whole(**shares(east=6000, west=4000)))
    path = f"/plans/{plan['id']}/splits"
    twice = [{"target_id": plan["root"]["id"], **QUARTERS}]
    refused = await planning.post(path, {"splits": twice}, status=409)
    assert refused["code"] == "target_already_split"
    children = await planning.get("/targets/children", params={"id": plan["root"]["id"]})
    east = children["items"][0]["children"][0]["id"]
    stranger = [{"target_id": east, **shares(chen=10000)}]
    refused = await planning.post(path, {"splits": stranger}, status=422)
    assert refused["code"] == "owner_outside"
    both = [{"target_id": east, **shares(shanghai=5000, wang=5000)},
            whole(owner_id="hr:shanghai", **shares(wang=10000))]  # fmt: skip
    refused = await planning.post(path, {"splits": both}, status=409)
    assert (refused["code"], refused["path"]) == ("target_duplicate", "splits.1")


async def test_counts_stay_whole(planning):
    refused = await planning.post(
        "/plans", SALES | {"metric": "visits", "target": "1000.5"}, status=422
    )
    assert (refused["code"], refused["path"]) == ("quantity_invalid", "target")
    plan = await make(planning, whole(**QUARTERS), whole(axis="time", method="equal"),
                      metric="visits", target="1001")  # fmt: skip
    parts = await planning.get(
        "/targets/children", params={"id": plan["root"]["id"], "axis": "time"}
    )
    assert [part["target"] for part in parts["items"][0]["children"]] == [
        "200",
        "250",
        "250",
        "301",
    ]


async def test_the_page_s_example_comes_out_as_the_page_says(planning):
    draft, splits = map(json.loads, re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    plan = (await planning.post("/plans", draft, status=201))["plan"]
    await planning.post(f"/plans/{plan['id']}/splits", splits)
    await carry(planning, plan)
    rows = re.findall(r"^\| (hr:\S+) \| (\S+) \| ([0-9.]+) \|", PAGE, re.MULTILINE)
    assert len(rows) == 10
    for owner, period, target in rows:
        found = await planning.get("/targets", params={"owner": owner, "period": period})
        assert found["items"][0]["targets"][0]["target"] == target, (owner, period)


async def test_a_total_of_several_cells_is_their_sum_where_they_tile(planning):
    """An ISO week lies in two months; four quarterly plans make a year, three do not."""
    for quarter in range(1, 5):
        made = await make(
            planning, *([whole(axis="time", method="equal", into="week")] if quarter == 1 else []),
            period=f"2026-Q{quarter}", target=f"{quarter}300.00",
        )  # fmt: skip
        year = {"owner": "hr:company", "period": "2026", "children": "time"}
        before = await planning.get("/targets", params=year)
        assert before["items"][0]["targets"] == []
        await carry(planning, made)
    (total,) = (await planning.get("/targets", params=year))["items"][0]["targets"]
    assert total["target"] == "11200.00"
    assert [part["period"] for part in total["children"]] == [f"2026-Q{n}" for n in range(1, 5)]
    week = await planning.get(
        "/targets", params={"owner": "hr:company", "period": "2026-W05", "children": "time"}
    )
    (found,) = week["items"][0]["targets"]
    assert [part["period"] for part in found["children"]] == ["2026-01-W5", "2026-02-W1"]
    assert found["explain"]["rule"] == "total_of_periods"


async def test_a_plan_whose_answer_is_lost_is_not_made_twice(planning, monkeypatch):
    """Reading it back fails after it was committed: the same key makes no second one."""

    async def away(*_asked):
        raise Unavailable("away")

    asked = {"json": SALES, "headers": {"Idempotency-Key": "one"}}
    with monkeypatch.context() as broken:
        broken.setattr(catalogue, "plan_of", away)
        assert (await planning.call("POST", "/plans", **asked)).status_code == 503
    again = await planning.call("POST", "/plans", **asked)
    assert (again.status_code, again.json()["code"]) == (409, "idempotency_answer_lost")
    assert len((await planning.get("/plans"))["items"]) == 1
