"""A month of one team, on the test clock: from the plan to statements that stay closed.

Read it like a story. Ann and Ben sell in the team North, which the boss manages; Fay keeps the
books, Olga runs sales operations. Every figure is asked for as its reader would ask.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from headwater.databases import Urls
from services.kit import ids
from services.kit.period import local_midnight
from services.kpi import jobs
from tests.support.gate import until
from tests.support.kpi import MovingClock
from tests.support.stack import RunningStack, Tenant, running_stack

SHANGHAI = ZoneInfo("Asia/Shanghai")
BANDS = [
    {"up_to": "1000000.00", "rate_bp": 800}, {"up_to": "2000000.00", "rate_bp": 1_000},
    {"up_to": None, "rate_bp": 1_200},
]  # fmt: skip
BOARD = """
query Board($rep: ID!, $period: Period!) {
  rep(id: $rep) {
    targets(period: $period) {
      metric { code } target actual attainment pace light
      children(axis: TIME) { period target actual }
      explain { rule text zh: text(language: ZH) }
    }
    earnings(period: $period) {
      status earned { amount } projected { amount } nextBand { gap { amount } worth { amount } }
      lines { component amount { amount } explain { rule text } eventIds }
    }
    alerts { nodes { id light status metric { code } message zh: message(language: ZH) } }
    tasks { nodes { id kind dueOn overdue customer { name } } }
    customerMix { byTier { tier count revenue { amount } } }
  }
}
"""


@dataclass
class Story:
    """The company, its clock, and the people who ask and act."""

    stack: RunningStack
    clock: MovingClock
    tenant: Tenant
    offset: int = 0
    statements: dict[str, str] = field(default_factory=dict)

    def rep(self, name: str) -> str:
        return self.tenant.members[name]

    async def at(self, day: str, hour: int = 9) -> None:
        """Go on to a day and hour; the log has started it, and everybody has heard."""
        on = date.fromisoformat(day)
        wanted = local_midnight(on, SHANGHAI) + timedelta(hours=hour)
        while self.clock.at < wanted:
            self.clock.at = min(wanted, self.clock.at + timedelta(days=1))
            await until(self._day_started, 30)
        await self._settled()

    async def _day_started(self) -> bool:
        on = self.clock.at.astimezone(SHANGHAI).date().isoformat()
        kpi = self.stack.service(self.tenant, "customers")
        feed = await self.stack.client.get(
            "/kpi/v1/feed", headers=kpi, params={"type": "day.started.v1", "limit": 1_000}
        )
        return any(item["payload"]["day"] == on for item in feed.json()["items"])

    async def _settled(self) -> None:
        """Every service has taken all of the log, facts of the last ones included."""

        async def quiet() -> bool:
            heads = await self._head()
            for service in ("kpi", "targets", "customers", "incentives"):
                path = f"/{service}/v1/changes?after=-1"
                answer = await self.stack.client.get(path, headers=self._service(service))
                if answer.json()["offset"] < heads:
                    return False
                if service != "kpi":
                    box = await self.stack.client.get(
                        f"/{service}/v1/outbox", headers=self.as_("admin")
                    )
                    if box.json()["pending"]:
                        return False
            return await self._head() == heads

        await until(quiet, 30)
        self.offset = await self._head()

    async def _head(self) -> int:
        answer = await self.stack.client.get("/kpi/v1/heads", headers=self._service("kpi"))
        return int(answer.json()["heads"][self.tenant.id])

    def _service(self, name: str) -> dict[str, str]:
        return self.stack.service(self.tenant, name)

    def as_(self, role: str, member: str | None = None) -> dict[str, str]:
        held = self.tenant.members.get(member) if member else None
        return self.stack.token(self.tenant.name, role, held)

    async def ask(
        self, method: str, path: str, who: dict[str, str], body: Any = None, status: int = 200
    ) -> Any:
        answer = await self.stack.client.request(method, path, headers=who, json=body)
        assert answer.status_code == status, f"{path}: {answer.text}"
        return answer.json()

    async def event(self, type_: str, at: str, status: int = 202, **data: Any) -> None:
        """What a program of the company's posts; times are Shanghai's."""
        event = {
            "id": ids.new(), "source": "story", "type": type_, "time": f"{at}:00+08:00",
            "data": data,
        }  # fmt: skip
        await self.ask("POST", "/kpi/v1/events", self.as_("sales_ops"), [event], status)
        await self._settled()

    async def deal(self, deal: str, at: str, stage: str, **more: Any) -> None:
        await self.event("deal.observed.v1", at, deal=deal, stage=stage, **more)

    async def board(self, name: str, period: str = "2026-01", who: Any = None) -> Any:
        answer = await self.stack.query(
            who or self.as_("rep", name), BOARD, rep=self.rep(name), period=period
        )
        assert "errors" not in answer, answer
        return answer["data"]["rep"]

    async def target(self, name: str, metric: str, period: str = "2026-01") -> Any:
        board = await self.board(name, period)
        return next(t for t in board["targets"] if t["metric"]["code"] == metric)


@pytest.fixture
async def story(fresh: dict[str, Urls], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Story]:
    monkeypatch.setattr(jobs, "_LOOK_SECONDS", 0.02)  # days go by faster here
    clock = MovingClock(datetime(2025, 12, 30, 1, tzinfo=UTC))
    async with running_stack(fresh, clock) as stack:
        tenant = await stack.tenant("acme")
        yield Story(stack, clock, tenant)


async def test_a_month_of_the_team_north(story: Story) -> None:
    await the_plan(story)
    await the_first_week(story)
    await the_middle_of_the_month(story)
    await the_last_week(story)
    await the_close(story)
    await after_the_close(story)


async def the_plan(story: Story) -> None:
    """Before the year begins, Olga cascades the quarter and Fay makes the pay plan."""
    olga, fay = story.as_("sales_ops"), story.as_("finance")
    await story.at("2025-12-30", 10)
    units = story.tenant.units

    async def plan(metric: str, period: str, target: str, *splits: Any) -> str:
        made = await story.ask("POST", "/targets/v1/plans", olga, {
            "name": f"{metric} {period}", "metric": metric, "owner_id": units["north"],
            "period": period, "target": target,
        }, 201)  # fmt: skip
        path = f"/targets/v1/plans/{made['plan']['id']}"
        body = {"splits": [{"of": "leaves", **split} for split in splits]}
        await story.ask("POST", f"{path}/splits", olga, body)
        await story.ask("POST", f"{path}/propose", olga)
        return path

    reps = [story.rep("ann"), story.rep("ben")]
    halves = {"axis": "organisation", "method": "shares",
              "parts": [{"owner_id": rep, "share_bp": 5_000} for rep in reps]}  # fmt: skip
    months = {"axis": "time", "method": "shares", "into": "month", "parts": [
        {"period": f"2026-0{n}", "share_bp": bp} for n, bp in ((1, 3_000), (2, 3_500), (3, 3_500))
    ]}  # fmt: skip
    sales = await plan("sales", "2026-Q1", "20000000.00", months, halves)
    visits = await plan(
        "visits", "2026-01", "80",
        halves, {"axis": "time", "method": "calendar_days", "into": "week"},
    )  # fmt: skip

    # Nobody has agreed yet, so an approval needs a reason; once all have, it needs none.
    refused = await story.ask("POST", f"{sales}/approve", olga, {}, 409)
    assert refused["code"] == "consensus_missing"
    for path in (sales, visits):
        for role, name in (("rep", "ann"), ("rep", "ben"), ("manager", "boss")):
            await acknowledge(story, path, role, name)
        await story.ask("POST", f"{path}/approve", olga, {})
        done = await story.ask("POST", f"{path}/activate", olga)
        assert (done["plan"]["state"], done["plan"]["consensus_rate"]) == ("active", "100.0")

    january = await story.target("ann", "sales")
    assert january["target"] == "3000000.00"  # 20 million, 30 % of it in January, half of that
    assert "3,000,000.00" in january["explain"]["text"]
    assert "3,000,000.00" in january["explain"]["zh"]

    document = {
        "name": "Commission", "period": "month", "currency": "CNY",
        "components": [{"code": "commission", "kind": "commission", "mode": "marginal",
                        "bands": BANDS}],
    }  # fmt: skip
    pay = await story.ask("POST", "/incentives/v1/plans", fay, document, 201)
    await story.ask(
        "POST", f"/incentives/v1/plans/{pay['plan']['id']}/activate", fay,
        {"effective_from": "2026-01"},
    )  # fmt: skip


async def acknowledge(story: Story, path: str, role: str, name: str) -> None:
    """A person accepts what is theirs in the plan: the own targets, a manager the unit's."""
    who = story.as_(role, name)
    owner = story.tenant.units["north"] if role == "manager" else story.rep(name)
    plan = (await story.ask("GET", f"/targets/v1/plans?id={path.rpartition('/')[2]}",
                            story.as_("sales_ops")))["items"][0]  # fmt: skip
    waiting = [plan["root"]]
    while waiting:
        node = waiting.pop()
        if node["owner"]["id"] == owner:
            await story.ask("POST", f"/targets/v1/targets/{node['id']}/acknowledge", who)
            return
        below = await story.ask(
            "GET", f"/targets/v1/targets/children?id={node['id']}", story.as_("sales_ops")
        )
        waiting += below["items"][0]["children"]
    raise AssertionError(f"{name} has no target in {path}")


async def the_first_week(story: Story) -> None:
    """Ben visits nobody, Ann visits all; on Sunday evening the lights say so."""
    for day in ("2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08"):
        await story.at(day, 18)
        for hour in (9, 11, 14):
            await story.event(
                "activity.observed.v1", f"{day}T{hour:02}:30", activity=f"{day}/{hour}",
                activity_kind="visit", owner="crm:ann", account="Acme",
            )  # fmt: skip
    await story.deal("D-1", "2026-01-07T09:00", "lead", amount="880000.00", owner="crm:ann",
                     account="Acme")  # fmt: skip
    await story.at("2026-01-11", 20)
    week = await story.target("ann", "visits", "2026-01-W2")
    assert (week["actual"], week["light"]) == ("12", "GREEN")
    assert (await story.target("ben", "visits", "2026-01-W2"))["light"] == "RED"

    # One cause, one alert; the supervisor sees it, in both languages.
    (alert,) = [one for one in (await story.board("ben"))["alerts"]["nodes"]
                if one["metric"]["code"] == "visits"]  # fmt: skip
    assert (alert["light"], alert["status"]) == ("RED", "OPEN")
    assert alert["message"] != alert["zh"]
    seen = await story.board("ben", who=story.as_("manager", "boss"))
    assert alert["id"] in [one["id"] for one in seen["alerts"]["nodes"]]


async def the_middle_of_the_month(story: Story) -> None:
    """Ann wins, with Ben's help in one deal; customers get their tiers."""
    await story.at("2026-01-15", 18)
    await story.deal("D-1", "2026-01-15T16:00", "won")
    ann = await story.board("ann")
    earnings = ann["earnings"]
    assert earnings["earned"]["amount"] == "70400.00"  # 880,000 at 8 %
    assert earnings["nextBand"] == {"gap": {"amount": "120000.00"}, "worth": {"amount": "9600.00"}}
    (line,) = earnings["lines"]
    assert "880,000.00" in line["explain"]["text"]
    assert len(line["eventIds"]) == 1

    # 30 days after the win somebody looks whether it brought what was promised.
    (task,) = ann["tasks"]["nodes"]
    assert (task["dueOn"], task["overdue"]) == ("2026-02-14", False)

    await story.deal("D-2", "2026-01-15T17:00", "won", amount="1000.01", account="Beta", owners=[
        {"owner": "crm:ann", "share_bp": 6_000}, {"owner": "crm:ben", "share_bp": 4_000},
    ])  # fmt: skip
    actuals = [(await story.target(name, "sales"))["actual"] for name in ("ann", "ben")]
    assert actuals == ["880600.01", "400.00"]
    assert sum(map(Decimal, actuals)) == Decimal("881000.01")

    for account, fee in (("Acme", "100000.00"), ("Beta", "29999.99")):
        await story.event(
            "contract.observed.v1", "2026-01-15T18:00", contract=f"C-{account}", account=account,
            annual_fee=fee, amount=fee, owner="crm:ann",
            starts_on="2026-01-15", ends_on="2027-01-14",
        )  # fmt: skip
    mix = {one["tier"]: one["count"] for one in (await story.board("ann"))["customerMix"]["byTier"]}
    assert (mix.get("growth"), mix.get("basic"), mix.get("strategic", 0)) == (1, 1, 0)


async def the_last_week(story: Story) -> None:
    """Ben closes a large deal, one of Ann's is paid back, and nobody sees the other's pay."""
    await story.at("2026-01-29", 18)
    await story.deal("D-3", "2026-01-29T15:00", "won", amount="2500000.00", owner="crm:ben",
                     account="Gamma")  # fmt: skip
    ben = await story.board("ben")
    assert (
        ben["earnings"]["earned"]["amount"] == "240048.00"
    )  # 2,500,400: 80 + 100 + 60.048 thousand
    sales = await story.target("ben", "sales")
    assert (sales["actual"], sales["light"]) == ("2500400.00", "GREEN")

    await story.event("refund.observed.v1", "2026-01-29T16:00", refund="R-1", deal="D-2",
                      account="Beta", amount="1000.01")  # fmt: skip
    earned = [(await story.board(name))["earnings"]["earned"]["amount"] for name in ("ann", "ben")]
    assert earned == ["70400.00", "240000.00"]  # win and refund are nothing, to the cent

    peer = await story.stack.query(
        story.as_("rep", "ann"), BOARD, rep=story.rep("ben"), period="2026-01"
    )
    assert peer["data"]["rep"] is None
    boss = await story.board("ben", who=story.as_("manager", "boss"))
    assert boss["earnings"]["earned"]["amount"] == "240000.00"
    assert boss["earnings"]["lines"] is None


async def the_close(story: Story) -> None:
    """In February the month is closed: in the log by kpi, in the books by Fay."""
    await story.at("2026-02-02", 10)
    closed = await story.ask("GET", "/kpi/v1/feed?type=metric.closed.v1",
                             story.stack.service(story.tenant, "incentives"))  # fmt: skip
    sales = [one["payload"] for one in closed["items"]
             if (one["payload"]["metric"], one["payload"]["period"]) == ("sales", "2026-01")]  # fmt: skip
    values = {value["scope"]: value["numerator"] for part in sales for value in part["values"]}
    assert values[story.rep("ben")] == 250_040_000

    fay = story.as_("finance")
    listed = await story.ask("GET", "/incentives/v1/statements?period=2026-01", fay)
    for statement in listed["items"]:
        path = f"/incentives/v1/statements/{statement['id']}"
        await story.ask("POST", f"{path}/approve", fay)
        done = await story.ask("POST", f"{path}/close", fay)
        assert done["statement"]["status"] == "closed"
        story.statements[statement["member_id"]] = path
    assert (await story.board("ben"))["earnings"]["status"] == "CLOSED"


async def after_the_close(story: Story) -> None:
    """A win of January that comes late is paid in February; January stays as it was closed."""
    fay, path = story.as_("finance"), story.statements[story.rep("ann")]
    before = await story.ask("GET", path, fay)
    await story.at("2026-02-03", 11)
    await story.deal("D-4", "2026-01-30T11:00", "won", amount="120000.00", owner="crm:ann",
                     account="Acme")  # fmt: skip
    assert await story.ask("GET", path, fay) | {"offset": 0} == before | {"offset": 0}
    february = (await story.board("ann", "2026-02"))["earnings"]
    (line,) = february["lines"]
    assert (line["explain"]["rule"], line["amount"]["amount"]) == ("adjustment", "9600.00")
    assert "2026-01" in line["explain"]["text"]

    # What both months paid is what a calculation of the whole history gives: 8 % of a million.
    assert Decimal(before["statement"]["total"]) + Decimal("9600.00") == Decimal("80000.00")
