"""The contract's five operations, word for word, as each role: in one process and in five."""

from typing import Any

import httpx
import pytest

from services.kit.clock import SystemClock
from tests.support import boards
from tests.support.planned import planned
from tests.support.stack import RunningStack, Tenant, next_message

YEAR = SystemClock().now().year
PERIOD = str(YEAR)
WON_AT = f"{YEAR}-01-01T09:00:00+08:00"
ROLES: dict[str, str | None] = {
    "rep": "ann", "manager": "boss", "sales_ops": None, "finance": None, "admin": None,
    "customer_success": "cai",
}  # fmt: skip


def headers_of(stack: RunningStack, acme: Tenant, role: str) -> dict[str, str]:
    member = ROLES[role]
    return stack.token(acme.name, role, acme.members[member] if member else None)


async def told(stack: RunningStack, acme: Tenant) -> int:
    """A customer, and a deal of 880,000 that Ann won; the log's offset."""
    customer = {
        "id": "c-1", "source": "crm", "type": "customer.observed.v1", "time": WON_AT,
        "data": {"account": "acme-1", "name": "Acme One", "owner": "crm:ann"},
    }  # fmt: skip
    answer = await stack.client.post(
        "/kpi/v1/events", json=[customer], headers=headers_of(stack, acme, "sales_ops")
    )
    assert answer.status_code == 202, answer.text
    won = {"deal": "D-1", "at": WON_AT, "stage": "won", "owner": "ann", "amount": "880000.00",
           "account": "acme-1"}  # fmt: skip
    return int((await stack.deliver(acme, won)).json()["offset"])


class Asking:
    """One role's way to the gateway."""

    def __init__(self, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
        self._client, self.headers = client, headers

    async def __call__(self, operation: str, **variables: Any) -> Any:
        answer = await self._client.post(
            "/graphql", headers=self.headers,
            json={"query": boards.OPERATIONS[operation], "variables": variables},
        )  # fmt: skip
        content = answer.json()
        assert "errors" not in content, (operation, answer.text)
        return content["data"]


@pytest.mark.timeout(300)
async def test_the_five_operations_run_as_each_role(stack: RunningStack) -> None:
    acme = await stack.tenant("acme")
    offset = await told(stack, acme)
    plan = await planned(stack, acme, YEAR)
    rep, unit = acme.members["ann"], acme.units["north"]
    for role in ROLES:
        ask = Asking(stack.client, headers_of(stack, acme, role))
        ask.headers["headwater-min-offset"] = str(offset)
        rep_board = (await ask("rep_board", rep=rep, period=PERIOD))["rep"]
        need_board(role, rep_board)
        team = (await ask("team_board", unit=unit, period=PERIOD, metric="sales"))["unit"]
        if role != "customer_success":
            assert (team["target"]["target"], team["target"]["actual"]) == (
                "600000.00",
                "880000.00",
            )
        cascade = (await ask("cascade", plan=plan))["plan"]
        # Everybody here has a place below the region, whose total they see.
        assert cascade["root"]["target"] == cascade["root"]["allocated"] == "1000000.00"
        activated = (await ask("activate", plan=plan))["planActivate"]
        assert activated.get("code") == (None if role in boards.ACTIVATES else "FORBIDDEN")
        variables = {"rep": rep, "period": PERIOD}
        live = boards.OPERATIONS["live"]
        async with stack.subscribed(ask.headers, live, **variables) as websocket:
            payload = (await next_message(websocket))["payload"]
            assert "errors" not in payload, (role, payload)
            assert payload["data"]["repChanged"]["rep"]["id"] == rep


def need_board(role: str, board: Any) -> None:
    """Every figure that a role may see is right, and the others are null."""
    withheld = {name for name in ("targets", "funnel") if board[name] is None}
    assert withheld == ({"targets", "funnel"} if role == "customer_success" else set())
    if board["funnel"] is not None:
        entered = {stage["code"]: stage["entered"] for stage in board["funnel"]["stages"]}
        assert entered["won"] == 1
    if board["targets"] is not None:
        (sales,) = board["targets"]
        assert (sales["target"], sales["actual"]) == ("300000.00", "880000.00")
        assert sales["attainment"] == "293.3"
        assert [child["target"] for child in sales["children"]] == ["75000.00"] * 4
    pay = board["earnings"]
    assert (pay is None) == (role in {"sales_ops", "admin", "customer_success"})
    if pay is not None:
        assert pay["earned"]["amount"] == "70400.00"
        assert pay["nextBand"]["gap"]["amount"] == "120000.00"
        assert pay["nextBand"]["worth"]["amount"] == "9600.00"
        assert (pay["lines"] is None) == (role == "manager")
