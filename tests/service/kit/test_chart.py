"""The directory as facts fill it, and a viewer's place in it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from services.kit import directory, ids
from services.kit.chart import Chart, Charts, Sight, look
from services.kit.db import Database
from services.kit.errors import TenantNotConfigured
from tests.support.kpi import joined, moved, unit

TENANT = ids.new()
DAY = date(2026, 3, 2)
UNITS = {name: ids.new() for name in ("company", "east", "west", "sh")}
MEMBERS = {name: ids.new() for name in ("boss", "li", "wang", "qi")}


class Directory:
    """A service's directory; each call is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.charts = Charts()
        self._offset = 0

    async def learn(self, *facts: tuple[str, str, Any]) -> None:
        async with self.database.write(TENANT) as connection:
            for type_, _, payload in facts:
                self._offset += 1
                await directory.learn(connection, TENANT, type_, payload, self._offset)

    async def chart(self) -> Chart:
        async with self.database.read(TENANT) as connection:
            return await self.charts.get(connection, TENANT)

    async def look(self, member: str | None, *asked: str, on: date = DAY) -> Sight:
        async with self.database.read(TENANT) as connection:
            chart = await self.charts.get(connection, TENANT)
            return await look(connection, chart, member, asked, on)


@pytest.fixture
async def known(emptied: Callable[[str], Awaitable[str]]) -> AsyncIterator[Directory]:
    """A company with two regions; Shanghai lies in the east until it moves west in July."""
    database = Database(await emptied("kpi"))
    await database.open()
    known = Directory(database)
    sh = unit(UNITS["sh"], "sh", UNITS["east"], None)
    sh[2]["placements"] = [
        {"parent_id": UNITS["east"], "starts_on": "2020-01-01", "ends_on": "2026-07-01"},
        {"parent_id": UNITS["west"], "starts_on": "2026-07-01", "ends_on": None},
    ]
    await known.learn(
        unit(UNITS["company"], "company", None, MEMBERS["boss"]),
        unit(UNITS["east"], "east", UNITS["company"], MEMBERS["li"]),
        unit(UNITS["west"], "west", UNITS["company"], MEMBERS["qi"]), sh,
        *(joined(id_, name) for name, id_ in MEMBERS.items()),
        moved(MEMBERS["wang"], [(UNITS["sh"], "2020-01-01", None)]),
        moved(MEMBERS["qi"], [(UNITS["west"], "2020-01-01", None)]),
    )  # fmt: skip
    yield known
    await database.close()


async def test_a_manager_has_the_subtree_of_the_day(known: Directory) -> None:
    wang = MEMBERS["wang"]
    for member, manages in (("boss", True), ("li", True), ("qi", False)):
        sight = await known.look(MEMBERS[member], wang, UNITS["sh"])
        assert (sight.manages(wang), sight.manages(UNITS["sh"])) == (manages, manages), member
    later = date(2026, 7, 1)
    assert (await known.look(MEMBERS["qi"], wang, on=later)).manages(wang)
    assert not (await known.look(MEMBERS["li"], wang, on=later)).manages(wang)


async def test_a_token_may_name_its_member_by_an_external_id(known: Directory) -> None:
    sight = await known.look("crm:wang", MEMBERS["qi"])
    assert (sight.me, sight.own_units) == (MEMBERS["wang"], {UNITS["sh"]})
    assert not sight.manages(MEMBERS["qi"])


async def test_nobody_has_no_place(known: Directory) -> None:
    for nobody in (None, ids.new(), "crm:stranger"):
        sight = await known.look(nobody, MEMBERS["wang"])
        assert (sight.me, sight.own_units, sight.managed) == (None, frozenset(), frozenset())
        assert not sight.manages(MEMBERS["wang"])


async def test_what_is_unknown_is_known_to_be(known: Directory) -> None:
    sight = await known.look(MEMBERS["boss"], "stranger", MEMBERS["wang"])
    assert [sight.knows(one) for one in ("stranger", MEMBERS["wang"], UNITS["sh"])] == [
        False, True, True,
    ]  # fmt: skip
    assert not sight.manages("stranger")


async def test_a_change_is_seen_by_the_next_look(known: Directory) -> None:
    assert not (await known.look(MEMBERS["qi"], MEMBERS["wang"])).manages(MEMBERS["wang"])
    await known.learn(moved(MEMBERS["wang"], [(UNITS["west"], "2020-01-01", None)]))
    assert (await known.look(MEMBERS["qi"], MEMBERS["wang"])).manages(MEMBERS["wang"])


async def test_everything_below_units(known: Directory) -> None:
    chart = await known.chart()
    east = UNITS["east"]
    assert chart.below([east], DAY) == {east, UNITS["sh"]}
    assert chart.below([UNITS["company"]], DAY) == set(UNITS.values())
    assert chart.below([], DAY) == frozenset()


async def test_settings_and_the_day_come_from_facts(known: Directory) -> None:
    with pytest.raises(TenantNotConfigured):
        _ = (await known.chart()).settings
    chosen = {
        "zone": "Asia/Shanghai", "currency": "CNY", "fiscal_start_month": 4,
        "week_rule": "month_quarters", "effective_on": "2020-01-01",
    }  # fmt: skip
    await known.learn(
        ("tenant.configured.v1", "", chosen), ("day.started.v1", "", {"day": "2026-03-02"}),
        ("day.started.v1", "", {"day": "2026-03-01"}),  # late: days never go back
    )  # fmt: skip
    chart = await known.chart()
    assert (chart.settings.currency, chart.settings.calendar.fiscal_start_month) == ("CNY", 4)
    assert chart.day == date(2026, 3, 2)
