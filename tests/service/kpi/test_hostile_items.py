"""Well-formed but unusable items (webhooks.md section 6).

A CRM gets a 2xx and the item waits in quarantine under its reason; our own event API rejects it
and says why. What cannot be used never costs the rest of the delivery.
"""

import asyncio
import json
from typing import Any

import httpx
import pytest

from services.kit import ids
from services.kpi.vendors import standard_webhooks
from tests.support.gate import JSON, Gate
from tests.support.kpi import MAPPING, STAGES, joined

BIGGEST = "10000000000000.00"
"""10^15 minor units."""
TOO_BIG = "10000000000000.01"


async def held(gate: Gate, **more: Any) -> list[dict[str, Any]]:
    answer = await gate.kpi.client.get(
        "/kpi/v1/quarantine", headers=gate.kpi.token(gate.company.tenant),
        params={"limit": 100, **more},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    assert answer.json()["next_cursor"] is None
    return list(answer.json()["items"])


async def connection(gate: Gate, **changed: Any) -> "Crm":
    return await Crm(gate, {**MAPPING, **changed}).open()


class Crm:
    """A connection of its own with a mapping of its own."""

    def __init__(self, gate: Gate, mapping: dict[str, Any]) -> None:
        self.gate, self.name = gate, f"c-{ids.new()}"
        self.mapping = {**mapping, "connection": self.name}
        self.path = self.secret = ""

    async def _put(self, path: str, body: Any) -> httpx.Response:
        answer = await self.gate.kpi.client.put(
            f"/kpi/v1/connections/{self.name}{path}", json=body,
            headers=self.gate.kpi.token(self.gate.company.tenant),
        )  # fmt: skip
        assert answer.status_code in {200, 201}, answer.text
        return answer

    async def open(self, *, mapped: bool = True) -> "Crm":
        answer = await self._put("", {"mapping": self.mapping if mapped else None})
        self.path, self.secret = answer.json()["webhook_path"], answer.json()["secret"]
        return self

    async def remap(self, **changed: Any) -> dict[str, Any]:
        self.mapping |= changed
        return dict((await self._put("/mapping", self.mapping)).json())

    async def send(self, body: Any, message_id: str | None = None) -> dict[str, Any]:
        answer = await self.gate.kpi.deliver(body, message_id, path=self.path, secret=self.secret)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    async def reasons(self) -> list[str]:
        mine = [one for one in await held(self.gate) if one["connection_id"] == await self.id()]
        return [one["reason"] for one in mine]

    async def id(self) -> str:
        listed = await self.gate.kpi.client.get(
            "/kpi/v1/connections", headers=self.gate.kpi.token(self.gate.company.tenant)
        )
        found = {one["short_name"]: one["id"] for one in listed.json()["items"]}
        return str(found[self.name])

    async def deal(self, deal: str) -> httpx.Response:
        offset = (await self.send([]))["offset"]
        return await self.gate.kpi.client.get(
            f"/kpi/v1/deals/deal:{self.name}:{deal}", params={"min_offset": offset},
            headers=self.gate.kpi.token(self.gate.company.tenant),
        )  # fmt: skip


async def post(gate: Gate, body: Any, **headers: str) -> httpx.Response:
    return await gate.kpi.client.post(
        "/kpi/v1/events", content=json.dumps(body),
        headers={"content-type": JSON, **gate.kpi.token(gate.company.tenant), **headers},
    )  # fmt: skip


CURRENCY_OF_ITEM = {"currency": {"path": "currency"}}
UNUSABLE: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    # case: (changes of the item, the reason, changes of the mapping)
    "unknown stage": ({"stage": "55"}, "unknown_stage", {}),
    "unknown owner": ({"owner": "nobody"}, "unknown_owner", {}),
    "unknown currency": ({"amount": "1", "currency": "QQQ"}, "unknown_currency", CURRENCY_OF_ITEM),
    "missing currency": ({"amount": "1"}, "unknown_currency", CURRENCY_OF_ITEM),
    "currency without a rate": (
        {"amount": "1", "currency": "USD"}, "currency_without_rate", CURRENCY_OF_ITEM,
    ),
    "negative": ({"amount": "-0.01"}, "amount_out_of_range", {}),
    "too big": ({"amount": TOO_BIG}, "amount_out_of_range", {}),
    "absurd": ({"amount": "9" * 39}, "amount_out_of_range", {}),
    "too many decimals": ({"amount": "1.001"}, "bad_amount", {}),
    "an amount in words": ({"amount": "ten"}, "bad_amount", {}),
    "a truth value": ({"amount": True}, "bad_amount", {}),
    "no deal": ({"deal": None}, "no_deal_id", {}),
    "a time in words": ({"at": "yesterday"}, "bad_time", {}),
    "a time in a gap of years": ({"at": "0001-01-01T00:00:00Z"}, "bad_time", {}),
}  # fmt: skip


@pytest.mark.parametrize("case", UNUSABLE)
async def test_a_crms_unusable_item_is_2xx_and_waits(gate: Gate, case: str) -> None:
    changed, reason, mapping = UNUSABLE[case]
    crm = await connection(gate, **mapping)
    good = gate.item(currency="CNY")
    told = await crm.send([gate.item(**changed), good])
    assert (told["accepted"], told["quarantined"]) == (1, 1)
    assert await crm.reasons() == [reason]
    assert (await crm.deal(good["deal"])).status_code == 200


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"stage": "55"}, "unknown_stage"), ({"pipeline": "none"}, "unknown_pipeline"),
        ({"owner": "crm:nobody"}, "unknown_owner"), ({"currency": "QQQ"}, "unknown_currency"),
        ({"currency": "USD"}, "currency_without_rate"), ({"amount": "-1"}, "amount_out_of_range"),
        ({"amount": TOO_BIG}, "amount_out_of_range"), ({"amount": "1.001"}, "bad_amount"),
        ({"deal": ""}, "no_deal_id"), ({"kind": "guess"}, "unknown_kind"),
        ({"colour": "red"}, "unknown_field"),
        ({"owners": [{"owner": "crm:ann", "share_bp": 9_999}]}, "bad_owner_shares"),
    ],
)  # fmt: skip
async def test_our_own_api_rejects_and_says_why(
    gate: Gate, changed: dict[str, Any], code: str
) -> None:
    before = len(await held(gate))
    bad = gate.event(**changed)
    alone = await post(gate, bad)
    assert gate.refused(alone, 422)["code"] == code
    good = gate.event()
    both = await post(gate, [good, bad])
    assert both.status_code == 207
    assert (both.json()["accepted"], both.json()["rejected"]) == (1, 1)
    first, second = both.json()["results"]
    assert (first["status"], first["id"]) == ("accepted", good["id"])
    assert (second["status"], second["code"], second["index"]) == ("rejected", code, 1)
    assert len(await held(gate)) == before


@pytest.mark.parametrize(
    "body", [[], "text", 7, None, [1], [None], [[]], {"id": 5}, {"id": ""}, {"id": "x" * 300}]
)
async def test_odd_shapes_are_answered_item_by_item(gate: Gate, body: Any) -> None:
    answer = await post(gate, body)
    assert answer.status_code == (202 if body == [] else 422)
    crm = await connection(gate)
    told = await crm.send(body)
    count = len(body) if isinstance(body, list) else 1
    assert (told["accepted"], told["quarantined"]) == (0, count)


async def test_the_bounds_themselves_are_taken(gate: Gate) -> None:
    crm = await connection(gate)
    for changed in ({"amount": BIGGEST}, {"amount": 0}, {"at": gate.now(hours=24)}):
        assert (await crm.send(gate.item(**changed)))["accepted"] == 1
    for data in ({"amount": BIGGEST}, {"amount": "0"}):
        assert (await post(gate, gate.event(**data))).status_code == 202


async def test_more_than_a_day_ahead_waits_or_is_rejected(gate: Gate) -> None:
    crm = await connection(gate)
    ahead = gate.now(hours=24, seconds=1)
    assert (await crm.send(gate.item(at=ahead)))["quarantined"] == 1
    assert await crm.reasons() == ["future"]
    answer = await post(gate, {**gate.event(), "time": ahead})
    assert gate.refused(answer, 422)["code"] == "future"


# Repeats and conflicts.


async def test_a_repeat_within_a_batch_counts_once_and_the_first_wins(gate: Gate) -> None:
    crm = await connection(gate, key="nr")
    one = gate.item(nr=1)
    told = await crm.send([one, one, {**one, "stage": "won"}])
    assert (told["accepted"], told["duplicates"], told["quarantined"]) == (1, 1, 1)
    assert await crm.reasons() == ["key_conflict"]
    assert (await crm.deal(one["deal"])).json()["stage"] == "lead"
    event = gate.event()
    other = {**event, "data": {**event["data"], "stage": "won"}}
    answer = await post(gate, [event, event, other])
    assert answer.status_code == 207
    assert [r["status"] for r in answer.json()["results"]] == ["accepted", "duplicate", "conflict"]


async def test_the_same_id_with_another_body_never_replaces_the_first(gate: Gate) -> None:
    crm, message_id, item = await connection(gate), ids.new(), gate.item()
    assert (await crm.send(item, message_id))["accepted"] == 1
    assert (await crm.send({**item, "stage": "won"}, message_id))["quarantined"] == 1
    assert (await crm.deal(item["deal"])).json()["stage"] == "lead"
    event = gate.event()
    assert (await post(gate, event)).status_code == 202
    changed = await post(gate, {**event, "data": {**event["data"], "stage": "won"}})
    assert gate.refused(changed, 422)["code"] == "key_conflict"


async def test_the_same_content_spelt_otherwise_is_the_same(gate: Gate) -> None:
    crm, message_id = await connection(gate), ids.new()
    assert (await crm.send(b'{"deal":"D","at":null,"amount":1.50}', message_id))["accepted"] == 1
    told = await crm.send(b'{"amount": 1.5, "at":null, "d\\u0065al":"D"}', message_id)
    assert (told["duplicates"], told["quarantined"]) == (1, 0)


async def test_ids_are_scoped_by_connection_and_source(gate: Gate) -> None:
    one, two, message_id = await connection(gate), await connection(gate), ids.new()
    item = gate.item()
    assert (await one.send(item, message_id))["accepted"] == 1
    assert (await two.send(item, message_id))["accepted"] == 1
    event = gate.event()
    assert (await post(gate, {**event, "source": "a"})).json()["accepted"] == 1
    assert (await post(gate, {**event, "source": "b"})).json()["accepted"] == 1


async def test_an_idempotency_key_answers_again_and_refuses_another_body(gate: Gate) -> None:
    key, event = ids.new(), gate.event()
    first = await post(gate, event, **{"idempotency-key": key})
    again = await post(gate, event, **{"idempotency-key": key})
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    other = await post(gate, gate.event(), **{"idempotency-key": key})
    assert gate.refused(other, 422)["code"] == "idempotency_key_reused"


# What waits comes back by itself.


async def test_an_unknown_owner_is_released_by_the_members_arrival(gate: Gate) -> None:
    crm = await connection(gate, owners="crm")
    item = gate.item(owner="late-comer")
    assert (await crm.send(item))["quarantined"] == 1
    member = ids.new()
    await gate.kpi.facts(gate.company, joined(member, "late-comer"))
    assert await crm.reasons() == []
    assert (await crm.deal(item["deal"])).json()["owners"] == [member]


async def test_an_unknown_stage_is_released_by_a_mapping_that_knows_it(gate: Gate) -> None:
    crm = await connection(gate)
    item = gate.item(stage="55")
    assert (await crm.send(item))["quarantined"] == 1
    table = {**MAPPING["lookups"]["stages"], "55": "intent"}
    told = await crm.remap(lookups={"stages": table})
    assert (told["changed"], told["released"]) == (True, 1)
    assert await crm.reasons() == []
    assert (await crm.deal(item["deal"])).json()["stage"] == "intent"


async def test_more_than_one_append_takes_is_released_to_the_end(gate: Gate) -> None:
    crm = await connection(gate)
    for bodies in ([gate.item(stage="55") for _ in range(1_000)], [gate.item(stage="55")]):
        assert (await crm.send(bodies))["quarantined"] == len(bodies)
    table = {**MAPPING["lookups"]["stages"], "55": "intent"}
    assert (await crm.remap(lookups={"stages": table}))["released"] == 1_001
    assert await crm.reasons() == []


async def test_a_conflict_waits_for_a_person_whatever_the_mapping(gate: Gate) -> None:
    crm, message_id, item = await connection(gate), ids.new(), gate.item()
    await crm.send(item, message_id)
    await crm.send({**item, "stage": "won"}, message_id)
    assert (await crm.remap(money_unit="minor"))["released"] == 0
    assert await crm.reasons() == ["key_conflict"]


async def test_an_amount_is_released_by_a_mapping_that_reads_it_right(gate: Gate) -> None:
    crm = await connection(gate)
    item = gate.item(amount="10000000000000000")
    assert (await crm.send(item))["quarantined"] == 1
    assert (await crm.remap(money_unit="micros"))["released"] == 1
    assert (await crm.deal(item["deal"])).json()["amount"]["amount"] == "10000000000.00"


async def test_without_a_mapping_everything_waits_and_then_comes(gate: Gate) -> None:
    crm = await Crm(gate, dict(MAPPING)).open(mapped=False)
    first = gate.item()
    assert (await crm.send(first))["quarantined"] == 1
    assert await crm.reasons() == ["no_mapping"]
    assert (await crm.remap())["released"] == 1
    # The connection's row is trusted for a second more: the mapping is found all the same.
    second = gate.item()
    assert (await crm.send(second))["accepted"] == 1
    assert await crm.reasons() == []
    for item in (first, second):
        assert (await crm.deal(item["deal"])).status_code == 200


async def test_release_and_discard_by_hand(gate: Gate) -> None:
    crm, message_id, item = await connection(gate), ids.new(), gate.item()
    await crm.send(item, message_id)
    await crm.send({**item, "stage": "won"}, message_id)
    await crm.send(gate.item(amount="ten"))
    conflict, bad = [one for one in await held(gate) if one["connection_id"] == await crm.id()]
    token = gate.kpi.token(gate.company.tenant)

    async def ask(what: str, *held_ids: str) -> httpx.Response:
        path = f"/kpi/v1/quarantine/{what}"
        return await gate.kpi.client.post(path, headers=token, json={"ids": held_ids})

    assert (await ask("release", bad["id"])).json()["still_held"] == 1
    released = await ask("release", conflict["id"])
    assert released.json()["released"] == 1
    assert (await crm.deal(item["deal"])).json()["stage"] == "won"
    assert (await ask("discard", bad["id"], conflict["id"])).json() == {"discarded": 1}
    assert await crm.reasons() == []
    for wrong in (["no-id"], [], [ids.new().upper()]):
        gate.refused(await ask("release", *wrong), 422)
    states = {one["id"]: one["state"] for one in await held(gate, state="discarded")}
    assert states[bad["id"]] == "discarded"


async def test_poison_does_not_delay_the_others(gate: Gate) -> None:
    crm = await connection(gate)
    bodies = [gate.item(amount="ten") if n % 10 == 0 else gate.item() for n in range(100)]
    answers = await asyncio.gather(*(crm.send(body) for body in bodies))
    assert sum(told["accepted"] for told in answers) == 90
    assert sum(told["quarantined"] for told in answers) == 10


async def test_a_stage_of_another_pipelines_mapping_changes_no_stage_in_use(gate: Gate) -> None:
    crm = await Crm(gate, dict(MAPPING)).open()
    fewer = {"code": "sales", "name": "Sales", "stages": STAGES[1:]}
    answer = await gate.kpi.client.put(
        f"/kpi/v1/connections/{crm.name}/mapping",
        json={**crm.mapping, "pipeline": fewer, "lookups": {"stages": {"won": "won"}}},
        headers=gate.kpi.token(gate.company.tenant),
    )
    assert gate.refused(answer, 409)["code"] == "conflict"
    assert "lead" in answer.json()["detail"]


async def test_the_raw_delivery_is_kept_to_the_byte(gate: Gate) -> None:
    crm, message_id = await connection(gate), ids.new()
    raw = json.dumps(gate.item(), indent=3).encode() + b"\n\n"
    await crm.send(raw, message_id)
    async with gate.kpi.app.state.kpi.database.read(gate.company.tenant_id) as database:
        rows = await database.fetch("SELECT body FROM delivery WHERE message_id = $1", message_id)
    assert [row[0] for row in rows] == [raw]
    assert standard_webhooks.secret_bytes(crm.secret) not in raw
