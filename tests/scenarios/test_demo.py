"""`make demo` as a newcomer meets it: killed half-way, started again, used, stopped, started warm."""

import json
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from headwater.demo import company, exports
from headwater.demo.deals import SEED, History
from services.kit.auth import Signer
from services.kpi.domain import mapping
from services.kpi.vendors import standard_webhooks
from tests.support.gate import until
from tests.support.processes import ROOT, Process, process

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
TODAY = date(2026, 11, 23)
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
            "/kpi/v1/feed", params={"after": after, "type": "deal.observed.v1"},
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
        for shown in (*state["tokens"].values(), f"{demo.url}/graphql", "curl -s "):
            assert shown in demo.output
        async with httpx.AsyncClient(base_url=demo.url, timeout=30, trust_env=False) as client:
            await _use(client, demo, state)
        stopped = stop(demo)
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
