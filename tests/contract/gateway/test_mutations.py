"""Mutations: one call each, refusals as data, never tried twice."""

import asyncio
from pathlib import Path

import pytest
from starlette.responses import JSONResponse

import gateway
from services.kit import limits
from tests.support.gateway.stub import UNIT, problem, rep_id
from tests.support.gateway.targets import PLAN

ACTIVATE = (Path(gateway.__file__).parent / "operations" / "activate.graphql").read_text()
USER_ERROR = "... on UserError { __typename code message path }"


def document(name, shown):
    kind = name[0].upper() + name[1:]
    return f"""mutation ($input: {kind}Input!) {{ {name}(input: $input) {{
        ... on {kind}Payload {{ {shown} }} {USER_ERROR} }} }}"""


async def test_activate_word_for_word(caller, world):
    answer = await caller.ask(ACTIVATE, {"plan": PLAN})
    assert answer == {
        "data": {"planActivate": {"plan": {"id": PLAN, "state": "ACTIVE"}, "offset": 7}}
    }
    assert world.targets.acts == [("POST", f"/targets/v1/plans/{PLAN}/activate", {})]
    assert world.calls == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "not_found", "NotFoundError"),
        (403, "forbidden", "ForbiddenError"),
        (409, "plan_state", "ConflictError"),
        (422, "split_invalid", "InvalidError"),
        (400, "malformed", "InvalidError"),
    ],
)
async def test_refusals_are_data(caller, world, status, code, kind):
    world.targets.refusal = problem(status, code, "not like this", "splits.0.axis")
    answer = await caller.ask(ACTIVATE, {"plan": PLAN})
    assert answer == {
        "data": {
            "planActivate": {
                "code": code.upper(), "message": "not like this", "path": "splits.0.axis",
            }
        }
    }  # fmt: skip
    named = document("planActivate", "offset")
    shown = (await caller.ask(named, {"input": {"planId": PLAN}}))["data"]["planActivate"]
    assert shown["__typename"] == kind


async def test_what_nobody_expects_is_an_error_and_is_not_tried_again(caller, world):
    async def crash(_request):
        return JSONResponse({"secret": "10.0.0.7"}, 500)

    world.targets.fault = crash
    answer = await caller.ask(ACTIVATE, {"plan": PLAN})
    assert answer["data"] == {"planActivate": None}
    assert answer["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "service": "targets"}
    assert world.targets.calls.total() == 1

    async def nonsense(_request):
        return JSONResponse([])

    world.targets.fault = nonsense
    answer = await caller.ask(ACTIVATE, {"plan": PLAN})
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "10.0.0.7" not in str(answer)


async def test_equal_acts_at_once_are_all_sent(caller, world):
    await asyncio.gather(*(caller.ask(ACTIVATE, {"plan": PLAN}) for _ in range(3)))
    assert world.targets.calls.total() == 3


async def test_acts_have_their_own_time(caller, world, monkeypatch):
    monkeypatch.setattr(limits, "GRAPHQL_SECONDS", 0.0)
    answer = await caller.ask(ACTIVATE, {"plan": PLAN})
    assert answer["data"]["planActivate"]["offset"] == 7
    given = int(world.targets.requests[0].headers["headwater-deadline-millis"])
    assert given == limits.GRAPHQL_MUTATION_SECONDS * 1000


async def test_the_idempotency_key_goes_through_where_it_is_given(caller, world):
    named = document("planActivate", "offset")
    await caller.ask(named, {"input": {"planId": PLAN, "idempotencyKey": "once"}})
    await caller.ask(named, {"input": {"planId": PLAN}})
    first, second = world.targets.requests
    assert first.headers["idempotency-key"] == "once"
    assert "idempotency-key" not in second.headers


async def test_several_acts_run_in_the_order_they_are_written(caller, world):
    query = """mutation ($plan: ID!) {
        b: planPropose(input: {planId: $plan}) { __typename }
        a: planApprove(input: {planId: $plan, overrideReason: "the board decided"}) { __typename }
        c: planActivate(input: {planId: $plan}) { __typename } }"""
    answer = await caller.ask(query, {"plan": PLAN})
    assert list(answer["data"]) == ["b", "a", "c"]
    assert [path.rsplit("/", 1)[1] for _, path, _ in world.targets.acts] == [
        "propose", "approve", "activate",
    ]  # fmt: skip
    assert world.targets.acts[1][2] == {"override_reason": "the board decided"}


async def test_an_id_is_one_segment_whatever_is_in_it(caller, world):
    await caller.ask(ACTIVATE, {"plan": "x/approve?y=1#"})
    assert [path for _, path, _ in world.targets.acts] in (
        [],
        ["/targets/v1/plans/x/approve?y=1#/activate"],
    )


PLAN_SHOWN = "plan { id } offset"
ACTS = [
    (
        "planCreate", PLAN_SHOWN,
        {"name": "2026", "metric": "sales", "ownerId": UNIT, "period": "2026",
         "target": "100000000.00", "consensusThreshold": "85.5"},
        ("POST", "/targets/v1/plans"),
        {"name": "2026", "metric": "sales", "owner_id": UNIT, "period": "2026",
         "target": "100000000.00", "floor": None, "stretch": None, "predecessor_id": None,
         "consensus_threshold_bp": 8550},
    ),
    (
        "planSplit", PLAN_SHOWN,
        {"planId": PLAN, "splits": [{
            "targetId": "t", "axis": "TIME", "method": "SHARES", "into": "MONTH",
            "parts": [{"share": "30"}, {"share": "35.00"}, {"share": "35"}],
            "buffer": {"percent": "10", "kind": "RESERVED"}}]},
        ("POST", f"/targets/v1/plans/{PLAN}/splits"),
        {"splits": [{
            "target_id": "t", "of": None, "owner_id": None, "level": None, "axis": "time",
            "method": "shares", "into": "month",
            "parts": [
                {"owner_id": None, "period": None, "weight": None, "share_bp": bp}
                for bp in (3000, 3500, 3500)
            ],
            "buffer": {"percent_bp": 1000, "kind": "reserved"}, "reason": None}]},
    ),
    (
        "targetAcknowledge", PLAN_SHOWN, {"targetId": "t"},
        ("POST", "/targets/v1/targets/t/acknowledge"), {},
    ),
    (
        "taskComplete", "task { id status } offset", {"taskId": "task-1"},
        ("POST", "/customers/v1/tasks/task-1/complete"), {},
    ),
    (
        "tierPolicySet", "policy { version basis strategicAbove { amount } } offset",
        {"basis": "ANNUAL_FEE", "strategicAbove": "100000", "basicBelow": "30000.00",
         "effectiveOn": "2026-01-01"},
        ("PUT", "/customers/v1/policies/tier"),
        {"basis": "annual_fee", "strategic_above": "100000", "basic_below": "30000.00",
         "currency": None, "planning_period": "quarter", "key_accounts": [],
         "effective_on": "2026-01-01"},
    ),
    (
        "compensationPlanCreate", "plan { id state } offset",
        {"name": "Sales", "currency": "CNY", "reps": ["crm:r1"], "components": [
            {"bands": [{"upTo": "1000000.00", "rate": "8"}, {"rate": "10.5"}]}]},
        ("POST", "/incentives/v1/plans"),
        {"name": "Sales", "period": "quarter", "currency": "CNY",
         "components": [{"code": "commission", "mode": "marginal", "rounding": "half_even",
                         "bands": [{"up_to": "1000000.00", "rate_bp": 800},
                                   {"up_to": None, "rate_bp": 1050}]}],
         "eligible": {"units": [], "members": ["crm:r1"]}},
    ),
    (
        "compensationPlanActivate", "plan { id state } offset",
        {"planId": "pay-1", "effectiveFrom": "2026-Q1"},
        ("POST", "/incentives/v1/plans/pay-1/activate"), {"effective_from": "2026-Q1"},
    ),
    (
        "statementApprove", "statement { id status total { amount } } offset",
        {"statementId": "s-1"}, ("POST", "/incentives/v1/statements/s-1/approve"), {},
    ),
    (
        "statementClose", "statement { status rep { id name } lines { amount { amount } } } offset",
        {"statementId": "s-1"}, ("POST", "/incentives/v1/statements/s-1/close"), {},
    ),
    (
        "alertAcknowledge", "alert { id status } offset", {"alertId": "alert-1"},
        ("POST", "/kpi/v1/alerts/alert-1/acknowledge"), {},
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "shown", "given", "call", "body"), ACTS, ids=lambda one: str(one)[:24]
)
async def test_each_is_one_call_with_the_service_s_own_body(
    caller, world, name, shown, given, call, body
):
    answer = await caller.ask(document(name, shown), {"input": given})
    assert "errors" not in answer
    assert "offset" in answer["data"][name]
    services = (world.targets, world.customers, world.incentives, world.kpi)
    assert [act for service in services for act in service.acts] == [(*call, body)]


async def test_a_closed_statement_shows_whose_it_is(caller):
    shown = "statement { status total { amount currency } rep { id name } }"
    answer = await caller.ask(document("statementClose", shown), {"input": {"statementId": "s-1"}})
    assert answer["data"]["statementClose"]["statement"] == {
        "status": "CLOSED", "total": {"amount": "70400.00", "currency": "CNY"},
        "rep": {"id": rep_id(1), "name": "Rep 01"},
    }  # fmt: skip


@pytest.mark.parametrize("share", ["30.001", "-1", "100.01"])
async def test_percentages_that_are_no_basis_points_are_refused_before_any_call(
    caller, world, share
):
    split = {"targetId": "t", "axis": "TIME", "method": "SHARES", "parts": [{"share": share}]}
    given = {"input": {"planId": PLAN, "splits": [split]}}
    refused = (await caller.ask(document("planSplit", "offset"), given))["data"]["planSplit"]
    assert (refused["__typename"], refused["path"]) == ("InvalidError", "splits.0.parts.0.share")
    assert world.calls == 0
