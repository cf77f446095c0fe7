"""The maven example's script makes plans, and the contract's operations run on what was imported."""

import asyncio
import json
import subprocess
import sys
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from headwater.installation import Installation
from headwater.settings import HeadwaterSettings
from services.kit.auth import ROLES, Signer
from tests.support.imports import import_deals, import_members, serving_at_a_port
from tests.support.maven import DEALS, EXAMPLE, Count
from tests.support.processes import ROOT
from tests.support.stack import RunningStack, next_message

pytestmark = pytest.mark.timeout(300)
FIVE = {
    name: (ROOT / f"gateway/operations/{name}.graphql").read_text()
    for name in ("rep_board", "team_board", "cascade", "activate", "live")
}


def test_the_example_makes_plans_and_the_contracts_operations_run_on_them(
    settings: HeadwaterSettings, folder: Path, count: Count
) -> None:
    import_members(settings, folder)
    import_deals(settings, folder / DEALS)
    agent, before, sold = count.one(
        "SELECT agent, sum(value) FILTER (closed_on BETWEEN '2017-07-01' AND '2017-09-30') AS before,"
        " sum(value) FILTER (closed_on BETWEEN '2017-10-01' AND '2017-12-31') AS sold"
        " FROM deal GROUP BY agent HAVING before > 0 ORDER BY sold DESC NULLS LAST, agent LIMIT 1"
    )
    with serving_at_a_port(settings) as url:
        signer = Installation(settings).keys().signer
        tokens = {
            role: signer.sign(tenant="maven", role=role, subject=role, seconds=900)
            for role in ("sales_ops", "finance")
        }
        made = [make_plans(url, tokens) for _ in range(2)]
        assert made[0] == made[1]
        asyncio.run(need_boards(url, tokens, made[0]["plan"], agent, before, sold))
        asyncio.run(need_every_role(url, signer, made[0]["plan"], agent))


async def need_every_role(url: str, signer: Signer, plan: str, agent: str) -> None:
    """The five run as each role without an error, Live to its first event."""
    rep = f"maven:{agent}"
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        stack = RunningStack(url, client, signer)
        variables = {"rep": rep, "period": "2017-Q4"}
        asked = {
            "rep_board": variables, "cascade": {"plan": plan}, "activate": {"plan": plan},
            "team_board": {"unit": "maven:company", "period": "2017-Q4", "metric": "sales"},
        }  # fmt: skip
        board = await stack.query(stack.token("maven", "finance"), FIVE["rep_board"], **variables)
        manager = board["data"]["rep"]["manager"]["id"]
        for role in (role for role in ROLES if role != "service"):
            held = {"rep": rep, "manager": manager}.get(role)
            headers = stack.token("maven", role, held)
            for operation, given in asked.items():
                answer = await stack.query(headers, FIVE[operation], **given)
                assert "errors" not in answer, (role, operation, answer["errors"])
            async with stack.subscribed(headers, FIVE["live"], **variables) as websocket:
                message = await next_message(websocket)
                assert message["type"] == "next", (role, message)
                assert "errors" not in message["payload"], (role, message)


def make_plans(url: str, tokens: dict[str, str]) -> Any:
    """The example's script, as its README says."""
    done = subprocess.run(
        [sys.executable, EXAMPLE / "plans.py", "--url", url,
         "--sales-ops", tokens["sales_ops"], "--finance", tokens["finance"]],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def need_boards(
    url: str, tokens: dict[str, str], plan: str, agent: str, before: Decimal, sold: Decimal
) -> None:
    """The targets are the history's, the actuals are those of the file, and pay follows its bands."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:

        async def ask(operation: str, **variables: Any) -> Any:
            answer = await client.post(
                "/graphql", json={"query": FIVE[operation], "variables": variables},
                headers={"authorization": f"Bearer {tokens['finance']}"},
            )  # fmt: skip
            assert "errors" not in answer.json(), answer.text
            return answer.json()["data"]

        rep = (await ask("rep_board", rep=f"maven:{agent}", period="2017-Q4"))["rep"]
        (sales,) = [one for one in rep["targets"] if one["metric"]["code"] == "sales"]
        assert Decimal(sales["actual"]) == sold
        # 10 % more, but for what rounding four times over two axes leaves.
        assert abs(Decimal(sales["target"]) - before * 11 / 10) < Decimal("0.05")
        attained = (100 * sold / Decimal(sales["target"])).quantize(Decimal("0.1"), ROUND_HALF_UP)
        assert Decimal(sales["attainment"]) == attained
        months = [Decimal(child["target"]) for child in sales["children"]]
        assert (len(months), sum(months)) == (3, Decimal(sales["target"]))
        earned = rep["earnings"]["earned"]
        assert earned == {"amount": str(commission(sold)), "currency": "USD"}
        assert sum(
            Decimal(one["amount"]["amount"]) for one in rep["earnings"]["lines"]
        ) == commission(sold)
        unit = (await ask("team_board", unit="maven:company", period="2017-Q4", metric="sales"))[
            "unit"
        ]
        below = [Decimal(child["target"]["target"]) for child in unit["children"]]
        assert sum(below) == Decimal(unit["target"]["target"])
        board = (await ask("cascade", plan=plan))["plan"]
        assert board["root"]["target"] == board["root"]["allocated"] == unit["target"]["target"]
        assert (await ask("activate", plan=plan))["planActivate"]["code"] == "FORBIDDEN"


def commission(sold: Decimal) -> Decimal:
    """By the example's bands: 4 % up to 50,000, 6 % up to 100,000, 8 % above."""
    slices = (
        min(sold, Decimal(50_000)),
        min(max(sold - 50_000, 0), Decimal(50_000)),
        max(sold - 100_000, 0),
    )
    return sum(
        (part * rate).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        for part, rate in zip(
            slices, (Decimal("0.04"), Decimal("0.06"), Decimal("0.08")), strict=True
        )
    )
