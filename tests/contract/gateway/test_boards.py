"""The contract's boards word for word: what they answer, in how few calls, and what is left of
them when a service is away."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from starlette.responses import JSONResponse

import gateway
from services.kit import limits
from tests.support.gateway.stub import TEAM, UNIT, rep_id
from tests.support.gateway.targets import PLAN

REP = rep_id(1)
OPERATIONS = Path(gateway.__file__).parent / "operations"
Q1 = {"period": "2026-Q1"}


def operation(name: str) -> str:
    return (OPERATIONS / f"{name}.graphql").read_text()


async def rep_board(caller, **rest):
    return await caller.ask(operation("rep_board"), {"rep": REP, **Q1}, **rest)


async def team_board(caller, **rest):
    variables = {"unit": UNIT, "metric": "sales", **Q1}
    return await caller.ask(operation("team_board"), variables, **rest)


async def test_rep_board_joins_four_services(caller):
    answer = await rep_board(caller, token=caller.world.token(role="rep", member=REP))
    assert "errors" not in answer
    rep = answer["data"]["rep"]
    assert (rep["externalId"], rep["name"], rep["tenureMonths"]) == ("crm:r1", "Rep 01", 1)
    sales, visits = rep["targets"]
    assert sales["metric"] == {
        "code": "sales", "name": "Sales", "unit": "MONEY", "kind": "RESULT", "direction": "HIGHER",
    }  # fmt: skip
    assert {name: sales[name] for name in ("target", "actual", "attainment", "pace", "light")} == {
        "target": "6000000.00", "actual": "4500000.00", "attainment": "75.0",
        "pace": "5000000.00", "light": "YELLOW",
    }  # fmt: skip
    assert (sales["currency"], visits["currency"]) == ("CNY", None)
    assert [child["period"] for child in sales["children"]] == ["2026-01", "2026-02", "2026-03"]
    assert {child["light"] for child in sales["children"]} == {"YELLOW"}
    assert sales["explain"] == {
        "rule": "time_shares", "inputs": [{"name": "share", "value": "30 %"}],
        "text": "30 % of 20,000,000",
    }  # fmt: skip
    assert rep["scorecard"] is None
    assert rep["funnel"]["coverage"] == "250.0"
    assert rep["funnel"]["bottlenecks"][0]["stage"] == {"code": "proposal"}
    assert rep["customerMix"] == {
        "byTier": [{"tier": "strategic", "count": 2,
                    "revenue": {"amount": "120000.00", "currency": "CNY"}}],
        "byRfm": [],
    }  # fmt: skip
    earnings = rep["earnings"]
    assert earnings["status"] == "LIVE"
    assert earnings["nextBand"]["worth"] == {"amount": "9600.00", "currency": "CNY"}
    assert earnings["lines"][0]["eventIds"] == ["event-1"]
    assert rep["alerts"]["nodes"][0] == {
        "id": "alert-1", "kind": "light", "light": "RED", "metric": {"code": "sales"},
        "message": "Sales are red", "openedAt": "2026-03-01T00:00:00Z", "status": "OPEN",
    }  # fmt: skip
    assert rep["tasks"] == {
        "nodes": [{"id": "task-1", "kind": "value_verification", "title": "Verify the value",
                   "dueOn": "2026-03-31", "overdue": True,
                   "customer": {"id": "customer-1", "name": "Acme"}}]
    }  # fmt: skip


async def test_rep_board_is_one_call_for_each_part(caller, world):
    await rep_board(caller)
    assert world.targets.calls == {"/targets/v1/members": 1, "/targets/v1/targets": 1}
    assert world.kpi.calls == {
        "/kpi/v1/attainments": 1, "/kpi/v1/funnels": 1, "/kpi/v1/alerts": 1,
    }  # fmt: skip
    assert world.customers.calls == {"/customers/v1/mix": 1, "/customers/v1/tasks": 1}
    assert world.incentives.calls == {"/incentives/v1/earnings": 1}


async def test_team_board_shows_a_unit_with_all_below_it(caller):
    answer = await team_board(caller)
    assert "errors" not in answer
    unit = answer["data"]["unit"]
    assert (unit["id"], unit["name"]) == (UNIT, "Company")
    assert unit["target"] == {
        "id": f"sales:2026-Q1:{UNIT}", "currency": "CNY", "target": "6000000.00",
        "actual": "4500000.00", "attainment": "75.0", "pace": "5000000.00", "light": "YELLOW",
    }  # fmt: skip
    assert unit["children"][0]["target"]["id"] == f"sales:2026-Q1:{TEAM}"
    assert len(unit["reps"]["nodes"]) == 50
    assert [node["target"]["id"] for node in unit["reps"]["nodes"]] == [
        f"sales:2026-Q1:{rep_id(number)}" for number in range(1, 51)
    ]
    assert unit["reps"]["pageInfo"] == {"hasNextPage": True, "endCursor": "50"}
    assert [entry["rank"] for entry in unit["leaderboard"]] == list(range(1, 11))
    assert unit["leaderboard"][0] == {
        "rank": 1, "rep": {"id": REP, "name": "Rep 01"}, "value": "99.00",
    }  # fmt: skip


async def test_team_board_s_targets_are_one_call_of_each_service(caller, world):
    await team_board(caller)
    assert world.targets.calls.pop("/targets/v1/members", 1) == 1  # unless they were met before
    assert world.targets.calls == {
        "/targets/v1/units": 1, "/targets/v1/units/children": 1, "/targets/v1/units/members": 1,
        "/targets/v1/targets": 1,
    }  # fmt: skip
    assert world.kpi.calls == {
        "/kpi/v1/attainments": 1, "/kpi/v1/funnels": 1, "/kpi/v1/leaderboard": 1,
    }  # fmt: skip
    (asked,) = [one for one in world.kpi.requests if one.url.path.endswith("attainments")]
    assert len(asked.query_params.getlist("scope")) == 1 + 1 + 50


async def test_cascade_reads_a_level_a_call(caller, world):
    answer = await caller.ask(operation("cascade"), {"plan": PLAN})
    assert "errors" not in answer
    plan = answer["data"]["plan"]
    assert (plan["state"], plan["consensusRate"]) == ("ACTIVE", "85.0")
    assert plan["root"]["owner"] == {"name": "Somebody"}
    assert [len(child["children"]) for child in plan["root"]["children"]] == [2, 2]
    assert plan["checks"][0] == {
        "code": "CONSENSUS_LOW", "severity": "warning", "message": "not everybody agreed",
        "targets": [{"id": "one"}],
    }  # fmt: skip
    assert world.targets.calls == {"/targets/v1/plans": 1, "/targets/v1/targets/children": 2}
    assert world.calls == 3
    assert (await caller.ask(operation("cascade"), {"plan": "none"})) == {"data": {"plan": None}}


async def test_kpi_is_asked_for_what_is_shown_alone(caller, world):
    query = """query ($rep: ID!, $period: Period!) { rep(id: $rep) {
        targets(period: $period) { target children(axis: TIME) { target } } funnel(period: $period) { winRate } } }"""
    answer = await caller.ask(query, {"rep": REP, **Q1})
    assert "errors" not in answer
    assert world.kpi.calls == {"/kpi/v1/funnels": 1}
    assert world.kpi.requests[0].query_params.getlist("parts") == ["figures"]
    more = query.replace("winRate", "winRate coverage forecast { low { amount } }")
    await caller.ask(more.replace("target children", "target light children"), {"rep": REP, **Q1})
    parts = [one.query_params.getlist("parts") for one in world.kpi.requests]
    assert ["figures", "coverage", "forecast"] in parts
    (figures,) = [one for one in world.kpi.requests if one.url.path.endswith("attainments")]
    assert "children" not in figures.query_params


async def test_figures_of_targets_that_came_by_another_way_are_joined_too(caller, world):
    query = """query ($plan: ID!) { plan(id: $plan) { root { actual children { owner { __typename id }
        attainment light } } } }"""
    answer = await caller.ask(query, {"plan": PLAN})
    assert "errors" not in answer
    root = answer["data"]["plan"]["root"]
    assert root["actual"] == "4500000.00"
    assert root["children"][1] == {
        "owner": {"__typename": "Rep", "id": rep_id(2)}, "attainment": "75.0", "light": "YELLOW",
    }  # fmt: skip
    assert world.kpi.calls == {"/kpi/v1/attainments": 2}


async def test_children_of_both_axes_and_of_the_tree_side_by_side(caller):
    query = """query ($rep: ID!, $period: Period!) { rep(id: $rep) { target(period: $period, metric: "sales") {
        time: children(axis: TIME) { period attainment } people: children(axis: ORGANISATION) { owner { name } }
        children { id } } } }"""
    answer = await caller.ask(query, {"rep": REP, **Q1})
    assert "errors" not in answer
    target = answer["data"]["rep"]["target"]
    assert len(target["people"]) == len(target["children"]) == 2
    assert all(child["attainment"] == "75.0" for child in target["time"])


async def test_texts_come_in_the_asked_language(caller):
    query = """query ($rep: ID!, $period: Period!) { rep(id: $rep) {
        targets(period: $period) { explain { text(language: ZH) } metric { name(language: ZH) } }
        tasks { nodes { title(language: ZH) } } alerts { nodes { message(language: ZH) } } } }"""
    rep = (await caller.ask(query, {"rep": REP, **Q1}))["data"]["rep"]
    assert rep["targets"][0] == {"explain": {"text": "两千万的三成"}, "metric": {"name": "指标"}}
    assert rep["tasks"]["nodes"] == [{"title": "价值验证"}]
    assert rep["alerts"]["nodes"] == [{"message": "销售额红灯"}]


async def test_lines_of_pay_are_null_to_who_sees_totals_only_and_pay_to_who_sees_none(
    caller, world
):
    manager = (await rep_board(caller))["data"]["rep"]["earnings"]
    assert manager["earned"] == {"amount": "70400.00", "currency": "CNY"}
    assert manager["lines"] is None
    answer = await rep_board(caller, token=world.token(role="sales_ops"))
    assert "errors" not in answer
    assert answer["data"]["rep"]["earnings"] is None


async def test_pay_in_flight_is_never_another_viewer_s(caller, world, monkeypatch):
    """Both loads must be there before either is answered: a shared one would hang."""
    monkeypatch.setattr(limits, "GRAPHQL_SECONDS", 60.0)
    both = asyncio.Barrier(2)

    async def meet(_request):
        await both.wait()

    world.incentives.fault = meet
    query = "query ($rep: ID!, $period: Period!) { rep(id: $rep) { earnings(period: $period) { lines { component } } } }"
    own, manager = await asyncio.gather(
        caller.ask(query, {"rep": REP, **Q1}, token=world.token(role="rep", member=REP)),
        caller.ask(query, {"rep": REP, **Q1}),
    )
    assert own["data"]["rep"]["earnings"] == {"lines": [{"component": "commission"}]}
    assert manager["data"]["rep"]["earnings"] == {"lines": None}


BRANCHES = {
    "targets": ("name", "externalId", "tenureMonths", "unit", "manager"),
    "customers": ("customerMix", "tasks"),
    "incentives": ("earnings",),
    "kpi": ("funnel", "alerts"),
}


async def _internal(_request):
    return JSONResponse({}, 500)


async def _hang(_request):
    await asyncio.Event().wait()


@pytest.mark.parametrize("fault", [_internal, _hang])
@pytest.mark.parametrize("service", sorted(BRANCHES))
async def test_a_service_away_costs_the_rep_board_its_part_alone(
    caller, world, waiting_once, service, fault
):
    whole = (await rep_board(caller))["data"]["rep"]
    getattr(world, service).fault = fault
    with waiting_once():
        answer = await rep_board(caller)
    rep = answer["data"]["rep"]
    assert {error["extensions"]["service"] for error in answer["errors"]} == {service}
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"UNAVAILABLE"}
    assert all(rep[branch] is None for branch in BRANCHES[service])
    others = {
        branch for name, branches in BRANCHES.items() if name != service for branch in branches
    }
    assert {branch: rep[branch] for branch in others} == {
        branch: whole[branch] for branch in others
    }
    assert {error["path"][1] for error in answer["errors"]} <= {*BRANCHES[service], "targets"}


async def test_the_plan_s_numbers_stay_without_kpi_and_what_came_of_them_without_targets(
    caller, world
):
    whole = (await rep_board(caller))["data"]["rep"]["targets"]
    lost = ("actual", "attainment", "pace", "light")
    world.kpi.fault = _internal
    without_kpi = (await rep_board(caller))["data"]["rep"]["targets"]
    assert without_kpi == [
        {**target, **dict.fromkeys(lost),
         "children": [{**child, **dict.fromkeys(lost)} for child in target["children"]]}
        for target in whole
    ]  # fmt: skip
    world.kpi.fault, world.targets.fault = None, _internal
    answer = await rep_board(caller)
    without_plan = answer["data"]["rep"]["targets"][0]
    assert {name: without_plan[name] for name in ("target", *lost)} == {
        name: whole[0][name] for name in ("target", *lost)
    }
    assert without_plan["children"] == whole[0]["children"]
    assert (without_plan["id"], without_plan["explain"]) == (None, None)
    paths = [error["path"] for error in answer["errors"]]
    assert ["rep", "targets", 0, "id"] in paths
    assert len(paths) == len({tuple(path) for path in paths})


@pytest.mark.parametrize("fault", [_internal, _hang])
@pytest.mark.parametrize("service", ["targets", "kpi"])
async def test_a_service_away_leaves_a_partial_team_board(
    caller, world, waiting_once, service, fault
):
    await team_board(caller)  # what is timed is the wait, not the start
    getattr(world, service).fault = fault
    with waiting_once():
        answer = await team_board(caller)
    unit = answer["data"]["unit"]
    assert {error["extensions"]["service"] for error in answer["errors"]} == {service}
    if service == "kpi":
        assert len(unit["reps"]["nodes"]) == 50
        assert {node["target"]["target"] for node in unit["reps"]["nodes"]} == {"6000000.00"}
        assert unit["funnel"] is unit["leaderboard"] is unit["target"]["light"] is None
    else:
        assert unit["target"]["actual"] == "4500000.00"
        assert unit["funnel"]["winRate"] == "75.0"
        assert unit["leaderboard"][0] == {
            "rank": 1, "rep": {"id": REP, "name": None}, "value": "99.00",
        }  # fmt: skip
        assert unit["reps"] is unit["children"] is unit["name"] is None
    # One fault under one field of the document is said once, not for each of fifty reps.
    assert len(answer["errors"]) < 20


async def test_a_refusal_is_its_branch_s_alone(caller, world):
    async def forbid(_request):
        body = {"code": "forbidden", "detail": "pay is private", "path": None}
        return JSONResponse(body, 403, media_type="application/problem+json")

    world.incentives.fault = forbid
    answer = await rep_board(caller)
    assert answer["data"]["rep"]["earnings"] is None
    (error,) = answer["errors"]
    assert error["path"] == ["rep", "earnings"]
    assert error["message"] == "pay is private"
    assert error["extensions"] == {"code": "FORBIDDEN", "service": "incentives"}


async def test_who_asks_reaches_every_service_and_reads_wait_for_the_offset(caller, world):
    token = world.token()
    await rep_board(caller, token=token, headwater_min_offset="0")
    services = (world.targets, world.customers, world.incentives, world.kpi)
    asked = Counter()
    for request in (one for service in services for one in service.requests):
        assert request.headers["authorization"] == f"Bearer {token}"
        if request.url.path != "/targets/v1/members":  # the organisation does not follow the log
            assert request.query_params["min_offset"] == "0"
        asked[request.url.path.split("/")[1]] += 1
    assert asked == {"targets": 2, "kpi": 3, "customers": 2, "incentives": 1}


async def test_equal_boards_at_once_are_one_load_of_each_part(caller, world):
    alone = world.calls
    await rep_board(caller)
    alone = world.calls - alone
    before = world.calls
    answers = await asyncio.gather(*(rep_board(caller) for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    assert world.calls - before < 5 * alone
