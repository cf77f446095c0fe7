"""What the ready documents answer, and how few calls it takes."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from starlette.responses import JSONResponse

import gateway
from services.kit import limits

MANAGER = "0190c000-0000-7000-8000-0000000000b0"
UNIT = "0190c000-0000-7000-8000-0000000000a0"
TEAM = "0190c000-0000-7000-8000-0000000000a1"
REP = "0190c000-0000-7000-8000-000000000001"
SECOND = "0190c000-0000-7000-8000-000000000002"
FUNNELS, MEMBERS = "/kpi/v1/funnels", "/targets/v1/members"
OPERATIONS = Path(gateway.__file__).parent / "operations"
PERIOD = {"period": "2026-Q1"}
OFFSETS = "query ($rep: ID!, $period: Period!) { rep(id: $rep) { id funnel(period: $period) { offset } } }"


def operation(name: str) -> str:
    return (OPERATIONS / f"{name}.graphql").read_text()


async def test_rep_funnel_answers_every_field(caller, world):
    await world.kpi.change("demo", REP, REP, REP)
    answer = await caller.ask(operation("rep_funnel"), {"rep": REP, **PERIOD})
    assert answer == {
        "data": {
            "rep": {
                "id": REP, "externalId": "crm:r1", "name": "Rep 01", "tenureMonths": 1,
                "unit": {"id": TEAM, "name": "Team"},
                "manager": {"id": MANAGER, "name": "Boss"},
                "funnel": {
                    "offset": 3,
                    "stages": [
                        {
                            "code": "proposal", "name": "Proposal", "entered": 5, "open": 2,
                            "amount": {"amount": "10000000.00", "currency": "CNY"},
                            "conversion": "40.0", "medianDays": "3.5",
                        },
                        {
                            "code": "won", "name": "Won", "entered": 3, "open": 0,
                            "amount": None, "conversion": None, "medianDays": None,
                        },
                    ],
                    "winRate": "75.0", "cycleDays": "47.9",
                    "coverage": "250.0",
                    "bottlenecks": [
                        {
                            "stage": {"code": "proposal"}, "conversion": "40.0", "usual": "60.0",
                            "amountAtStake": {"amount": "200000.00", "currency": "CNY"},
                        }
                    ],
                    "forecast": {
                        "weighted": {"amount": "0.00", "currency": "CNY"},
                        "runRate": {"amount": "1.00", "currency": "CNY"},
                        "low": {"amount": "2.00"}, "high": {"amount": "3.00"},
                    },
                },
            }
        }
    }  # fmt: skip


async def test_the_rest_of_the_funnel(caller):
    query = """query ($period: Period!) { rep(id: "crm:r2") { funnel(period: $period) {
        period currency created undated all: winRate(denominator: ALL) lost { deals }
        won { deals amount { amount } } stages { kind undated enteredAmount { amount } } } } }"""
    answer = await caller.ask(query, PERIOD)
    assert answer["data"]["rep"]["funnel"] == {
        "period": "2026-Q1", "currency": "CNY", "created": 10, "undated": 1, "all": "30.0",
        "lost": {"deals": 1}, "won": {"deals": 0, "amount": {"amount": "0.10"}},
        "stages": [
            {"kind": "OPEN", "undated": 1, "enteredAmount": {"amount": "25.50"}},
            {"kind": "WON", "undated": 0, "enteredAmount": None},
        ],
    }  # fmt: skip


async def test_unit_funnel_answers_every_part(caller):
    answer = await caller.ask(operation("unit_funnel"), {"unit": "crm:company", **PERIOD})
    unit = answer["data"]["unit"]
    assert "errors" not in answer
    assert (unit["id"], unit["name"]) == (UNIT, "Company")
    assert [child["id"] for child in unit["children"]] == [TEAM]
    assert unit["children"][0]["funnel"]["winRate"] == unit["funnel"]["winRate"] == "75.0"
    assert unit["reps"]["totalCount"] == 60
    assert [rep["name"] for rep in unit["reps"]["nodes"]] == [f"Rep {n:02d}" for n in range(1, 51)]
    assert unit["reps"]["pageInfo"] == {"hasNextPage": True, "endCursor": "50"}


async def test_pages_go_on_to_the_end(caller):
    query = """query ($after: String) { unit(id: "company") {
        reps(after: $after, first: 40) { nodes { id } pageInfo { hasNextPage endCursor } } } }"""
    first = (await caller.ask(query, {}))["data"]["unit"]["reps"]
    second = (await caller.ask(query, {"after": first["pageInfo"]["endCursor"]}))["data"]["unit"]
    assert len(first["nodes"]) == 40
    assert len(second["reps"]["nodes"]) == 20
    assert second["reps"]["pageInfo"] == {"hasNextPage": False, "endCursor": None}


async def test_fifty_reps_funnels_are_one_call(caller, world):
    query = """query ($period: Period!) { unit(id: "team") { reps(first: 50) { nodes {
        name externalId tenureMonths unit { name } funnel(period: $period) { offset winRate } } } } }"""
    answer = await caller.ask(query, PERIOD)
    nodes = answer["data"]["unit"]["reps"]["nodes"]
    assert len(nodes) == 50
    assert all(node["funnel"]["winRate"] == "75.0" for node in nodes)
    assert world.kpi.calls == {FUNNELS: 1}
    assert world.targets.calls == {"/targets/v1/units": 1, "/targets/v1/units/members": 1}
    assert len(world.kpi.requests[0].query_params.getlist("scope")) == 50


async def test_what_is_only_named_loads_in_one_batch(caller, world):
    query = """{ a: rep(id: "r1") { unit { externalId parent { name children { id } } } }
                 b: rep(id: "r2") { unit { parent { reps(first: 1) { totalCount } } } } }"""
    answer = await caller.ask(query)
    assert answer["data"]["a"]["unit"] == {
        "externalId": "crm:team", "parent": {"name": "Company", "children": [{"id": TEAM}]},
    }  # fmt: skip
    assert answer["data"]["b"]["unit"]["parent"]["reps"]["totalCount"] == 60
    assert world.targets.calls == {
        MEMBERS: 1, "/targets/v1/units": 2, "/targets/v1/units/children": 1,
        "/targets/v1/units/members": 1,
    }  # fmt: skip


async def test_slices_reach_kpi(caller, world):
    query = """query ($period: Period!) { rep(id: "r1") {
        funnel(period: $period, product: "crm", channel: "web", pipeline: "sales") { offset } } }"""
    await caller.ask(query, PERIOD)
    asked = dict(world.kpi.requests[0].query_params)
    assert asked == {
        "scope": REP, "period": "2026-Q1", "product": "crm", "channel": "web", "pipeline": "sales",
        "parts": "figures",
    }  # fmt: skip


async def test_the_token_and_the_request_id_go_through_unchanged(caller, world):
    token = world.token()
    answer = await caller.post(
        OFFSETS, {"rep": REP, **PERIOD}, token=token, x_request_id="request-7"
    )
    assert answer.headers["x-request-id"] == "request-7"
    for request in (*world.targets.requests, *world.kpi.requests):
        assert request.headers["authorization"] == f"Bearer {token}"
        assert request.headers["x-request-id"] == "request-7"
        assert 0 < int(request.headers["headwater-deadline-millis"]) <= 1200


async def test_min_offset_is_asked_of_kpi(caller, world):
    await world.kpi.change("demo", REP)
    answer = await caller.ask(OFFSETS, {"rep": REP, **PERIOD}, headwater_min_offset="1")
    assert answer["data"]["rep"]["funnel"] == {"offset": 1}
    assert world.kpi.requests[0].query_params["min_offset"] == "1"
    behind = await caller.ask(OFFSETS, {"rep": REP, **PERIOD}, headwater_min_offset="2")
    assert behind["data"]["rep"] == {"id": REP, "funnel": None}
    assert behind["errors"][0]["extensions"] == {"code": "PROJECTION_BEHIND", "service": "kpi"}
    wrong = await caller.post(OFFSETS, {"rep": REP, **PERIOD}, headwater_min_offset="-1")
    assert (wrong.status_code, wrong.json()["path"]) == (422, "Headwater-Min-Offset")


async def test_unknown_and_forbidden_ids_are_null_without_an_error(caller, world):
    world.kpi.hidden.add(SECOND)
    query = """query ($period: Period!) { nobody: rep(id: "crm:nobody") { id } unit(id: "x") { id }
        hidden: rep(id: "r2") { id funnel(period: $period) { offset } } }"""
    answer = await caller.ask(query, PERIOD)
    assert answer == {
        "data": {"nobody": None, "unit": None, "hidden": {"id": SECOND, "funnel": None}}
    }


async def test_an_ambiguous_id_is_an_error_that_leaves_its_neighbours(caller):
    answer = await caller.ask('{ twice: rep(id: "twice") { id } one: rep(id: "r1") { id } }')
    assert answer["data"] == {"twice": None, "one": {"id": REP}}
    (error,) = answer["errors"]
    assert error["path"] == ["twice"]
    assert error["extensions"] == {"code": "AMBIGUOUS_ID", "path": "id", "service": "targets"}


async def _internal(_request):
    return JSONResponse({}, 500)


async def _crashed(_request):
    raise RuntimeError("this service is in our process and fails")


async def _refused_connection(_request):
    raise httpx.ConnectError("no route to kpi at 10.0.0.7")


@pytest.mark.parametrize("fault", [_internal, _crashed, _refused_connection])
async def test_one_service_down_blanks_its_branch_and_says_which(caller, world, fault):
    world.kpi.fault = fault
    answer = await caller.ask(OFFSETS, {"rep": REP, **PERIOD})
    assert answer["data"]["rep"] == {"id": REP, "funnel": None}
    (error,) = answer["errors"]
    assert error["path"] == ["rep", "funnel"]
    assert error["extensions"] == {"code": "UNAVAILABLE", "service": "kpi"}
    assert "10.0.0.7" not in error["message"]


async def test_targets_down_is_named_too(caller, world):
    world.targets.fault = _internal
    answer = await caller.ask(OFFSETS, {"rep": REP, **PERIOD})
    # Our own id stands for itself, so that what the others know is still shown.
    assert answer == {"data": {"rep": {"id": REP, "funnel": {"offset": 0}}}}
    named = 'query ($period: Period!) { rep(id: "r1") { id funnel(period: $period) { offset } } }'
    answer = await caller.ask(named, PERIOD)
    assert answer["data"] == {"rep": None}
    assert answer["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "service": "targets"}


async def test_a_hanging_service_costs_its_part_alone_and_no_more_time_than_allowed(
    caller, world, waiting_once
):
    async def hang(_request):
        await asyncio.Event().wait()

    await caller.ask(OFFSETS, {"rep": REP, **PERIOD})  # what is timed is the wait, not the start
    world.kpi.fault = hang
    with waiting_once():
        answer = await caller.ask(OFFSETS, {"rep": REP, **PERIOD})
    assert answer["data"]["rep"] == {"id": REP, "funnel": None}
    assert answer["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "service": "kpi"}


@pytest.fixture
def patient(monkeypatch):
    """For tests whose requests wait for each other, on however slow a machine."""
    monkeypatch.setattr(limits, "GRAPHQL_SECONDS", 60.0)


@pytest.mark.usefixtures("patient")
async def test_equal_loads_in_flight_are_one_call(caller, world):
    """Each service answers only when all who ask are there, so that none comes too late to share."""
    targets_go, kpi_go = asyncio.Event(), asyncio.Event()

    async def held_targets(_request):
        await targets_go.wait()

    async def held_kpi(_request):
        await kpi_go.wait()

    world.targets.fault, world.kpi.fault = held_targets, held_kpi
    asking = [asyncio.create_task(caller.ask(OFFSETS, {"rep": REP, **PERIOD})) for _ in range(5)]
    async with asyncio.timeout(20):
        for go, shared in ((targets_go, 4), (kpi_go, 8)):
            while await _shared(caller) < shared:
                await asyncio.sleep(0)
            go.set()
    answers = await asyncio.gather(*asking)
    assert all(answer["data"]["rep"]["funnel"] == {"offset": 0} for answer in answers)
    assert world.kpi.calls == {FUNNELS: 1}
    assert world.targets.calls == {MEMBERS: 1}


async def _shared(caller) -> float:
    text = (await caller.http.get("/metrics")).text
    return float(re.search(r"^gateway_loads_shared (.*)$", text, re.MULTILINE)[1])


@pytest.mark.usefixtures("patient")
async def test_loads_are_never_shared_between_tenants_viewers_roles_or_arguments(caller, world):
    """Each of these must arrive by itself before any is answered: a shared one would hang."""
    others = [
        {"token": world.token()},
        {"token": world.token(member=REP)},
        {"token": world.token(role="rep")},
        {"token": world.token(), "headwater_min_offset": "0"},
    ]
    everybody = asyncio.Barrier(len(others) + 1)

    async def meet(_request):
        await everybody.wait()

    world.kpi.fault = meet
    asked = [caller.ask(OFFSETS, {"rep": REP, **PERIOD}, **other) for other in others]
    asked.append(caller.ask(OFFSETS, {"rep": REP, "period": "2026-Q2"}))
    answers = await asyncio.gather(*asked)
    assert all("errors" not in answer for answer in answers)
    assert world.kpi.calls == {FUNNELS: 5}


@pytest.mark.usefixtures("patient")
async def test_another_tenant_asking_at_once_gets_its_own_answer(caller, world):
    both = asyncio.Barrier(2)

    async def meet(_request):
        await both.wait()

    world.targets.fault = meet
    mine, theirs = await asyncio.gather(
        caller.ask('{ rep(id: "r1") { id } }'),
        caller.ask('{ rep(id: "r1") { id } }', token=world.token(tenant="other")),
    )
    assert mine == {"data": {"rep": {"id": REP}}}
    assert theirs == {"data": {"rep": None}}


async def test_a_condition_that_is_null_is_the_caller_s_mistake(caller, world):
    """A variable with a default may stand where null may not; null itself may be sent for it."""
    query = 'query ($show: Boolean = true) { rep(id: "r1") { id @include(if: $show) } }'
    answer = await caller.ask(query, {"show": None})
    assert "data" not in answer
    (error,) = answer["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "$show" in error["message"]
    assert world.calls == 0
