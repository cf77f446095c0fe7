"""Targets, attainment, pace and lights over the wire (method.md 1.7)."""

from typing import Any

import pytest

from services.kit import ids
from services.kpi.actions.rebuild import FUNNEL
from services.kpi.domain.metrics import CATALOGUE
from tests.support.desk import WEDNESDAY, Desk, record, shape
from tests.support.targets import target_set

WEEK = {f"2026-03-{day:02}": 400_00 for day in range(9, 14)}
"""Five working days of 400.00 each, in a week of 2,000.00."""


async def test_a_week_by_its_working_days(desk: Desk) -> None:
    fact = target_set(desk.ann, "sales", {"2026-03-W3": 2_000_00, **WEEK})
    await desk.kpi.facts(desk.company, fact)
    offset = await desk.sell("ann", "1500.00", "2026-03-10T09:00:00+08:00")
    wednesday = await desk.one(desk.ann, min_offset=offset)
    assert shape(wednesday) == ("2000.00", "1500.00", "75.0", "1200.00", "green")
    desk.kpi.clock.move(days=4)
    await desk.started("2026-03-15")
    sunday = await desk.one(desk.ann)
    assert shape(sunday) == ("2000.00", "1500.00", "75.0", "2000.00", "yellow")


async def test_fifteen_of_twenty_visits(desk: Desk) -> None:
    """The acceptance case of method.md 1.7."""
    days = {f"2026-03-{day:02}": 4 for day in range(9, 14)}
    fact = target_set(desk.ann, "visits", {"2026-03-W3": 20, **days}, unit="count")
    await desk.kpi.facts(desk.company, fact)
    offset = await record(desk, *(
        ("activity", "2026-03-10T10:00:00+08:00",
         {"activity": f"V{n}", "activity_kind": "visit", "owner": "crm:ann"})
        for n in range(15)
    ))  # fmt: skip
    wednesday = await desk.one(desk.ann, metric="visits", min_offset=offset)
    assert shape(wednesday) == ("20", "15", "75.0", "12", "green")
    desk.kpi.clock.move(days=4)
    await desk.started("2026-03-15")
    assert shape(await desk.one(desk.ann, metric="visits")) == ("20", "15", "75.0", "20", "yellow")


async def test_what_is_collected_of_what_was_due(desk: Desk) -> None:
    contract = {
        "contract": "C1", "owner": "crm:ann", "account": "Cancity", "amount": "1000",
        "schedule": [{"due_on": "2026-03-01", "amount": "600"},
                     {"due_on": "2026-04-01", "amount": "400"}],
    }  # fmt: skip
    receipt = {"collection": "M1", "contract": "C1", "amount": "450"}
    refund = {"refund": "R1", "contract": "C1", "amount": "50"}
    offset = await record(
        desk,
        ("contract", "2026-02-20T09:00:00+08:00", contract),
        ("collection", "2026-03-05T09:00:00+08:00", receipt),
        ("refund", "2026-03-06T09:00:00+08:00", refund),
    )
    await desk.kpi.facts(
        desk.company, target_set(desk.north, "refunded", {"2026-03": 40_00}, kind="unit")
    )
    found = await desk.ask(
        desk.north, period="2026-03", min_offset=offset + 1,
        metric=["collection_rate", "collected", "refunded", "contracts_signed"],
    )  # fmt: skip
    assert {item["metric"]: shape(item) for item in found["items"]} == {
        "collection_rate": (None, "75.00", None, None, None),
        "collected": (None, "450.00", None, None, None),
        "refunded": ("40.00", "50.00", "75.0", "14.19", "yellow"),  # 2 - 50/40, lower is better
        "contracts_signed": (None, "0.00", None, None, None),
    }


async def test_children_and_periods_that_are_sums_of_cells(desk: Desk) -> None:
    months = {"2026-01": 900_00, "2026-02": 900_00, "2026-03": 1_240_00}
    await desk.kpi.facts(desk.company, target_set(desk.ann, "sales", months))
    await desk.sell("ann", "1000.00", "2026-01-10T09:00:00+08:00")
    offset = await desk.sell("ann", "100.01", "2026-03-01T09:00:00+08:00")
    quarter = await desk.one(desk.ann, period="2026-Q1", children="time", min_offset=offset)
    # 1,800 of the months that are over, and 11 of 31 days of March
    assert shape(quarter) == ("3040.00", "1100.01", "36.2", "2240.00", "red")
    assert [(c["period"], *shape(c)) for c in quarter["children"]] == [
        ("2026-01", "900.00", "1000.00", "111.1", "900.00", "green"),
        ("2026-02", "900.00", "0.00", "0.0", "900.00", "red"),
        ("2026-03", "1240.00", "100.01", "8.1", "440.00", "red"),
    ]
    week = await desk.one(desk.ann, period="2026-03-W1")
    assert shape(week) == (None, "100.01", None, None, None), "the plan says nothing of weeks"
    year = await desk.one(desk.ann, period="2026")
    assert shape(year)[:1] == (None,), "nine months of the year have no cell"


async def test_the_newest_plan_that_covers_a_period_holds_and_can_be_taken_back(desk: Desk) -> None:
    old, new = ids.new(), ids.new()
    await desk.kpi.facts(
        desk.company,
        target_set(desk.ann, "sales", {"2026-03": 310_00}, plan=old),
        target_set(desk.ann, "sales", {"2026-03": 620_00}, plan=new),
    )
    offset = await desk.sell("ann", "31.00", "2026-03-10T09:00:00+08:00")
    asked = {"period": "2026-03", "min_offset": offset}
    assert (await desk.one(desk.ann, **asked))["target"] == "620.00"
    taken = await desk.kpi.facts(desk.company, target_set(desk.ann, "sales", {}, plan=new))
    asked["min_offset"] = taken["offset"]
    assert shape(await desk.one(desk.ann, **asked)) == (
        "310.00", "31.00", "10.0", "110.00", "red",
    )  # fmt: skip


async def test_plans_that_follow_each_other_make_a_longer_period(desk: Desk) -> None:
    """As in targets: January's and February's and March's own plans are the quarter's target."""
    for month, target in (("2026-01", 100_00), ("2026-02", 200_00), ("2026-03", 310_00)):
        told = await desk.kpi.facts(desk.company, target_set(desk.ann, "sales", {month: target}))
        asked = {"period": "2026-Q1", "min_offset": told["offset"]}
        if month != "2026-03":
            assert (await desk.one(desk.ann, **asked))["target"] is None
    asked["min_offset"] = await desk.sell("ann", "41.00", "2026-03-10T09:00:00+08:00")
    # Two months in full and eleven of 31 days of the third, of which it is the 11th.
    assert shape(await desk.one(desk.ann, **asked)) == ("610.00", "41.00", "6.7", "410.00", "red")


async def test_cells_that_do_not_add_up_to_theirs_leave_the_pace_linear(desk: Desk) -> None:
    cells = {"2026-03": 310_00, "2026-03-W1": 100_00}
    await desk.kpi.facts(desk.company, target_set(desk.ann, "sales", cells))
    offset = await desk.sell("ann", "1.00", "2026-03-10T09:00:00+08:00")
    assert (await desk.one(desk.ann, period="2026-03", min_offset=offset))["pace"] == "110.00"


async def test_a_target_in_another_currency_is_not_compared(desk: Desk) -> None:
    foreign = target_set(desk.ann, "sales", {"2026-03": 100_00}, currency="USD")
    told = await desk.kpi.facts(desk.company, foreign)
    found = await desk.one(desk.ann, period="2026-03", min_offset=told["offset"])
    assert shape(found) == (None, "0.00", None, None, None)


async def test_rates_roll_up_by_numerator_and_denominator(desk: Desk) -> None:
    for owner, stages in (("ann", ["won"]), ("ben", ["won", "lost", "lost"])):
        for stage in stages:
            offset = await desk.sell(owner, "10.00", "2026-03-10T09:00:00+08:00", stage)
    await desk.kpi.facts(desk.company, *(
        target_set(scope, "win_rate", {"2026-03": 62_50}, unit="percent")
        for scope in (desk.ann, desk.ben, desk.north)
    ))  # fmt: skip
    offset = await desk.sell("cai", "10.00", "2026-03-10T09:00:00+08:00", "lead")
    asked = {"metric": "win_rate", "period": "2026-03", "min_offset": offset}
    found = await desk.ask(desk.ann, desk.ben, desk.north, desk.cai, **asked)
    assert [shape(item) for item in found["items"]] == [
        ("62.50", "100.00", "160.0", "62.50", "green"),
        ("62.50", "33.33", "53.3", "62.50", "red"),
        ("62.50", "50.00", "80.0", "62.50", "green"),  # 2 of 4, not the mean of 100 and 33.33
        (None, None, None, None, None),
    ]
    quarter = await desk.one(desk.north, metric="win_rate", period="2026-Q1", children="time")
    assert shape(quarter)[:2] == (None, "50.00"), "rates of months make no rate of the quarter"
    assert shape(quarter["children"][2])[:2] == ("62.50", "50.00")


async def test_a_unit_has_its_members_sales_whatever_their_targets(desk: Desk) -> None:
    await desk.kpi.facts(
        desk.company,
        target_set(desk.north, "sales", {"2026-03": 100_00}, kind="unit"),
        target_set(desk.ann, "sales", {"2026-03": 80_00}),
    )
    await desk.sell("ann", "30.00", "2026-03-02T09:00:00+08:00")
    offset = await desk.sell("ben", "20.00", "2026-03-03T09:00:00+08:00")
    asked = {"period": "2026-03", "min_offset": offset}
    assert shape(await desk.one(desk.north, **asked))[:3] == ("100.00", "50.00", "50.0")
    assert shape(await desk.one(desk.ben, **asked))[:3] == (None, "20.00", None)


async def test_every_metric_is_answered_where_none_is_named(desk: Desk) -> None:
    found = await desk.ask(desk.ann, metric=None)
    assert [item["metric"] for item in found["items"]] == [metric.code for metric in CATALOGUE]
    rates = {item["metric"]: item["actual"] for item in found["items"]}
    assert (rates["sales"], rates["visits"], rates["win_rate"]) == ("0.00", "0", None)
    unknown = await desk.ask(desk.ann, ids.new(), metric="no_such_metric")
    assert unknown["items"] == []


async def test_who_sees_whose_attainment(desk: Desk) -> None:
    scopes = [desk.ann, desk.ben, desk.north, desk.region, desk.south, desk.cai]

    async def seen(role: str, member: str | None = None) -> list[str]:
        found = await desk.ask(*scopes, role=role, member=member)
        names = {**desk.company.members, **desk.company.units}
        return sorted(name for name, id_ in names.items()
                      if id_ in {item["scope"] for item in found["items"]})  # fmt: skip

    assert await seen("rep", desk.ann) == ["ann", "north"]
    assert await seen("rep", "crm:ann") == ["ann", "north"]
    assert await seen("rep") == []
    assert await seen("manager", desk.boss) == ["ann", "ben", "north"]
    for role in ("sales_ops", "finance", "admin"):
        assert len(await seen(role)) == len(scopes)


@pytest.mark.parametrize(("how", "code"), [
    ({"known_at": "2026-03-01T00:00:00Z"}, "as_of_unsupported"),
    ({"scope": ["ann"]}, "invalid"),
    ({"scope": [ids.new()] * 101}, "invalid"),
    ({"children": "organisation"}, "invalid"),
])  # fmt: skip
async def test_what_attainments_refuse(desk: Desk, how: Any, code: str) -> None:
    answer = await desk.kpi.client.get(
        "/kpi/v1/attainments", headers=desk.kpi.token(desk.company.tenant),
        params={"scope": [desk.ann], "period": "2026-03", **how},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_targets_and_days_are_rebuilt_from_the_log(desk: Desk) -> None:
    fact = target_set(desk.ann, "sales", {"2026-03-W3": 2_000_00, **WEEK})
    told = await desk.kpi.facts(desk.company, fact)
    desk.kpi.clock.move(days=1)
    await desk.started("2026-03-12")
    database = desk.kpi.app.state.kpi.database
    found = await FUNNEL.check(database, desk.company.tenant_id, lambda *_: None)
    assert (found.differences, found.examples) == (0, [])
    assert found.rows > len(WEEK)
    headers = desk.kpi.service(desk.company, "gateway")
    changes = await desk.kpi.client.get(
        "/kpi/v1/changes", headers=headers, params={"after": told["offset"]}
    )
    assert desk.ann in changes.json()["subjects"], "a day that starts moves the pace"


async def test_crossing_cells_are_refused(desk: Desk) -> None:
    type_, subject, payload = target_set(desk.ann, "sales", {"2026-W09": 1, "2026-03": 1})
    answer = await desk.kpi.client.post(
        "/kpi/v1/facts", headers=desk.kpi.service(desk.company),
        json={"facts": [{"id": ids.new(), "type": type_, "subject": subject, "payload": payload,
                         "occurred_at": WEDNESDAY.isoformat()}]},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
