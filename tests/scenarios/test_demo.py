"""`make demo` as a newcomer meets it: killed half-way, started again, used, stopped, started warm."""

import json
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from headwater.demo import company, exports, people
from headwater.demo.deals import SEED, History
from services.kit.auth import Signer
from services.kpi.domain import mapping
from services.kpi.domain.observation import RECORDS
from services.kpi.vendors import standard_webhooks
from tests.support import boards
from tests.support.gate import until
from tests.support.processes import ROOT, Process, process
from tests.support.stack import RunningStack, next_message

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
TODAY = date(2026, 11, 23)
OBSERVED = [f"{kind}.observed.v1" for kind in RECORDS]
NEXT_DAY = NOW + timedelta(days=1)
REP_FUNNEL = (ROOT / "gateway/operations/rep_funnel.graphql").read_text()


async def graphql(client: httpx.AsyncClient, state: Any, role: str = "rep") -> Any:
    answer = await client.post(
        "/graphql",
        json={
            "query": REP_FUNNEL, "variables": {"rep": state["rep"], "period": state["period"]},
        },
        headers={"authorization": f"Bearer {state['tokens'][role]}"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    content = answer.json()
    assert "errors" not in content, content
    return content["data"]["rep"]


def stages(rep: Any) -> dict[str, tuple[int, int]]:
    return {s["code"]: (s["entered"], s["open"]) for s in rep["funnel"]["stages"]}


async def post_sample(client: httpx.AsyncClient, state: Any, message_id: str) -> Any:
    hook = state["webhook"]
    body = json.dumps(hook["sample"]).encode()
    secret = standard_webhooks.secret_bytes(hook["secret"])
    headers = standard_webhooks.sign(secret, message_id, NEXT_DAY, body)
    answer = await client.post(
        f"/webhooks/{hook['connection']}", content=body,
        headers={"content-type": "application/json", **headers},
    )  # fmt: skip
    assert answer.status_code == 202, answer.text
    return answer.json()


async def head(client: httpx.AsyncClient, state: Any, deal: str) -> int:
    """The offset behind a deal, through a role that sees all of them."""
    answer = await client.get(
        f"/kpi/v1/deals/deal:{company.CONNECTION}:{deal}",
        headers={"authorization": f"Bearer {state['tokens']['sales_ops']}"},
    )
    assert answer.status_code == 200, answer.text
    return int(answer.json()["offset"])


async def observed(client: httpx.AsyncClient, demo: Process, tenant_id: str) -> Counter[str]:
    """How often each item of the log was observed, by its key."""
    signer = Signer.from_file(demo.data_dir / "signing.pem")
    token = signer.service_token("gateway", company.TENANT, tenant_id)
    found: Counter[str] = Counter()
    after = 0
    while True:
        answer = await client.get(
            "/kpi/v1/feed", params={"after": after, "type": OBSERVED},
            headers={"authorization": f"Bearer {token}"},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found.update(item["payload"]["source"].partition("/")[2] for item in page["items"])
        if page["next_after"] == page["head"]:
            return found
        after = page["next_after"]


async def start(demo: Process) -> tuple[float, Any]:
    began = time.monotonic()
    demo.start()
    state = demo.data_dir / "demo.json"
    await demo.ready(state)
    return time.monotonic() - began, json.loads(state.read_text())


def stop(demo: Process) -> float:
    began = time.monotonic()
    assert demo.interrupt() == 0, demo.output
    assert "Traceback" not in demo.output
    assert demo.leftovers() == []
    return time.monotonic() - began


async def test_the_demo_survives_a_kill_is_used_and_starts_warm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = tmp_path / "now"
    clock.write_text(NOW.isoformat())
    with process("demo", HEADWATER_CLOCK_FILE=str(clock)) as demo:
        demo.start()
        await demo.said("Events of deals taken")
        demo.kill()
        assert not (demo.data_dir / "demo.json").exists()
        clock.write_text(NEXT_DAY.isoformat())  # what was begun is completed, nothing is begun anew
        cold, state = await start(demo)
        assert (demo.data_dir / "demo.json").stat().st_mode & 0o777 == 0o600
        assert set(state) == {
            "url", "tenant", "tokens", "rep", "unit", "plan", "metric", "period", "webhook",
        }  # fmt: skip
        assert (state["url"], state["tenant"], state["period"]) == (demo.url, "demo", "2026-Q4")
        for shown in (
            *state["tokens"].values(),
            f"{demo.url}/graphql",
            "curl -s ",
            "query RepBoard",
        ):
            assert shown in demo.output
        async with httpx.AsyncClient(base_url=demo.url, timeout=30, trust_env=False) as client:
            await _use(client, demo, state)
        stopped = stop(demo)
        doctor = demo.run("doctor")
        assert doctor.returncode == 0, doctor.stdout + doctor.stderr
        assert all(service in doctor.stdout for service in ("kpi", "customers", "incentives"))
        warm, again = await start(demo)
        assert again["webhook"]["secret"] == state["webhook"]["secret"]
        assert again["webhook"]["sample"]["account"] == state["webhook"]["sample"]["account"]
        assert all(again[name] == state[name] for name in ("rep", "unit", "plan", "period"))
        async with httpx.AsyncClient(base_url=demo.url, timeout=30, trust_env=False) as client:
            await check_loaded(client, demo, again)
            sample = state["webhook"]["sample"]["deal"]
            assert await head(client, again, sample)
            assert (await post_sample(client, again, "msg_first"))["duplicates"] == 1
        stop(demo)
    with capsys.disabled():
        told = f"demo: completed in {cold:.1f} s, warm {warm:.1f} s, stopped in {stopped:.1f} s"
        print("\n" + told, end="")  # noqa: T201 — measured


async def need_operations(client: httpx.AsyncClient, state: Any, role: str) -> None:
    """The contract's five operations: no error, and nothing null but what the role may not see."""
    headers = {"authorization": f"Bearer {state['tokens'][role]}"}
    known = {name: state[name] for name in ("rep", "unit", "plan", "period", "metric")}

    async def ask(operation: str, *names: str) -> Any:
        answer = await client.post(
            "/graphql", headers=headers,
            json={
                "query": boards.OPERATIONS[operation],
                "variables": {name: known[name] for name in names},
            },
        )  # fmt: skip
        assert "errors" not in answer.json(), (role, operation, answer.text)
        return answer.json()["data"]

    for operation, names in (
        ("rep_board", ("rep", "period")), ("team_board", ("unit", "period", "metric")),
        ("cascade", ("plan",)),
    ):  # fmt: skip
        found = set(boards.nulls(await ask(operation, *names)))
        assert found == boards.expected_nulls(role, operation), (role, operation)
    activated = (await ask("activate", "plan"))["planActivate"]
    if role in boards.ACTIVATES:
        assert activated["plan"] == {"id": state["plan"], "state": "ACTIVE"}
        assert activated["offset"] is not None
    else:
        assert activated["code"] == "FORBIDDEN"
    stack = RunningStack(state["url"], client, Signer(Ed25519PrivateKey.generate()))
    variables = {name: known[name] for name in ("rep", "period")}
    async with stack.subscribed(headers, boards.OPERATIONS["live"], **variables) as websocket:
        payload = (await next_message(websocket))["payload"]
    assert "errors" not in payload, (role, payload)
    assert payload["data"]["repChanged"]["rep"]["id"] == state["rep"]


async def need_story(client: httpx.AsyncClient, state: Any) -> None:
    """The problems that the demo has on purpose are found."""
    headers = {"authorization": f"Bearer {state['tokens']['finance']}"}

    async def get(path: str, **query: Any) -> list[Any]:
        answer = await client.get(path, params=query, headers=headers)
        assert answer.status_code == 200, (path, answer.text)
        items: list[Any] = answer.json()["items"]
        return items

    period = {"period": state["period"]}
    units = {
        unit["external_id"].removeprefix("crm:"): unit["id"]
        for unit in await get("/targets/v1/units", id=[f"crm:{u.key}" for u in company.UNITS])
    }
    compared = await get(
        "/kpi/v1/attainments", scope=list(units.values()), metric="sales", **period
    )
    lights = {item["scope"]: item["light"] for item in compared}
    in_red = {name for name, unit in units.items() if lights[unit] == "red"}
    assert in_red == {company.TEAM_IN_RED}
    whole = next(item for item in compared if item["scope"] == units["company"])
    assert whole["target"] == "30000000.00"
    (weak,) = await get("/kpi/v1/funnels", scope=units[company.WEAK_TEAM], **period)
    assert "intent" in {narrow["stage"] for narrow in weak["bottlenecks"]}
    (alerts,) = await get("/kpi/v1/alerts", scope=units[company.TEAM_IN_RED])
    assert "red" in {alert["light"] for alert in alerts["alerts"]}
    settled = await get("/incentives/v1/statements", period="2026-Q3", limit=100)
    assert {statement["status"] for statement in settled} == {"closed"}
    assert len(settled) >= len(people.REPS) - 3
    (pay,) = await get("/incentives/v1/earnings", member=state["rep"], **period)
    assert "adjustment" in {line["explain"]["rule"] for line in pay["lines"]}
    (asleep,) = [one for one in History(SEED, TODAY).customers if one.sleeps_from is not None]
    (sleeper,) = await get("/customers/v1/customers", id=asleep.key)
    assert sleeper["name"] == asleep.name


async def check_loaded(client: httpx.AsyncClient, demo: Process, state: Any) -> None:
    """Every item of the generator is in the log, once."""
    tenant = await client.get(
        "/targets/v1/tenant", headers={"authorization": f"Bearer {state['tokens']['admin']}"}
    )
    loaded = {
        key: count
        for key, count in (await observed(client, demo, tenant.json()["id"])).items()
        if key.startswith("sha256:")
    }
    understood = mapping.compile(company.MAPPING)
    expected = Counter(
        understood.key(item)
        for batch in exports.batches(History(SEED, TODAY), SEED)
        for item in batch
    )
    assert loaded == expected
    assert set(expected.values()) == {1}


async def _use(client: httpx.AsyncClient, demo: Process, state: Any) -> None:
    await check_loaded(client, demo, state)
    before = stages(await graphql(client, state))
    assert all(before[code][0] for code in ("lead", "intent", "negotiation", "won", "lost"))
    assert (await graphql(client, state, "manager"))["name"] == "李伟 Li Wei"
    for role in boards.BY_ROLE:
        await need_operations(client, state, role)
    await need_story(client, state)
    assert (await post_sample(client, state, "msg_first"))["accepted"] == 1
    assert (await post_sample(client, state, "msg_first"))["duplicates"] == 1

    async def shows_it() -> bool:
        # At least, because the trickle moves the same funnel.
        return stages(await graphql(client, state))["intent"][0] > before["intent"][0]

    await until(shows_it, 30)
    taken = await head(client, state, state["webhook"]["sample"]["deal"])

    async def trickles() -> bool:
        answer = await client.get(
            "/kpi/v1/heads", headers={"authorization": f"Bearer {_service(demo)}"}
        )
        return any(offset > taken for offset in answer.json()["heads"].values())

    await until(trickles, 60)


def _service(demo: Process) -> str:
    signer = Signer.from_file(demo.data_dir / "signing.pem")
    return signer.service_token("gateway", company.TENANT, "")
