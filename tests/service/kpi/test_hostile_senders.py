"""Who a delivery is from (webhooks.md section 6): signatures, clocks, rotation, repeats, outages."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import httpx
import pytest

from headwater.databases import Urls
from headwater.postgres import Server
from services.kit import ids
from services.kpi.actions.connections import from_public_id, public_id
from services.kpi.vendors import standard_webhooks
from tests.support.gate import JSON, Gate, end_who_waits, until, waits_for_a_lock
from tests.support.kpi import MAPPING, RunningKpi, running_kpi

BODY = json.dumps({"deal": "forged", "at": "2026-03-01T00:00:00Z", "stage": "lead"}).encode()


def signed(gate: Gate, **changed: str | None) -> dict[str, str]:
    """The headers of an honest delivery of BODY, some of them changed or left out."""
    secret = standard_webhooks.secret_bytes(gate.kpi.secret)
    headers: dict[str, str | None] = {
        "content-type": JSON,
        **standard_webhooks.sign(secret, ids.new(), gate.kpi.clock.now(), BODY),
    }
    headers |= {f"webhook-{name}": value for name, value in changed.items()}
    return {name: value for name, value in headers.items() if value is not None}


def forged(gate: Gate) -> dict[str, dict[str, str]]:
    now, honest = gate.kpi.clock.now(), signed(gate)["webhook-signature"]
    other = standard_webhooks.sign(bytes(32), "msg_1", now, BODY)
    nothing = {f"webhook-{name}": "" for name in ("id", "timestamp", "signature")}
    return {
        "nothing": {"content-type": JSON},
        "empty headers": {"content-type": JSON, **nothing},
        "no id": signed(gate, id=None),
        "no timestamp": signed(gate, timestamp=None),
        "no signature": signed(gate, signature=None),
        "another secret": {"content-type": JSON, **other},
        "another id": signed(gate, id="msg_other"),
        "an id with a space": signed(gate, id="msg 1"),
        "a long id": signed(gate, id="m" * 300),
        "another time": signed(gate, timestamp=str(int(now.timestamp()) + 1)),
        "a time in words": signed(gate, timestamp="now"),
        "a negative time": signed(gate, timestamp="-1"),
        "a fraction": signed(gate, timestamp=f"{now.timestamp():.3f}"),
        "a time of 5000 digits": signed(gate, timestamp="9" * 5_000),
        "digits of another script": signed(gate, timestamp="²³"),
        "no comma": signed(gate, signature=honest.replace(",", "")),
        "no version": signed(gate, signature=honest.removeprefix("v1")),
        "another version": signed(gate, signature=honest.replace("v1,", "v2,")),
        "asymmetric": signed(gate, signature=honest.replace("v1,", "v1a,")),
        "not base64": signed(gate, signature="v1,****"),
        "cut": signed(gate, signature=honest[:-4]),
        "not ascii": signed(gate, signature="v1,é¿½"),
        "only commas": signed(gate, signature=",,,, v1, v1,,"),
        "a thousand wrong ones": signed(gate, signature="v1,AAAA " * 1_000 + honest),
    }


async def test_the_honest_delivery_is_taken(gate: Gate) -> None:
    answer = await gate.kpi.client.post(gate.kpi.webhook_path, content=BODY, headers=signed(gate))
    assert answer.status_code == 202


async def test_forgeries_are_401_alike_and_leave_nothing(gate: Gate) -> None:
    before, told = await gate.stored(), set()
    for case, headers in forged(gate).items():
        raw = [(name.encode(), value.encode("utf-8")) for name, value in headers.items()]
        answer = await gate.kpi.client.post(gate.kpi.webhook_path, content=BODY, headers=raw)
        assert gate.refused(answer, 401)["code"] == "signature_refused", case
        told.add(answer.text)
    assert len(told) == 1
    assert await gate.stored() == before


async def test_a_changed_body_is_401_even_where_it_means_the_same(gate: Gate) -> None:
    for body in (BODY + b" ", BODY.replace(b"forged", b"forget"), b"", b"NaN"):
        answer = await gate.kpi.client.post(
            gate.kpi.webhook_path, content=body, headers=signed(gate)
        )
        gate.refused(answer, 401)


@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 10**9])
async def test_out_of_time_is_401_either_way(gate: Gate, seconds: int) -> None:
    before = await gate.stored()
    at = gate.kpi.clock.now() + timedelta(seconds=seconds)
    gate.refused(await gate.kpi.deliver(gate.item(), at=at), 401)
    assert await gate.stored() == before


@pytest.mark.parametrize("seconds", [-299, 299])
async def test_five_minutes_of_skew_are_taken(gate: Gate, seconds: int) -> None:
    at = gate.kpi.clock.now() + timedelta(seconds=seconds)
    assert (await gate.kpi.deliver(gate.item(), at=at)).status_code == 202


async def test_a_replay_is_a_duplicate_and_has_no_effect(gate: Gate) -> None:
    body, message_id = gate.item(), ids.new()
    first = await gate.kpi.deliver(body, message_id)
    before = await gate.stored()
    for _ in range(3):
        again = await gate.kpi.deliver(body, message_id)
        assert again.status_code == 202
        assert again.json() == {**first.json(), "accepted": 0, "duplicates": 1}
    after = await gate.stored()
    assert {**after, "delivery": 0} == {**before, "delivery": 0}


async def test_the_same_delivery_at_once_counts_once(gate: Gate) -> None:
    body, message_id = gate.item(), ids.new()
    answers = await asyncio.gather(*(gate.kpi.deliver(body, message_id) for _ in range(20)))
    assert sum(answer.json()["accepted"] for answer in answers) == 1
    assert sum(answer.json()["duplicates"] for answer in answers) == 19


# Another connection: its own secrets and states.


class Other:
    """A connection of the module's company, made for one test."""

    def __init__(self, gate: Gate) -> None:
        self.gate, self.name = gate, f"c-{ids.new()}"
        self.path = self.secret = ""

    async def open(self) -> "Other":
        answer = await self.ask("PUT", "", json={"mapping": {**MAPPING, "connection": self.name}})
        assert answer.status_code == 201, answer.text
        self.path, self.secret = answer.json()["webhook_path"], answer.json()["secret"]
        return self

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self.gate.kpi.client.request(
            method, f"/kpi/v1/connections/{self.name}{path}",
            headers=self.gate.kpi.token(self.gate.company.tenant), **more,
        )  # fmt: skip

    async def status(self, secret: str | None = None) -> int:
        answer = await self.gate.kpi.deliver(
            self.gate.item(), path=self.path, secret=secret or self.secret
        )
        return answer.status_code

    async def becomes(self, status: int, secret: str | None = None) -> None:
        """A change is seen within the second for which a connection's row is trusted."""

        async def is_so() -> bool:
            return await self.status(secret) == status

        await until(is_so, 5)


@pytest.fixture
async def other(gate: Gate) -> Other:
    return await Other(gate).open()


async def test_a_disabled_connection_is_410_until_it_is_enabled(other: Other) -> None:
    assert await other.status() == 202
    assert (await other.ask("PATCH", "", json={"disabled": True})).status_code == 200
    await other.becomes(410)
    before = await other.gate.stored()
    answer = await other.gate.kpi.deliver(other.gate.item(), path=other.path, secret=other.secret)
    other.gate.refused(answer, 410)
    assert await other.gate.stored() == before
    await other.ask("PATCH", "", json={"disabled": False})
    await other.becomes(202)


async def test_two_secrets_live_and_the_third_oldest_is_refused(other: Other) -> None:
    first, second = other.secret, (await other.ask("POST", "/secrets", json={})).json()["secret"]
    await other.becomes(202, second)
    assert await other.status(first) == 202
    third = (await other.ask("POST", "/secrets", json={})).json()["secret"]
    await other.becomes(202, third)
    assert (await other.status(second), await other.status(first)) == (202, 401)
    assert len({first, second, third}) == 3


async def test_a_secret_of_the_sender_can_be_set_and_is_never_told_again(other: Other) -> None:
    given = standard_webhooks.new_secret(bytes(range(40)))
    answer = await other.ask("POST", "/secrets", json={"secret": given})
    assert answer.status_code == 200
    await other.becomes(202, given)
    token = other.gate.kpi.token(other.gate.company.tenant)
    listed = await other.gate.kpi.client.get("/kpi/v1/connections", headers=token)
    changed = await other.ask("PATCH", "", json={"disabled": False})
    for told in (listed, changed):
        assert told.status_code == 200
        assert "whsec_" not in told.text
    long = "whsec_" + base64.b64encode(bytes(65)).decode()
    for wrong in ("whsec_", "whsec_c2hvcnQ=", "mine", long):
        refused = await other.ask("POST", "/secrets", json={"secret": wrong})
        assert (refused.status_code, refused.json()["path"]) == (422, "secret")
    assert long not in refused.text


async def test_secrets_are_sealed_at_rest(other: Other) -> None:
    async with other.gate.kpi.app.state.kpi.database.read(other.gate.company.tenant_id) as database:
        rows = await database.fetch("SELECT secrets FROM connection")
    raw = standard_webhooks.secret_bytes(other.secret)
    for (sealed,) in rows:
        assert raw not in sealed
        assert raw.hex().encode() not in sealed


async def test_a_neighbours_secret_or_address_opens_nothing(gate: Gate) -> None:
    neighbour = await gate.kpi.company("neighbour")
    ours = (gate.kpi.webhook_path, gate.kpi.secret)
    try:
        await gate.kpi.connect(neighbour)
        theirs = (gate.kpi.webhook_path, gate.kpi.secret)
    finally:
        gate.kpi.webhook_path, gate.kpi.secret = ours
    before = await gate.stored()
    answer = await gate.kpi.deliver(gate.item(), path=ours[0], secret=theirs[1])
    gate.refused(answer, 401)
    parts = [from_public_id(path.rpartition("/")[2]) for path, _ in (ours, theirs)]
    assert parts[0] is not None
    assert parts[1] is not None
    for tenant_id, connection_id in ((parts[0][0], parts[1][1]), (parts[1][0], parts[0][1])):
        path = f"/webhooks/{public_id(tenant_id, connection_id)}"
        for secret in (ours[1], theirs[1]):
            gate.refused(await gate.kpi.deliver(gate.item(), path=path, secret=secret), 404)
    assert await gate.stored() == before


# Outages of the database.


@pytest.fixture
async def without_database() -> AsyncIterator[RunningKpi]:
    """A kpi whose database is not there: nobody listens at port 1."""
    async with running_kpi("postgresql://app:none@127.0.0.1:1/kpi") as kpi:
        yield kpi


async def test_without_a_database_both_doors_are_503(without_database: RunningKpi) -> None:
    kpi = without_database
    kpi.secret = standard_webhooks.new_secret(bytes(32))
    address = public_id(ids.new(), ids.new())
    answers = [
        await kpi.deliver({"deal": "D"}, path=f"/webhooks/{address}"),
        await kpi.client.post("/kpi/v1/events", headers=kpi.token("acme"), json={"id": "e"}),
        await kpi.client.get("/readyz"),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert "127.0.0.1" not in answer.text
    assert (await kpi.client.get("/livez")).status_code == 200


async def test_a_database_lost_in_the_middle_is_503_and_the_retry_counts_once(
    clone: Callable[[str], Urls], server: Server
) -> None:
    urls = clone("kpi")
    async with running_kpi(urls.app) as kpi:
        company = await kpi.company("lost")
        await kpi.connect(company)
        gate = Gate(kpi, company)
        await until(gate.day_started)
        admin = await asyncpg.connect(server.url(urls.app.rpartition("/")[2]))
        event, item, message_id = gate.event(), gate.item(), ids.new()

        async def post_event() -> httpx.Response:
            return await gate.send("events", json.dumps(event).encode())

        async with admin.transaction():
            # Appends wait for the head, so the loss meets them in their transaction.
            await admin.execute("SELECT 1 FROM log_head FOR UPDATE")
            asked = [
                asyncio.create_task(kpi.deliver(item, message_id)),
                asyncio.create_task(post_event()),
            ]
            await until(partial(waits_for_a_lock, admin))
            await end_who_waits(admin)
            done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            lost = done.pop().result()
        for answer in await asyncio.gather(*asked):
            assert answer.status_code in {202, 503}
        await admin.close()
        gate.refused(lost, 503)
        assert lost.headers["retry-after"] == "1"
        again = await kpi.deliver(item, message_id)
        assert again.json()["accepted"] + again.json()["duplicates"] == 1
        event_again = (await post_event()).json()
        assert event_again["accepted"] + event_again["duplicates"] == 1
        stored = await gate.stored()
        assert stored["subject"] == 2
