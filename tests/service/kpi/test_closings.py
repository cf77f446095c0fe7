"""metric.closed: once per metric and ended period, as known the day after, whatever crashes."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from headwater.databases import Urls
from services.kpi.actions import closings
from services.kpi.actions.submission import Outcome, Submission
from services.kpi.domain.metrics import CATALOGUE
from services.kpi.jobs import Jobs
from services.kpi.store import closings as store
from services.kpi.writer import Writer
from tests.support.gate import until
from tests.support.kpi import Company, RunningKpi, running_kpi

LAST_DAY = datetime(2026, 3, 31, 4, tzinfo=UTC)
CLOSED = (
    "SELECT subject, payload FROM entry WHERE tenant_id = $1 AND type = 'metric.closed.v1' "
    "ORDER BY log_offset"
)


class Books:
    def __init__(self, kpi: RunningKpi, company: Company) -> None:
        self.kpi, self.company = kpi, company
        self.database = kpi.app.state.kpi.database

    async def closed(self) -> dict[str, dict[str, Any]]:
        async with self.database.read(self.company.tenant_id) as connection:
            rows = await connection.fetch(CLOSED, self.company.tenant_id)
        found = {row["subject"]: orjson.loads(row["payload"]) for row in rows}
        assert len(found) == len(rows), "a period was closed twice"
        return found

    async def closed_periods(self, periods: int) -> dict[str, dict[str, Any]]:
        async def all_there() -> bool:
            return len(await self.closed()) == periods * len(CATALOGUE)

        await until(all_there, seconds=30)
        return await self.closed()

    async def started(self) -> None:
        async def declared() -> bool:
            async with self.database.read(self.company.tenant_id) as connection:
                days = await store.started_days(connection, self.company.tenant_id, 10**9)
            return bool(days)

        await until(declared, seconds=30)

    async def sell(self, deal: str, owner: str, amount: str, at: str, stage: str = "won") -> int:
        body = {"deal": deal, "owner": owner, "amount": amount, "at": at, "stage": stage}
        answer = await self.kpi.deliver(body)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["offset"])

    def values(self, payload: Any) -> dict[str, tuple[int, int | None]]:
        names = {id_: n for n, id_ in {**self.company.members, **self.company.units}.items()}
        return {
            names[value["scope"]]: (value["numerator"], value["denominator"])
            for value in payload["values"]
        }


@pytest.fixture
async def books(clone: Callable[[str], Urls]) -> AsyncIterator[Books]:
    async with running_kpi(clone("kpi").app, LAST_DAY) as kpi:
        company = await kpi.company()
        await kpi.connect(company)
        books = Books(kpi, company)
        await books.started()
        yield books


async def test_a_month_and_its_quarter_close_the_day_after(books: Books) -> None:
    await books.sell("D1", "ann", "100.00", "2026-01-10T09:00:00+08:00")
    await books.sell("D2", "ann", "20.00", "2026-03-10T09:00:00+08:00")
    await books.sell("D3", "ben", "5.00", "2026-03-31T09:00:00+08:00", "lost")
    assert await books.closed() == {}, "imported history closes nothing"
    books.kpi.clock.move(days=1)
    closed = await books.closed_periods(2)
    march, quarter = closed["metric:sales:2026-03"], closed["metric:sales:2026-Q1"]
    assert books.values(march) == dict.fromkeys(("ann", "north", "region"), (20_00, None))
    assert books.values(quarter) == dict.fromkeys(("ann", "north", "region"), (120_00, None))
    assert {name: march[name] for name in march if name not in {"values", "metric"}} == {
        "period": "2026-03", "first_on": "2026-03-01", "last_on": "2026-03-31", "unit": "money",
        "currency": "CNY", "part": 1, "parts": 1,
    }  # fmt: skip
    rate = books.values(closed["metric:win_rate:2026-03"])
    assert rate == {"ann": (1, 1), "ben": (0, 1), "north": (1, 2), "region": (1, 2)}
    assert closed["metric:visits:2026-Q1"]["values"] == []


async def test_what_comes_later_changes_no_closed_period(books: Books) -> None:
    await books.sell("D1", "ann", "100.00", "2026-03-10T09:00:00+08:00")
    books.kpi.clock.move(days=1)
    before = await books.closed_periods(2)
    late = await books.sell("D2", "ann", "900.00", "2026-03-11T09:00:00+08:00")
    await books.sell("D1", "ann", "1.00", "2026-03-12T09:00:00+08:00")
    funnel = await books.kpi.funnel(
        books.company, books.company.members["ann"], "2026-03", offset=late
    )
    assert funnel["won"]["amount"]["amount"] != "100.00"
    books.kpi.clock.move(days=30)
    after = await books.closed_periods(3)
    assert {subject: after[subject] for subject in before} == before


async def test_days_that_were_missed_close_their_months(books: Books) -> None:
    await books.sell("D1", "ann", "100.00", "2026-03-10T09:00:00+08:00")
    books.kpi.clock.move(days=95)  # 4 July
    closed = await books.closed_periods(4 + 2)
    sales = sorted(name.rpartition(":")[2] for name in closed if name.startswith("metric:sales:"))
    assert sales == ["2026-03", "2026-04", "2026-05", "2026-06", "2026-Q1", "2026-Q2"]


class DyingWriter:
    """Commits some submissions, and then its process is gone."""

    def __init__(self, writer: Writer, lives: int) -> None:
        self.writer, self.lives = writer, lives

    async def submit(self, submission: Submission) -> Outcome:
        if submission.facts and submission.facts[0].type == "metric.closed.v1":
            self.lives -= 1
            if self.lives < 0:
                raise ConnectionResetError
        return await self.writer.submit(submission)


async def test_a_crash_between_two_metrics_is_made_good_once(
    clone: Callable[[str], Urls], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_runs(_jobs: Jobs) -> None:
        """The jobs are run by hand here."""

    monkeypatch.setattr(Jobs, "_run", nothing_runs)
    async with running_kpi(clone("kpi").app, LAST_DAY) as kpi:
        company = await kpi.company()
        await kpi.connect(company)
        books, parts = Books(kpi, company), kpi.app.state.kpi

        async def worked(writer: Any) -> None:
            jobs = Jobs(parts.database, writer, kpi.clock)
            for _ in range(2):  # the day starts in one look, and is closed in a later one
                await jobs.look_after_tenants()
                head = (await kpi.deliver([])).json()["offset"]
                await kpi.funnel(company, company.members["ann"], "2026-03", offset=head)

        await worked(parts.writer)
        await books.sell("D1", "ann", "100.00", "2026-03-10T09:00:00+08:00")
        kpi.clock.move(days=1)
        await worked(DyingWriter(parts.writer, 5))
        half = await books.closed()
        assert len(half) == 5
        await books.sell("D2", "ann", "900.00", "2026-03-11T09:00:00+08:00")
        for _ in range(2):
            await worked(parts.writer)
        whole = await books.closed()
        assert len(whole) == 2 * len(CATALOGUE)
        assert {subject: whole[subject] for subject in half} == half
        # What was closed after the crash is what was known before it.
        assert books.values(whole["metric:sales:2026-Q1"])["ann"] == (100_00, None)
        assert books.values(whole["metric:deals_won:2026-Q1"])["ann"] == (1, None)


async def test_many_scopes_are_told_in_parts(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closings, "ARRAY_ITEMS", 2)
    monkeypatch.setattr(closings, "_SCOPES_AT_ONCE", 3)
    await books.sell("D1", "ann", "100.00", "2026-03-10T09:00:00+08:00")
    await books.sell("D2", "cai", "7.00", "2026-03-10T09:00:00+08:00")
    books.kpi.clock.move(days=1)

    async def told() -> list[Any]:
        async with books.database.read(books.company.tenant_id) as connection:
            rows = await connection.fetch(CLOSED, books.company.tenant_id)
        found = [orjson.loads(row["payload"]) for row in rows]
        return [p for p in found if (p["metric"], p["period"]) == ("sales", "2026-03")]

    async def all_told() -> bool:
        return len(await told()) == 3

    await until(all_told, seconds=30)
    parts = await told()
    assert [(p["part"], p["parts"], len(p["values"])) for p in parts] == [
        (1, 3, 2), (2, 3, 2), (3, 3, 1),
    ]  # fmt: skip
    scopes = [value["scope"] for part in parts for value in part["values"]]
    assert scopes == sorted(scopes)
    assert len(set(scopes)) == 5
