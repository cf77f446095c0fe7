"""Live funnels over a real WebSocket, through changes, restarts and impolite clients."""

import contextlib
import json

import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from services.kit import limits

from .conftest import listening, until

REP = "0190c000-0000-7000-8000-000000000001"
SECOND = "0190c000-0000-7000-8000-000000000002"
TEAM = "0190c000-0000-7000-8000-0000000000a1"
LIVE = """subscription Live($rep: ID!, $period: Period!) {
  repChanged(rep: $rep, period: $period) { offset rep { id funnel(period: $period) { offset won { deals } } } }
}"""
"""Where a stub counts a change of a subject as a deal won."""


MIX = """subscription ($rep: ID!, $period: Period!) {
  repChanged(rep: $rep, period: $period) { offset rep { customerMix { byTier { count } } } }
}"""


class Client:
    def __init__(self, socket, token):
        self.socket = socket
        self.token = token

    async def send(self, **message):
        await self.socket.send(json.dumps(message))

    async def receive(self):
        return json.loads(await self.socket.recv())

    async def begin(self):
        await self.send(type="connection_init", payload={"authorization": f"Bearer {self.token}"})
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, query=LIVE, operation="1", **variables):
        given = {"rep": "crm:r1", "period": "2026-Q1"} | variables
        payload = {"query": query, "variables": given}
        await self.send(type="subscribe", id=operation, payload=payload)

    async def event(self, operation="1"):
        message = await self.receive()
        assert (message["type"], message["id"]) == ("next", operation), message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]

    async def closed(self):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.socket.recv()
        return self.socket.close_code


@contextlib.asynccontextmanager
async def connecting(world, port, subprotocol="graphql-transport-ws", **rest):
    async with websockets.connect(
        f"ws://127.0.0.1:{port}/graphql", subprotocols=[subprotocol], **rest
    ) as socket:
        yield Client(socket, world.token())


@pytest.fixture
async def port(world):
    async with world.app() as app, listening(app) as port:
        yield port


@pytest.fixture
async def client(world, port):
    async with connecting(world, port) as client:
        yield client


def rep(offset, deals):
    return {"repChanged": {"offset": offset, "rep": {"id": REP, "funnel": {
        "offset": offset, "won": {"deals": deals}}}}}  # fmt: skip


async def test_it_sends_once_at_the_start_and_after_every_change_of_its_subject(world, client):
    await world.kpi.change("demo", SECOND, REP)
    await client.begin()
    await client.subscribe()
    assert await client.event() == rep(2, 1)
    await world.kpi.change("demo", SECOND)
    await world.kpi.change("other", REP)
    await world.kpi.change("demo", REP)
    assert await client.event() == rep(4, 2)
    await world.kpi.change("demo", REP)
    assert await client.event() == rep(5, 3)


async def test_units_alike(world, client):
    query = """subscription ($unit: ID!, $period: Period!) { unitChanged(unit: $unit, period: $period) {
        offset unit { name funnel(period: $period) { won { deals } } } } }"""
    await client.begin()
    await client.subscribe(query, unit="team")
    first = await client.event()
    assert first["unitChanged"]["unit"] == {"name": "Team", "funnel": {"won": {"deals": 0}}}
    await world.kpi.change("demo", TEAM)
    assert (await client.event())["unitChanged"]["unit"]["funnel"] == {"won": {"deals": 1}}


async def test_one_poll_serves_all_subscribers_of_a_tenant_and_ends_with_them(world, client):
    await client.begin()
    for number in range(3):
        await client.subscribe(operation=str(number))
        await client.event(str(number))
    assert world.kpi.calls["/kpi/v1/changes"] == 2  # where it is, and what comes after
    await world.kpi.change("demo", REP)
    assert sorted([(await client.receive())["id"] for _ in range(3)]) == ["0", "1", "2"]
    assert world.kpi.calls["/kpi/v1/changes"] == 3
    waiting = world.kpi.moved._waiters
    await until(lambda: len(waiting) == 1)
    for number in range(3):
        await client.send(type="complete", id=str(number))
    await until(lambda: not waiting)


async def test_the_viewer_s_own_token_reads_every_event(world, client):
    await client.begin()
    await client.subscribe()
    await client.event()
    await world.kpi.change("demo", REP)
    await client.event()
    read = [one for one in world.kpi.requests if one.url.path == "/kpi/v1/funnels"]
    assert [one.headers["authorization"] for one in read] == [f"Bearer {client.token}"] * 2
    assert [one.query_params["min_offset"] for one in read] == ["0", "1"]


async def test_a_restart_of_kpi_loses_no_change(world):
    async with contextlib.AsyncExitStack() as stack:
        kpi = await stack.enter_async_context(contextlib.AsyncExitStack())
        kpi_port = await kpi.enter_async_context(listening(world.kpi.app()))
        app = await stack.enter_async_context(world.app(f"http://127.0.0.1:{kpi_port}"))
        port = await stack.enter_async_context(listening(app))
        client = await stack.enter_async_context(connecting(world, port))
        await client.begin()
        await client.subscribe()
        assert await client.event() == rep(0, 0)
        await kpi.aclose()
        await world.kpi.change("demo", REP, SECOND, REP)
        await stack.enter_async_context(listening(world.kpi.app(), kpi_port))
        assert await client.event() == rep(3, 2)


async def test_an_event_that_could_not_be_read_comes_again_when_it_can(world, client):
    await client.begin()
    await client.subscribe()
    await client.event()
    failures = 3

    async def fail(request):
        nonlocal failures
        if failures and request.url.path == "/kpi/v1/funnels":
            failures -= 1
            raise OSError("kpi stumbles")

    world.kpi.fault = fail
    await world.kpi.change("demo", REP)
    broken = (await client.receive())["payload"]
    assert broken["data"]["repChanged"]["rep"] == {"id": REP, "funnel": None}
    assert broken["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "service": "kpi"}
    assert await client.event() == rep(1, 1)
    assert failures == 0


async def test_kpi_away_stops_nobody_else_s_changes(world, client):
    async def fail(_request):
        raise OSError("kpi is away")

    world.kpi.fault = fail
    await client.begin()
    await client.subscribe(MIX)
    first = await client.event()
    assert first == {
        "repChanged": {"offset": 0, "rep": {"customerMix": {"byTier": [{"count": 2}]}}}
    }
    await world.customers.change("demo", SECOND, REP)
    assert (await client.event())["repChanged"]["offset"] == 2
    await world.incentives.change("demo", SECOND, SECOND, REP)
    assert (await client.event())["repChanged"]["offset"] == 3


async def test_all_away_from_the_start_refuses_and_names_it(world, client):
    async def fail(_request):
        raise OSError("all are away")

    world.kpi.fault = world.customers.fault = world.incentives.fault = fail
    await client.begin()
    await client.subscribe()
    message = await client.receive()
    assert (message["type"], message["id"]) == ("error", "1")
    assert message["payload"][0]["extensions"] == {"code": "UNAVAILABLE", "service": "kpi"}


async def test_without_targets_one_follows_oneself_and_nobody_else(world, port):
    """Nobody could say whether the viewer may know that something of the other one changed."""

    async def fail(_request):
        raise OSError("targets is away")

    world.targets.fault = fail
    async with connecting(world, port) as client:
        client.token = world.token(role="rep", member=REP)
        await client.begin()
        await client.subscribe(rep=SECOND)
        message = await client.receive()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"] == {"code": "UNAVAILABLE", "service": "targets"}
        await client.subscribe(rep=REP)
        assert await client.event() == rep(0, 0)


async def test_unknown_subjects_complete_and_wrong_documents_are_errors(client):
    await client.begin()
    await client.subscribe(rep="nobody")
    assert await client.receive() == {"id": "1", "type": "complete"}
    await client.subscribe("subscription { nothing }")
    message = await client.receive()
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    await client.subscribe(period="soon")
    message = await client.receive()
    assert message["payload"][0]["extensions"]["code"] == "PERIOD_INVALID"


async def test_queries_run_on_the_socket_too(client):
    await client.begin()
    await client.subscribe('{ rep(id: "r1") { name } }')
    assert await client.event() == {"rep": {"name": "Rep 01"}}
    assert await client.receive() == {"id": "1", "type": "complete"}
    await client.send(type="ping")
    assert await client.receive() == {"type": "pong"}


async def test_the_header_of_the_handshake_names_the_viewer_too(world, port):
    headers = {"authorization": f"Bearer {world.token()}"}
    async with connecting(world, port, additional_headers=headers) as client:
        await client.send(type="connection_init")
        assert await client.receive() == {"type": "connection_ack"}


async def test_no_token_or_a_wrong_one_closes(world, port):
    for payload in (None, {}, {"authorization": "Bearer nonsense"}, {"Authorization": 1}):
        async with connecting(world, port) as client:
            await client.send(type="connection_init", payload=payload)
            assert await client.closed() == 4403


async def test_a_socket_does_not_outlive_its_token(world, client, monkeypatch):
    client.token = world.signer.sign(
        tenant="demo", role="rep", subject=REP, member_id=REP, seconds=60
    )
    await client.begin()
    await client.subscribe()
    await client.event()
    later = world.verifier._seen[client.token][0] + limits.TOKEN_LEEWAY_SECONDS + 1
    world.verifier._seen.clear()
    monkeypatch.setattr("jwt.api_jwt.datetime", _Later(later))
    await world.kpi.change("demo", REP)
    assert await client.closed() == 4403


class _Later:
    """The clock by which pyjwt checks expiry."""

    def __init__(self, seconds):
        self.seconds = seconds

    def now(self, **_zone):
        return self

    def timestamp(self):
        return self.seconds


async def test_older_protocols_are_not_spoken(world, port):
    async with connecting(world, port, "graphql-ws") as client:
        assert await client.closed() == 4406


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (json.dumps({"type": "subscribe", "id": "1", "payload": {"query": LIVE}}), 4401),
        ("{", 4400),
        ("[]", 4400),
        (json.dumps({"kind": "connection_init"}), 4400),
        ("x" * (limits.GRAPHQL_BODY_BYTES + 1), 1009),
        (b"binary", 4400),
    ],
)
async def test_before_the_greeting(client, text, code):
    await client.socket.send(text)
    assert await client.closed() == code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "connection_init"}, 4429),
        ({"type": "start"}, 4400),
        ({"type": "subscribe", "payload": {"query": LIVE}}, 4400),
        ({"type": "subscribe", "id": "1", "payload": {"query": 1}}, 4400),
        ({"type": "subscribe", "id": "1", "payload": [{"query": LIVE}]}, 4400),
    ],
)
async def test_after_the_greeting(client, message, code):
    await client.begin()
    await client.send(**message)
    assert await client.closed() == code


async def test_an_id_runs_once_at_a_time(client):
    await client.begin()
    await client.subscribe()
    await client.event()
    await client.subscribe()
    assert await client.closed() == 4409


async def test_operations_on_one_socket_are_limited(client):
    await client.begin()
    for number in range(limits.SUBSCRIPTIONS_PER_SOCKET + 1):
        await client.subscribe(operation=str(number))
    assert await client.closed() == 4429


async def test_silence_is_closed(world, port, monkeypatch):
    monkeypatch.setattr(limits, "SOCKET_INIT_SECONDS", 0.01)
    async with connecting(world, port) as client:
        assert await client.closed() == 4408


async def test_a_gone_client_leaves_nothing_behind(world, port):
    async with connecting(world, port) as client:
        await client.begin()
        await client.subscribe()
        await client.event()
        await until(lambda: len(world.kpi.moved._waiters) == 1)
    await until(lambda: not world.kpi.moved._waiters)
