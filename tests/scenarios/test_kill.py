"""What was acknowledged is there once, whatever is killed: the process, ten times; the database."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from headwater.postgres import postmaster
from services.kit.auth import Signer
from services.kit.clock import SystemClock
from services.kpi.vendors import standard_webhooks
from tests.support.gate import until
from tests.support.processes import Process, process
from tests.support.stack import RunningStack, Tenant

KILLS, DATABASE_KILLS, SENDERS = 10, 2, 4
PATH = ("lead", "intent", "negotiation", "won")
AMOUNT = 12_345_67
PAUSE_SECONDS = 0.1


@dataclass
class Load:
    """Senders that post signed deliveries of many deals, each again until it is acknowledged."""

    tenant: Tenant
    client: httpx.AsyncClient
    accepted: Counter[str] = field(default_factory=Counter)
    sent: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: list[httpx.Response] = field(default_factory=list)
    finishing: bool = False

    def next_delivery(self) -> tuple[str, dict[str, Any]]:
        deal, step = divmod(len(self.sent), len(PATH))
        owner = ("ann", "ben", "cai")[deal % 3]
        item: dict[str, Any] = {
            "deal": f"D-{deal}", "at": f"2024-0{step + 1}-10T09:00:00+08:00", "stage": PATH[step],
        }  # fmt: skip
        if step == 0:
            item |= {"owner": owner, "amount": f"{AMOUNT // 100}.{AMOUNT % 100:02}"}
        message_id = f"msg_{deal}_{step}"
        self.sent[message_id] = item
        return message_id, item

    async def send(self) -> None:
        while not self.finishing:
            message_id, item = self.next_delivery()
            while not await self.delivered(message_id, item):
                await asyncio.sleep(PAUSE_SECONDS)

    async def delivered(self, message_id: str, item: dict[str, Any]) -> bool:
        headers = {**standard_webhooks.sign(
            standard_webhooks.secret_bytes(self.tenant.secret), message_id, SystemClock().now(),
            body := httpx.Request("POST", "http://x", json=item).content,
        ), "content-type": "application/json"}  # fmt: skip
        try:
            answer = await self.client.post(self.tenant.webhook_path, content=body, headers=headers)
        except httpx.HTTPError:
            return False
        self.answers.append(answer)
        if answer.status_code != 202:
            return False
        counts = answer.json()
        assert counts["accepted"] + counts["duplicates"] == 1, counts
        self.accepted[message_id] += 1
        return True

    async def more(self, count: int) -> None:
        """Wait for that many acknowledgements from now on."""
        goal = self.accepted.total() + count

        async def enough() -> bool:
            return self.accepted.total() >= goal

        await until(enough, 120)

    @contextlib.asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Senders at work; what they began is acknowledged at the end of the block."""
        async with asyncio.TaskGroup() as senders:
            for _ in range(SENDERS):
                senders.create_task(self.send())
            try:
                yield
            finally:
                self.finishing = True


@contextlib.asynccontextmanager
async def connected(serving: Process) -> AsyncIterator[tuple[RunningStack, Load]]:
    """A running process with one tenant, and what will send to it."""
    serving.start()
    await serving.ready()
    signer = Signer.from_file(serving.data_dir / "signing.pem")
    async with httpx.AsyncClient(base_url=serving.url, timeout=20, trust_env=False) as client:
        stack = RunningStack(serving.url, client, signer)
        yield stack, Load(await stack.tenant("acme"), client)


async def log_of(stack: RunningStack, tenant: Tenant) -> list[dict[str, Any]]:
    token = stack.signer.service_token("gateway", tenant.name, tenant.id)
    entries: list[dict[str, Any]] = []
    while True:
        answer = await stack.client.get(
            "/kpi/v1/feed", params={"after": len(entries)},
            headers={"authorization": f"Bearer {token}"},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        entries += answer.json()["items"]
        if len(entries) >= answer.json()["head"]:
            return entries


async def check(stack: RunningStack, load: Load) -> None:
    """Everything sent is in the log exactly once, and the funnel says what was sent."""
    tenant = load.tenant
    assert set(load.accepted) == set(load.sent)
    entries = await log_of(stack, tenant)
    assert [entry["offset"] for entry in entries] == list(range(1, len(entries) + 1))
    observed = Counter(
        entry["payload"]["source"].partition("/")[2]
        for entry in entries
        if entry["type"] == "deal.observed.v1"
    )
    assert observed == Counter(dict.fromkeys(load.sent, 1))

    last: dict[str, str] = {}
    owners: dict[str, str] = {}
    for item in load.sent.values():  # in the order of each deal's path
        last[item["deal"]] = item["stage"]
        owners.setdefault(item["deal"], item.get("owner", ""))
    expected = {
        member: {
            stage: (
                sum(i["stage"] == stage and owners[i["deal"]] == member for i in load.sent.values()),
                sum(last[deal] == stage != "won" for deal in last if owners[deal] == member),
            )
            for stage in PATH
        }
        for member in ("ann", "ben", "cai")
    }  # fmt: skip
    answer = await stack.client.get(
        "/kpi/v1/funnels", headers=stack.token(tenant.name),
        params={
            "scope": [tenant.members[name] for name in expected], "period": "2024",
            "min_offset": len(entries),
        },
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    names = {id_: name for name, id_ in tenant.members.items()}
    items = answer.json()["items"]
    shown = {
        names[item["scope"]]: {
            stage["code"]: (stage["entered"], stage["open"])
            for stage in item["stages"]
            if stage["code"] in PATH
        }
        for item in items
    }
    assert shown == expected
    won = sum(expected[name]["won"][0] for name in expected)
    assert won > 0
    paid = sum(int(item["won"]["amount"]["amount"].replace(".", "")) for item in items)
    assert paid == won * AMOUNT


def told(words: str, seconds: Sequence[float] = ()) -> None:
    print("\n" + words, *(f"{each:.1f}" for each in seconds), end="")  # noqa: T201 — measured


async def test_ten_kills_under_load_lose_and_double_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    chance = random.Random(20_261_123)  # noqa: S311 — not a secret
    recoveries = []
    with process("serve", HEADWATER_LOG_LEVEL="warning") as serving:
        async with connected(serving) as (stack, load):
            async with load.flowing():
                for _ in range(KILLS):
                    await load.more(chance.randint(1, 80))
                    serving.kill()
                    killed = time.monotonic()
                    serving.start()
                    await load.more(SENDERS + 1)  # that many may have been on their way
                    recoveries.append(time.monotonic() - killed)
            assert {answer.status_code for answer in load.answers} <= {202, 503}
            await check(stack, load)
        doctor = serving.run("doctor")
        assert doctor.returncode == 0, doctor.stdout + doctor.stderr
        assert serving.interrupt() == 0, serving.output
        assert serving.leftovers() == []
    again = sum(a.status_code == 202 and a.json()["duplicates"] for a in load.answers)
    with capsys.disabled():
        told(f"{len(load.sent)} deliveries, {again} stored before a kill and acknowledged after it")
        told("seconds to recover from kill -9:", recoveries)


async def test_a_killed_database_is_unavailable_and_comes_back_by_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recoveries = []
    with process("serve", HEADWATER_LOG_LEVEL="error") as serving:
        async with connected(serving) as (stack, load):
            async with load.flowing():
                for _ in range(DATABASE_KILLS):
                    await load.more(100)
                    pid = postmaster.find(serving.cluster)
                    assert pid is not None
                    before = len(load.answers)
                    os.kill(pid, signal.SIGKILL)
                    killed = time.monotonic()

                    async def is_refused(since: int = before) -> bool:
                        return any(answer.status_code == 503 for answer in load.answers[since:])

                    await until(is_refused, 60)
                    await load.more(SENDERS + 1)
                    recoveries.append(time.monotonic() - killed)
            refusals = [answer for answer in load.answers if answer.status_code != 202]
            assert {refusal.status_code for refusal in refusals} == {503}, serving.output
            assert all(int(refusal.headers["retry-after"]) >= 1 for refusal in refusals)
            await check(stack, load)
        assert serving.interrupt() == 0, serving.output
        assert "Traceback" not in serving.output, serving.output
        assert serving.leftovers() == []
    with capsys.disabled():
        told("seconds to recover from a killed database:", recoveries)
