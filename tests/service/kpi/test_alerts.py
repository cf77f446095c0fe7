"""Alerts over the wire: opened, followed, acknowledged and resolved by the lights of targets."""

import random
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from headwater.databases import Urls
from services.kit import ids, limits
from services.kpi.actions.rebuild import FUNNEL
from tests.support.gate import until
from tests.support.kpi import Company, RunningKpi, moved, running_kpi
from tests.support.targets import target_set

MARCH = datetime(2026, 3, 11, 4, tzinfo=UTC)


class Desk:
    """A kpi with a company, on 11 March, and its alerts as somebody sees them."""

    def __init__(self, kpi: RunningKpi, company: Company) -> None:
        self.kpi, self.company = kpi, company
        self.ids = {**company.members, **company.units}
        self.offset = 0
        self.number = 0

    async def tell(self, *facts: Any) -> None:
        self.kpi.clock.move(seconds=1)
        self.offset = (await self.kpi.facts(self.company, *facts))["offset"]

    async def target(self, owner: str, cells: Mapping[str, int], **how: Any) -> None:
        kind = "member" if owner in self.company.members else "unit"
        fact = target_set(self.ids[owner], how.pop("metric", "sales"), cells, kind=kind, **how)
        await self.tell(fact)

    async def sell(self, owner: str, amount: str, at: str = "2026-03-05", stage: str = "won",
                   deal: str | None = None) -> None:  # fmt: skip
        self.number += 1
        body = {"deal": deal or f"S{self.number}", "at": f"{at}T09:00:00+08:00", "stage": stage,
                "owner": owner, "amount": amount}  # fmt: skip
        answer = await self.kpi.deliver(body)
        assert answer.json()["accepted"] == 1, answer.text
        self.offset = answer.json()["offset"]

    async def day(self, day: str) -> None:
        """Wait until this day has started for the projection."""
        database = self.kpi.app.state.kpi.database

        async def reached() -> bool:
            async with database.read(self.company.tenant_id) as connection:
                found = await connection.fetchval(
                    "SELECT max(e.subject) FROM entry AS e JOIN projection_cursor AS c "
                    "ON c.tenant_id = e.tenant_id AND e.log_offset <= c.log_offset "
                    "WHERE e.tenant_id = $1 AND e.type = 'day.started.v1'",
                    self.company.tenant_id,
                )
            return bool(found == f"day:{day}")

        await until(reached)

    async def ask(self, *scopes: str, role: str = "sales_ops", member: str | None = None,
                  **how: Any) -> httpx.Response:  # fmt: skip
        return await self.kpi.client.get(
            "/kpi/v1/alerts",
            headers=self.kpi.token(self.company.tenant, role, member and self.ids[member]),
            params={"scope": [self.ids[s] for s in scopes], "min_offset": self.offset, **how},
        )

    async def alerts(self, scope: str, **how: Any) -> list[dict[str, Any]]:
        answer = await self.ask(scope, **how)
        assert answer.status_code == 200, answer.text
        assert answer.headers["headwater-offset"] == str(answer.json()["offset"])
        (item,) = answer.json()["items"]
        assert item["scope"] == self.ids[scope]
        return item["alerts"]  # type: ignore[no-any-return]

    async def one(self, scope: str = "ann", **how: Any) -> dict[str, Any]:
        (found,) = await self.alerts(scope, **how)
        return found

    async def acknowledge(self, alert: str, role: str, member: str | None) -> httpx.Response:
        return await self.kpi.client.post(
            f"/kpi/v1/alerts/{alert}/acknowledge",
            headers=self.kpi.token(self.company.tenant, role, member and self.ids[member]),
        )

    async def check(self) -> None:
        """A rebuilt projection is the live one, however its batches are cut."""
        database = self.kpi.app.state.kpi.database
        found = await FUNNEL.check(database, self.company.tenant_id, lambda *_: None)
        assert (found.differences, found.examples) == (0, [])


@pytest.fixture
async def desk(clone: Callable[[str], Urls]) -> AsyncIterator[Desk]:
    async with running_kpi(clone("kpi").app, MARCH) as kpi:
        company = await kpi.company()
        await kpi.connect(company)
        desk = Desk(kpi, company)
        await desk.day("2026-03-11")
        yield desk


def state(alert: Mapping[str, Any]) -> tuple[str, str, str | None]:
    return alert["light"], alert["status"], alert["resolution"]


async def test_the_life_of_an_alert(desk: Desk) -> None:
    await desk.target("ann", {"2026-03": 3_100_00})
    first = await desk.one()
    assert state(first) == ("red", "open", None)
    assert (first["kind"], first["metric"], first["period"]) == ("light", "sales", "2026-03")
    assert first["message"]["en"] == (
        "Sales in 2026-03: 0.00 CNY of 1,100.00 CNY due by 2026-03-11, 0.0 %: red. "
        "Short since 2026-03-11."
    )
    assert first["owner_id"] == desk.ids["boss"]
    await desk.sell("ann", "700.00")
    yellow = await desk.one()
    assert (state(yellow), yellow["id"]) == (("yellow", "open", None), first["id"])
    assert "实际 700.00 CNY，达成 63.6%，黄灯" in yellow["message"]["zh"]

    answer = await desk.acknowledge(first["id"], "manager", "boss")
    assert answer.status_code == 200, answer.text
    desk.offset = answer.json()["offset"]
    seen = await desk.one()
    assert state(seen) == ("yellow", "acknowledged", None)
    assert seen["acknowledged_by"] == desk.ids["boss"]
    assert answer.json()["alert"] | {"acknowledged_at": seen["acknowledged_at"]} == seen
    again = await desk.acknowledge(first["id"], "manager", "boss")
    assert again.json()["offset"] == desk.offset, "nothing new is said"

    await desk.sell("ann", "400.00")
    assert state(await desk.one()) == ("green", "resolved", "green")
    desk.kpi.clock.move(days=5)
    await desk.day("2026-03-16")
    back = await desk.one()  # 1,100.00 of 1,600.00: as bad as it was when it was seen
    assert (state(back), back["id"]) == (("yellow", "acknowledged", None), first["id"])
    desk.kpi.clock.move(days=15)
    await desk.day("2026-03-31")
    assert state(await desk.one()) == ("red", "open", None)
    await desk.check()
    desk.kpi.clock.move(days=1)
    await desk.day("2026-04-01")
    over = await desk.one()
    assert state(over) == ("red", "resolved", "over")
    assert over["message"]["en"].endswith("and the period is over.")
    await desk.check()


async def test_one_cause_opens_one_alert(desk: Desk) -> None:
    await desk.target(
        "ann",
        {"2026": 40_000_00, "2026-Q1": 10_000_00, "2026-03": 4_000_00, "2026-03-W3": 1_000_00},
    )
    await desk.target("ann", {"2026-Q1": 30, "2026-03-W3": 5}, metric="deals_won", unit="count")
    await desk.target("ann", {"2026-03-W3": 9}, metric="leads", unit="count")
    await desk.target("ann", {"2026": 900}, metric="lost", unit="count")
    found = {(alert["metric"], alert["period"]) for alert in await desk.alerts("ann")}
    assert found == {("sales", "2026-03"), ("deals_won", "2026-Q1"), ("leads", "2026-03-W3")}
    await desk.check()


async def test_a_unit_counts_what_is_below_and_a_late_loss_opens_again(desk: Desk) -> None:
    await desk.target("region", {"2026-03": 1_000_00})
    await desk.sell("cai", "800.00", deal="late")
    assert state(await desk.one("region")) == ("green", "resolved", "green")
    await desk.sell("cai", "800.00", at="2026-03-08", stage="lost", deal="late")
    assert state(await desk.one("region")) == ("red", "open", None)
    assert (await desk.one("region"))["owner_id"] is None, "nobody manages the region"
    await desk.check()


async def test_a_target_taken_back_or_planned_anew(desk: Desk) -> None:
    plan = ids.new()
    await desk.target("ann", {"2026-03": 3_100_00}, plan=plan)
    await desk.target("ann", {}, plan=plan)
    assert state(await desk.one()) == ("red", "resolved", "withdrawn")
    await desk.target("ann", {"2026-03": 6_200_00}, plan=plan)
    await desk.target("ann", {"2026-03": 9_300_00})
    newest, middle, oldest = await desk.alerts("ann")
    assert state(newest) == ("red", "open", None)
    assert "of 3,300.00 CNY due" in newest["message"]["en"]
    assert state(middle) == state(oldest) == ("red", "resolved", "withdrawn")
    await desk.check()


async def test_a_target_taken_back_on_its_last_day_is_not_over(desk: Desk) -> None:
    plan = ids.new()
    await desk.target("ann", {"2026-03": 3_100_00}, plan=plan)
    desk.kpi.clock.at = datetime(2026, 3, 31, 4, tzinfo=UTC)
    await desk.day("2026-03-31")
    await desk.target("ann", {}, plan=plan)
    assert state(await desk.one()) == ("red", "resolved", "withdrawn")


async def test_who_sees_and_who_acknowledges(desk: Desk) -> None:
    for owner in ("ann", "cai", "north", "region"):
        await desk.target(owner, {"2026-03": 3_100_00})
    everybody = ("ann", "ben", "cai", "north", "south", "region")

    async def sees(role: str, member: str | None = None) -> set[str]:
        answer = await desk.ask(*everybody, role=role, member=member)
        names = {id_: name for name, id_ in desk.ids.items()}
        return {names[item["scope"]] for item in answer.json()["items"]}

    assert await sees("rep", "ann") == {"ann"}
    assert await sees("customer_success", "ben") == {"ben"}
    assert await sees("rep", "boss") == set(), "the role sees the subtree, not the post alone"
    assert await sees("manager", "boss") == {"ann", "ben", "north"}
    for role in ("sales_ops", "finance", "admin"):
        assert await sees(role) == set(everybody)
    subtree = await desk.alerts("region", below="true")
    assert {alert["scope"] for alert in subtree} == {
        desk.ids[name] for name in ("ann", "cai", "north", "region")
    }
    own = await desk.alerts("north", below="true", role="manager", member="boss")
    assert {alert["scope"] for alert in own} == {desk.ids["ann"], desk.ids["north"]}

    ann = (await desk.one("ann"))["id"]
    for role, member, status in (
        ("rep", "ann", 403), ("rep", "ben", 404), ("sales_ops", None, 403), ("finance", None, 403),
        ("manager", "cai", 404), ("admin", None, 200), ("manager", "boss", 200),
    ):  # fmt: skip
        assert (await desk.acknowledge(ann, role, member)).status_code == status, (role, member)
    for unknown in (ids.new(), "nonsense"):
        assert (await desk.acknowledge(unknown, "admin", None)).status_code == 404


async def test_pages_and_states(desk: Desk) -> None:
    for metric, unit in (("sales", "money"), ("deals_won", "count"), ("leads", "count")):
        await desk.target("ann", {"2026-03": 3_100}, metric=metric, unit=unit)
    await desk.sell("ann", "31.00")
    everything = [alert["id"] for alert in await desk.alerts("ann")]
    walked: list[str] = []
    cursor: str | None = None
    for expected in (2, 1):
        (item,) = (await desk.ask("ann", limit=2, **({"cursor": cursor} if cursor else {}))).json()[
            "items"
        ]
        walked += [alert["id"] for alert in item["alerts"]]
        assert len(item["alerts"]) == expected
        cursor = item["next_cursor"]
    assert (walked, cursor) == (everything, None)
    (resolved,) = await desk.alerts("ann", status="resolved")
    assert resolved["metric"] == "sales"
    assert len(await desk.alerts("ann", status=["open", "acknowledged"])) == 2
    (first,) = (await desk.ask("ann", limit=2)).json()["items"]
    for wrong in ({"cursor": "x"}, {"limit": 0}, {"status": "lost"}, {"scope": "ann"}):
        assert (await desk.ask("ann", **wrong)).status_code == 422, wrong
    both = await desk.ask("ann", "ben", cursor=first["next_cursor"])
    assert both.status_code == 422


@pytest.mark.parametrize("batch", [1, 7])
async def test_alerts_do_not_depend_on_how_the_log_is_cut(
    desk: Desk, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = random.Random(batch)  # noqa: S311 — a story, not a secret
    plan = {name: ids.new() for name in ("ann", "ben", "cai", "north", "region")}
    for step in range(40):
        what, who = chosen.randrange(8), chosen.choice(list(plan))
        if what == 0:
            cells = {"2026-03": chosen.randrange(20) * 1_000_00, "2026-04": 500_00}
            await desk.target(who, cells, plan=plan[who])
        elif what == 1:
            facts = [
                target_set(desk.ids[n], "sales", {"2026-Q1": 500_00 + step}, plan=plan[n])
                for n in ("ann", "north", "ann")
            ]
            await desk.tell(*facts)
        elif what == 2:
            await desk.target(who, {}, plan=plan[who])
        elif what == 3 and step > 10:
            north, south = desk.ids["north"], desk.ids["south"]
            spans = [(north, "2020-01-01", "2026-03-05"), (south, "2026-03-05", None)]
            await desk.tell(moved(desk.ids["ben"], spans))
        elif what == 4:
            desk.kpi.clock.move(days=1)
        else:
            owner = chosen.choice(["ann", "ben", "cai"])
            stage = chosen.choice(["won", "won", "lost", "lead"])
            await desk.sell(owner, f"{chosen.randrange(900)}.00", stage=stage, deal=f"D{step % 9}",
                            at=f"2026-03-{chosen.randrange(1, 12):02}")  # fmt: skip
    alerts = await desk.alerts("region", below="true", limit=100)
    assert len(alerts) >= 5
    assert len({alert["resolution"] for alert in alerts}) >= 2, "they end in several ways"
    monkeypatch.setattr(limits, "PROJECTION_BATCH", batch)
    await desk.check()
    monkeypatch.setattr(limits, "PROJECTION_BATCH", 100_000)
    await desk.check()
