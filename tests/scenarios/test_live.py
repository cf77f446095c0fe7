"""What the system promises a front end: a posted webhook reaches the open subscription."""

from services.kit.clock import SystemClock
from tests.support.stack import RunningStack, next_message

REP = """query Rep($rep: ID!, $period: Period!) { rep(id: $rep) { id externalId name
  unit { id name } manager { name }
  funnel(period: $period) { offset winRate stages { code entered open amount { amount currency } } } } }"""
UNIT = """query Unit($unit: ID!, $period: Period!) { unit(id: $unit) { id name
  children { id } reps(first: 50) { totalCount nodes { id name } }
  funnel(period: $period) { stages { code entered open } } } }"""
LIVE = """subscription Live($rep: ID!, $period: Period!) { repChanged(rep: $rep, period: $period)
  { offset rep { id funnel(period: $period) { stages { code entered open } } } } }"""


def quarter() -> str:
    today = SystemClock().now()
    return f"{today.year}-Q{(today.month + 2) // 3}"


def lead(deal: str, **more: object) -> dict[str, object]:
    at = SystemClock().now().isoformat()
    return {"deal": deal, "at": at, "stage": "lead", "owner": "ann", "amount": "10.00", **more}


async def test_a_webhook_reaches_the_open_subscription(stack: RunningStack) -> None:
    acme = await stack.tenant("acme")
    ann, period = acme.members["ann"], quarter()
    headers = stack.token("acme", "rep", ann)
    async with stack.subscribed(headers, LIVE, rep=ann, period=period) as websocket:
        first = (await next_message(websocket))["payload"]["data"]["repChanged"]
        assert [s["open"] for s in first["rep"]["funnel"]["stages"]] == [0, 0, 0, 0, 0]
        answer = await stack.deliver(acme, lead("D1"))
        assert answer.status_code == 202, answer.text
        while True:
            moved = (await next_message(websocket))["payload"]["data"]["repChanged"]
            if moved["offset"] >= answer.json()["offset"]:
                break
        assert [s["open"] for s in moved["rep"]["funnel"]["stages"]] == [1, 0, 0, 0, 0]


async def test_one_query_shows_a_reps_live_funnel(stack: RunningStack) -> None:
    acme = await stack.tenant("acme")
    ann = acme.members["ann"]
    offset = (await stack.deliver(acme, lead("D1"))).json()["offset"]
    headers = {**stack.token("acme", "rep", ann), "headwater-min-offset": str(offset)}
    for reference in (ann, "crm:ann", "ann"):
        found = await stack.query(headers, REP, rep=reference, period=quarter())
        assert "errors" not in found, found
        rep = found["data"]["rep"]
        assert (rep["id"], rep["externalId"], rep["unit"]["name"]) == (ann, "crm:ann", "North")
        assert rep["manager"]["name"] == "Boss"
        assert rep["funnel"]["stages"][0] == {
            "code": "lead", "entered": 1, "open": 1, "amount": {"amount": "10.00", "currency": "CNY"}
        }  # fmt: skip
    manager = stack.token("acme", "manager", acme.members["boss"])
    unit = (await stack.query(manager, UNIT, unit="crm:north", period=quarter()))["data"]["unit"]
    assert {node["name"] for node in unit["reps"]["nodes"]} == {"Ann", "Ben", "Boss"}
    assert unit["funnel"]["stages"][0]["entered"] == 1


async def test_nothing_of_another_tenant_or_peer_is_reached(stack: RunningStack) -> None:
    acme, other = await stack.tenant("acme"), await stack.tenant("other")
    await stack.deliver(acme, lead("D1"))
    ann = acme.members["ann"]
    for headers in (
        stack.token("other", "admin"),
        stack.token("other", "rep", ann),  # a member id that is not theirs
        stack.token("acme", "rep", acme.members["ben"]),
        stack.token("acme", "manager", acme.members["cai"]),
    ):
        found = await stack.query(headers, REP, rep=ann, period=quarter())
        assert found["data"]["rep"] is None, found
    for unit in (acme.units["north"], acme.units["region"]):
        found = await stack.query(stack.token("other", "admin"), UNIT, unit=unit, period=quarter())
        assert found["data"]["unit"] is None
    spliced = await stack.client.post(other.webhook_path, json={})
    assert spliced.status_code == 401
