"""Hostile and broken deliveries (webhooks.md section 6): each gets its answer and leaves no trace.

Both doors are tried: the signed webhook and our own event API. `refused` looks at every refusal
for what a stranger must not learn from it.
"""

import json
from typing import Any

import httpx
import pytest

from services.kit import ids, limits
from services.kpi.actions.connections import from_public_id, public_id
from tests.support.gate import DOORS, HUGE, JSON, Flood, Gate


def nested(depth: int) -> bytes:
    return b'{"deal":' + b"[" * depth + b"]" * depth + b"}"


def with_number(text: str) -> bytes:
    return b'{"deal":"D","id":"e","amount":' + text.encode() + b"}"


MALFORMED = {
    "an empty body": b"",
    "only white space": b" \n",
    "half a document": b'{"deal":',
    "two documents": b"{} {}",
    "65 levels": nested(64),
    "a million open brackets": b"[" * 1_000_000,
    "a million open objects": b'{"a":' * 200_000,
    "brackets behind a quote": b'{"a":"\\"",' + b'"b":' + b"[" * 100 + b"]" * 100 + b"}",
    "NaN": with_number("NaN"),
    "Infinity": with_number("-Infinity"),
    "1e999": with_number("1e999"),
    "an exponent of ten digits": with_number("1e-9999999999"),
    "an integer of 5000 digits": with_number("9" * 5_000),
    "a fraction of 5000 digits": with_number("0." + "9" * 5_000),
    "a key twice": b'{"deal":"A","deal":"B"}',
    "a key twice in the depth": b'[{"id":"e","data":{"deal":"A","stage":"lead","deal":"B"}}]',
    "a key twice by an escape": b'{"deal":"A","de\\u0061l":"B"}',
    "invalid UTF-8": b'{"deal":"\xff\xfe"}',
    "an overlong slash": b'{"deal":"\xc0\xaf"}',
    "an encoded surrogate": b'{"deal":"\xed\xa0\x80"}',
    "latin-1": '{"deal":"é"}'.encode("latin-1"),
    "UTF-16": '{"deal":"D"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"deal":"D"}'.encode("utf-16-le"),
    "UTF-32": '{"deal":"D"}'.encode("utf-32"),
    "a byte order mark": b'\xef\xbb\xbf{"deal":"D"}',
    "a raw NUL": b'{"deal":"D\0"}',
    "an escaped NUL": b'{"deal":"D\\u0000"}',
    "an escaped NUL in a key": b'{"de\\u0000al":"D"}',
    "half a surrogate pair": b'{"deal":"\\ud83d"}',
    "the other half": b'{"deal":"\\uDE00 \\uD83D"}',
    "an entity bomb": b'<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><l>&b;</l>',
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("case", MALFORMED)
async def test_what_two_readers_could_read_differently_is_400(
    gate: Gate, door: str, case: str
) -> None:
    before = await gate.stored()
    said = gate.refused(await gate.send(door, MALFORMED[case]), 400)
    assert said["code"] == "malformed"
    assert await gate.stored() == before


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "content_type",
    [
        "", "text/plain", "text/xml", "application/xml", "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x", "application/jsonp", "application/json/x", "json",
        "application/json; charset=utf-16", "application/json; charset=iso-8859-1",
        'application/json; x=1; CHARSET="latin1"', "application/x-ndjson",
    ],
)  # fmt: skip
async def test_what_is_not_json_in_utf_8_is_415(gate: Gate, door: str, content_type: str) -> None:
    before = await gate.stored()
    body = json.dumps(gate.event() if door == "events" else gate.item()).encode()
    said = gate.refused(await gate.send(door, body, content_type=content_type), 415)
    assert said["code"] == "unsupported_media"
    assert await gate.stored() == before


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON;charset=UTF-8", 'application/json; charset="utf-8"; x=1'],
)  # fmt: skip
async def test_json_in_utf_8_is_taken_however_it_is_named(
    gate: Gate, door: str, content_type: str
) -> None:
    body = json.dumps(gate.event() if door == "events" else gate.item()).encode()
    answer = await gate.send(door, body, content_type=content_type)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip"])
async def test_compressed_is_415(gate: Gate, door: str, coding: str) -> None:
    before = await gate.stored()
    gate.refused(await gate.send(door, b"\x1f\x8b\x08", content_encoding=coding), 415)
    assert await gate.stored() == before


# Size: the reader stops at the limit, whether or not the length was told.


@pytest.mark.parametrize("door", DOORS)
async def test_a_chunked_flood_is_413_at_the_limit(gate: Gate, door: str) -> None:
    before = await gate.stored()
    flood = Flood()
    said = gate.refused(await gate.send(door, flood), 413)
    assert said["code"] == "too_large"
    assert flood.pulled <= limits.BODY_BYTES + (128 << 10)
    assert await gate.stored() == before


@pytest.mark.parametrize("door", DOORS)
async def test_a_declared_flood_is_413_before_it_is_read(gate: Gate, door: str) -> None:
    for declared in (str(HUGE), str(limits.BODY_BYTES + 1), "9" * 5_000):
        flood = Flood()
        gate.refused(await gate.send(door, flood, content_length=declared), 413)
        assert flood.pulled == 0


@pytest.mark.parametrize("door", DOORS)
async def test_a_body_of_just_the_limit_is_read(gate: Gate, door: str) -> None:
    body = json.dumps(gate.event() if door == "events" else gate.item()).encode()
    fits = body + b" " * (limits.BODY_BYTES - len(body))
    assert (await gate.send(door, fits)).status_code == 202
    gate.refused(await gate.send(door, fits + b" "), 413)


async def test_typed_bodies_have_the_same_limits_and_the_same_reader(gate: Gate) -> None:
    path, token = "/kpi/v1/connections/other", gate.kpi.token(gate.company.tenant)

    async def put(content: Any, **headers: str) -> httpx.Response:
        given = {"content-type": JSON, **token, **headers}
        return await gate.kpi.client.put(path, content=content, headers=given)

    flood = Flood()
    gate.refused(await put(flood), 413)
    assert flood.pulled <= limits.BODY_BYTES + (128 << 10)
    gate.refused(await put(b'{"vendor":"standard","vendor":"standard"}'), 400)
    gate.refused(await put(b'{"mapping":{"zone":"\\u0000"}}'), 400)
    gate.refused(await put(nested(65)), 400)
    gate.refused(await put(b"{}", **{"content-encoding": "gzip"}), 415)
    listed = await gate.kpi.client.get("/kpi/v1/connections", headers=token)
    assert "other" not in listed.text


@pytest.mark.parametrize("door", DOORS)
async def test_more_items_than_an_array_may_have_are_413(gate: Gate, door: str) -> None:
    before = await gate.stored()
    one = {"id": "e"} if door == "events" else {"deal": "D"}
    gate.refused(await gate.send(door, json.dumps([one] * 1_001).encode()), 413)
    assert await gate.stored() == before


async def test_a_sender_that_leaves_early_leaves_nothing(gate: Gate) -> None:
    before = await gate.stored()
    answers: list[Any] = []
    messages = iter(
        [{"type": "http.request", "body": b'{"deal"', "more_body": True}, {"type": "http.disconnect"}]
    )  # fmt: skip
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "headers": [],
        "path": gate.kpi.webhook_path, "raw_path": b"", "query_string": b"", "root_path": "",
    }  # fmt: skip

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        answers.append(message)

    await gate.kpi.app(scope, receive, send)
    assert answers[0]["status"] == 400
    assert await gate.stored() == before


# Who knocks: addresses and secrets.


def spliced(gate: Gate) -> dict[str, str]:
    found = from_public_id(gate.kpi.webhook_path.rpartition("/")[2])
    assert found is not None
    tenant_id, connection_id = found
    text = gate.kpi.webhook_path.rpartition("/")[2]
    return {
        "another connection": public_id(tenant_id, ids.new()),
        "another tenant": public_id(ids.new(), connection_id),
        "swapped": public_id(connection_id, tenant_id),
        "cut": text[:-1],
        "longer": text + "A",
        "not base64": "*" * 43,
        "not ascii": "%C3%A9" * 43,
        "NUL": text[:-1] + "%00",
        "a name": "crm",
        "an id": connection_id,
    }


async def test_unknown_addresses_are_404_and_all_alike(gate: Gate) -> None:
    told = set()
    for address in spliced(gate).values():
        answer = await gate.kpi.deliver(gate.item(), path=f"/webhooks/{address}")
        gate.refused(answer, 404)
        told.add(answer.text)
    assert len(told) == 1


async def test_only_post_is_answered(gate: Gate) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = await gate.kpi.client.request(method, gate.kpi.webhook_path)
        assert answer.json()["code"] == "method_not_allowed"
        gate.refused(answer, 405)
