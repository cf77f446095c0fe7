"""What is refused, with which code, and before anything is asked of a service."""

import logging

import httpx
import pytest
from starlette.responses import JSONResponse

from services.kit import limits

REP = "0190c000-0000-7000-8000-000000000001"
FUNNEL = 'query ($period: Period!) { rep(id: "r1") { id funnel(period: $period) { offset } } }'


def _code(answer):
    return answer["errors"][0]["extensions"]["code"]


def _idle(world):
    return not world.targets.calls and not world.kpi.calls


async def test_without_a_token_nothing_is_answered(caller, world):
    for headers in ({}, {"authorization": "Basic x"}, {"authorization": "Bearer no.such.token"}):
        answer = await caller.http.post("/graphql", json={"query": "{x}"}, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "unauthenticated"
    assert _idle(world)


async def test_depth_is_limited(caller, world):
    deep = '{ unit(id: "x") ' + "{ parent " * 16 + "{ id }" + " }" * 16 + " }"
    assert _code(await caller.ask(deep)) == "DOCUMENT_TOO_DEEP"
    fragments = (
        '{ unit(id: "x") { ...f0 } } '
        + " ".join(f"fragment f{n} on Unit {{ parent {{ ...f{n + 1} }} }}" for n in range(16))
        + " fragment f16 on Unit { id }"
    )
    assert _code(await caller.ask(fragments)) == "DOCUMENT_TOO_DEEP"
    assert _idle(world)
    allowed = '{ unit(id: "x") ' + "{ parent " * 14 + "{ id }" + " }" * 14 + " }"
    assert await caller.ask(allowed) == {"data": {"unit": None}}


async def test_aliases_and_repeated_fields_are_limited(caller, world):
    aliases = "{" + " ".join(f'a{n}: rep(id: "{n}") {{ id }}' for n in range(31)) + "}"
    assert _code(await caller.ask(aliases)) == "DOCUMENT_TOO_MANY_ALIASES"
    repeated = '{ rep(id: "x") {' + "id " * 32 + "} }"
    assert _code(await caller.ask(repeated)) == "DOCUMENT_TOO_MANY_ALIASES"
    hidden = '{ rep(id: "x") {' + "... { id } " * 32 + "} }"
    assert _code(await caller.ask(hidden)) == "DOCUMENT_TOO_MANY_ALIASES"
    assert _idle(world)
    fewer = "{" + " ".join(f'a{n}: rep(id: "r{n}") {{ id }}' for n in range(1, 31)) + "}"
    assert len((await caller.ask(fewer))["data"]) == 30


async def test_fragments_are_limited(caller, world):
    def spreading(count):
        spreads = " ".join(f"...F{n}" for n in range(count))
        fragments = " ".join(f"fragment F{n} on Rep {{ unit {{ id }} }}" for n in range(count))
        return f'{{ rep(id: "x") {{ {spreads} }} }} {fragments}'

    assert _code(await caller.ask(spreading(61))) == "DOCUMENT_TOO_MANY_FRAGMENTS"
    assert _idle(world)
    assert await caller.ask(spreading(60)) == {"data": {"rep": None}}


async def test_tokens_are_limited(caller, world):
    long = '{ rep(id: "x") {' + "id " * limits.GRAPHQL_TOKENS + "} }"
    assert _code(await caller.ask(long)) == "DOCUMENT_TOO_LONG"
    assert _code(await caller.ask("#\n" * 600 + "{ __typename }")) == "DOCUMENT_TOO_LONG"
    assert _idle(world)


async def test_cost_is_limited_by_what_the_variables_ask_for(caller, world):
    query = """query ($first: Int!, $period: Period!) { unit(id: "team") {
        children { reps(first: $first) { nodes { id funnel(period: $period) { offset } } } } } }"""
    small = await caller.ask(query, {"first": 10, "period": "2026"})
    assert "errors" not in small
    calls = world.targets.calls.total()
    large = await caller.ask(query, {"first": 100, "period": "2026"})
    # 1 unit + 20 children × (1 child + 1 connection + 100 × (rep + funnel)) = 4,041; and more:
    assert "errors" not in large
    dearer = query.replace("offset }", "won { deals } }")
    before = world.targets.calls.total()
    answer = await caller.ask(dearer, {"first": 100, "period": "2026"})
    assert _code(answer) == "DOCUMENT_TOO_COSTLY"
    assert "6041" in answer["errors"][0]["message"]
    assert world.targets.calls.total() == before > calls


async def test_pages_beyond_the_limit_are_refused_with_their_argument(caller):
    for first in (0, -1, 101):
        query = f'{{ unit(id: "team") {{ reps(first: {first}) {{ totalCount }} }} }}'
        answer = await caller.ask(query)
        assert answer["data"] == {"unit": {"reps": None}}
        assert answer["errors"][0]["extensions"] == {"code": "INVALID", "path": "first"}


async def test_errors_of_the_document_are_shown(caller):
    answer = await caller.ask("{ rep(id: 1) { nmae } }")
    assert _code(answer) == "GRAPHQL_VALIDATION_FAILED"
    assert answer["errors"][0]["message"].startswith("Cannot query field 'nmae' on type 'Rep'.")
    assert "Did you mean 'name'?" in answer["errors"][0]["message"]
    assert _code(await caller.ask("{ rep(")) == "GRAPHQL_PARSE_FAILED"
    assert _code(await caller.ask("query A { __typename } query B { __typename }")) == (
        "OPERATION_UNKNOWN"
    )


async def test_errors_of_variables_are_shown_with_the_rule_they_break(caller):
    missing = await caller.ask(FUNNEL, {})
    assert _code(missing) == "BAD_USER_INPUT"
    assert "data" not in missing
    wrong = await caller.ask(FUNNEL, {"period": "2026-Q5"})
    assert _code(wrong) == "PERIOD_INVALID"
    assert "quarters are 1 to 4" in wrong["errors"][0]["message"]
    literal = await caller.ask('{ rep(id: "r1") { funnel(period: "soon") { offset } } }')
    assert "errors" in literal
    assert _code(literal) == "PERIOD_INVALID"


async def test_what_is_our_fault_is_masked_and_logged(caller, world, caplog):
    async def nonsense(_request):
        return JSONResponse({"secret": "10.0.0.7"})

    world.kpi.fault = nonsense
    with caplog.at_level(logging.ERROR, "gateway.errors"):
        answer = await caller.ask(FUNNEL, {"period": "2026"}, x_request_id="r-1")
    (error,) = answer["errors"]
    assert error["message"] == "internal error; quote request r-1"
    assert error["extensions"] == {"code": "INTERNAL", "requestId": "r-1"}
    assert answer["data"] == {"rep": {"id": REP, "funnel": None}}
    assert any("r-1" in record.message and record.exc_info for record in caplog.records)


async def test_an_answer_of_another_shape_blanks_its_place_alone(caller, world):
    async def odd(request):
        if request.url.path.endswith("funnels"):
            rows = [{"scope": REP, "stages": "many", "won": [], "forecast": {"low": {}}}]
            return JSONResponse({"offset": 1, "period": "2026", "items": rows})
        return None

    world.kpi.fault = odd
    query = """query ($period: Period!) { rep(id: "r1") { id alerts { nodes { id } }
        funnel(period: $period) { offset %s } } }"""
    for odd_part in ("stages { code }", "won { deals }"):
        answer = await caller.ask(query % odd_part, {"period": "2026"})
        assert answer["data"]["rep"] == {
            "id": REP, "funnel": None, "alerts": {"nodes": [{"id": "alert-1"}]},
        }  # fmt: skip
        assert _code(answer) == "INTERNAL"
    answer = await caller.ask(query % "forecast { low { amount } }", {"period": "2026"})
    assert answer["data"]["rep"]["funnel"] == {"offset": 1, "forecast": None}


async def test_a_refusal_of_a_service_is_shown_with_its_code_and_path(caller, world):
    async def refuse(_request):
        body = {"code": "pipeline_unknown", "detail": "no such pipeline", "path": "pipeline"}
        return JSONResponse(body, 422, media_type="application/problem+json")

    world.kpi.fault = refuse
    answer = await caller.ask(FUNNEL, {"period": "2026"})
    assert answer["errors"][0]["message"] == "no such pipeline"
    assert answer["errors"][0]["extensions"] == {
        "code": "PIPELINE_UNKNOWN", "path": "pipeline", "service": "kpi",
    }  # fmt: skip


async def test_subscriptions_are_not_for_post(caller):
    query = 'subscription { repChanged(rep: "r1", period: "2026") { offset } }'
    assert _code(await caller.ask(query)) == "SUBSCRIPTION_NEEDS_SOCKET"


async def test_a_refused_document_is_400_to_who_speaks_the_newer_media_type(caller):
    modern = "application/graphql-response+json"
    refused = await caller.post("{ nothing }", accept=modern)
    assert refused.status_code == 400
    assert refused.headers["content-type"].startswith(modern)
    good = await caller.post("{ __typename }", accept=modern)
    assert (good.status_code, good.json()) == (200, {"data": {"__typename": "Query"}})


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"[{}]", "application/json", 400, "malformed"),
        (b"{", "application/json", 400, "malformed"),
        (b'{"query": 1}', "application/json", 400, "malformed"),
        (b'{"query": "{x}", "variables": []}', "application/json", 400, "malformed"),
        (b'{"query": "{x}", "variables": {"a": NaN}}', "application/json", 400, "malformed"),
        (b"{x}", "application/graphql", 415, "unsupported_media"),
        (b"query={x}", "application/x-www-form-urlencoded", 415, "unsupported_media"),
        (b'{"query": "{x}"}', "application/json; charset=gbk", 415, "unsupported_media"),
        (b" " * (64 * 1024 + 1), "application/json", 413, "too_large"),
    ],
)
async def test_bodies_that_are_no_request(caller, world, body, kind, status, code):
    headers = {"authorization": f"Bearer {world.token()}", "content-type": kind}
    answer = await caller.http.post("/graphql", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_chunked_body_is_cut_at_the_limit_too(caller, world):
    sent = 0

    async def chunks():
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b" " * 4096

    headers = {"authorization": f"Bearer {world.token()}", "content-type": "application/json"}
    answer = await caller.http.post("/graphql", content=chunks(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_compressed_body_is_not_unpacked(caller, world):
    headers = {"authorization": f"Bearer {world.token()}", "content-encoding": "gzip"}
    answer = await caller.http.post("/graphql", json={"query": "{x}"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")


async def test_a_query_in_the_address_is_not_run(caller, world):
    answer = await caller.http.get(
        "/graphql", params={"query": '{ rep(id: "r1") { id } }'},
        headers={"authorization": f"Bearer {world.token()}"},
    )  # fmt: skip
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert _idle(world)


async def test_development_helps_who_builds(caller):
    page = await caller.http.get("/graphql")
    assert page.status_code == 200
    assert "GraphiQL" in page.text
    answer = await caller.ask("{ __schema { queryType { name } } }")
    assert answer["data"]["__schema"]["queryType"]["name"] == "Query"


async def test_production_tells_nothing_about_the_schema(world):
    world.environment = "production"
    async with (
        world.app() as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as http,
    ):
        assert (await http.get("/graphql")).status_code == 405
        headers = {"authorization": f"Bearer {world.token()}"}

        async def ask(query):
            return (await http.post("/graphql", json={"query": query}, headers=headers)).json()

        for query in ("{ __schema { queryType { name } } }", '{ __type(name: "Rep") { name } }'):
            assert _code(await ask(query)) == "GRAPHQL_VALIDATION_FAILED"
        for query in ("{ rpe(id: 1) { id } }", '{ rep(id: "1") { funel { offset } } }',
                      '{ rep(id: "1") { funnel(perod: "2026") { offset } } }'):  # fmt: skip
            answer = await ask(query)
            assert _code(answer) == "GRAPHQL_VALIDATION_FAILED"
            assert "Did you mean" not in str(answer)
        assert await ask("{ __typename }") == {"data": {"__typename": "Query"}}


async def test_health_metrics_and_unknown_places(caller):
    assert (await caller.http.get("/livez")).json() == {"status": "alive"}
    assert (await caller.http.get("/readyz")).json() == {"status": "ready"}
    await caller.ask("{ __typename }")
    metrics = (await caller.http.get("/metrics")).text
    assert 'http_requests_total{method="POST",route="/graphql",status="200"} 1.0' in metrics
    assert "gateway_documents_read 1.0" in metrics
    nowhere = await caller.http.get("/nowhere")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")


async def test_a_document_is_read_once(caller):
    for _ in range(3):
        await caller.ask(FUNNEL, {"period": "2026"})
    assert "gateway_documents_read 1.0" in (await caller.http.get("/metrics")).text
