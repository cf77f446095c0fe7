"""An installation that was in use is upgraded: its log is kept, its projection is made again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

from headwater import databases
from headwater.databases import Urls
from headwater.postgres import Server
from services.kit import ids
from services.kpi import jobs
from services.kpi.actions.rebuild import FUNNEL
from tests.migrations.test_migrate import INI, empty
from tests.support.kpi import Company, RunningKpi, running_kpi

__all__ = ["empty"]
FIRST_RELEASE = "2026_11_23_log"


def bring(urls: Urls, revision: str) -> None:
    config = Config(INI, ini_section="kpi")
    config.attributes["url"] = urls.owner
    config.attributes["app_role"] = urlsplit(urls.app).username
    command.upgrade(config, revision)


@asynccontextmanager
async def superuser(server: Server, urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(server.url(urls.app.rpartition("/")[2]))
    try:
        yield connection
    finally:
        await connection.close()


async def copy(server: Server, source: Urls, old: Urls) -> None:
    """Everything of `source` that the older schema has a place for."""
    async with superuser(server, source) as here, superuser(server, old) as there:
        tables = await there.fetch(
            "SELECT table_name AS name, array_agg(column_name::text ORDER BY ordinal_position) "
            "AS columns FROM information_schema.columns WHERE table_schema = 'public' "
            "AND table_name <> 'alembic_version' GROUP BY 1"
        )
        for table in tables:
            names = ", ".join(table["columns"])
            rows = await here.fetch(f"SELECT {names} FROM {table['name']}")
            await there.copy_records_to_table(
                table["name"], records=map(tuple, rows), columns=table["columns"]
            )


async def deals(kpi: RunningKpi, company: Company, number: int) -> int:
    """One deal won, one lost, one still open."""
    offset = 0
    for name, owner, stages in (
        ("W", "ann", ("lead", "intent", "won")), ("L", "ben", ("lead", "lost")),
        ("O", "cai", ("lead", "negotiation")),
    ):  # fmt: skip
        for day, stage in enumerate(stages, 5):
            answer = await kpi.deliver(
                {"deal": f"{name}{number}", "at": f"2026-01-{day:02}T09:00:00+08:00",
                 "stage": stage, "owner": owner, "amount": "1000"}
            )  # fmt: skip
            offset = answer.json()["offset"]
    return offset


async def test_an_installation_of_the_first_release_is_right_after_the_upgrade(
    server: Server,
    clone: Callable[[str], Urls],
    empty: dict[str, Urls],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, old = clone("kpi"), empty["kpi"]
    await asyncio.to_thread(bring, old, FIRST_RELEASE)
    with monkeypatch.context() as first_release:  # which declared no metrics
        first_release.setattr(jobs, "default_facts", lambda *_: [])
        async with running_kpi(source.app) as kpi:
            company = await kpi.company()
            await kpi.connect(company)
            wanted = await deals(kpi, company, 1)
            region = company.units["region"]
            before = await with_its_day(kpi, company, region, wanted)
    await copy(server, source, old)
    async with superuser(server, old) as connection:
        # What the first release did not count, and something wrong that must not stay.
        for table in ("funnel_posting", "funnel_rollup"):
            await connection.execute(f"DELETE FROM {table} WHERE measure LIKE '%\\_from'")
        await connection.execute("UPDATE funnel_rollup SET deals = deals + 1")
        entries = await connection.fetchval("SELECT count(*) FROM entry")
        assert entries >= wanted

    await asyncio.to_thread(databases.migrate, empty, ["kpi"])
    async with superuser(server, old) as connection:
        assert await connection.fetchval("SELECT count(*) FROM entry") == entries
    async with running_kpi(old.app) as kpi:
        assert await with_its_day(kpi, company, region, wanted) == before
        after = await kpi.facts(
            company, ("unit.placed.v1", f"unit:{ids.new()}", {
                "unit_id": ids.new(), "external_id": None, "manager_id": None,
                "placements": [{"parent_id": region, "starts_on": "2026-02-01", "ends_on": None}],
            })
        )  # fmt: skip
        await kpi.funnel(company, region, "2026-Q1", offset=after["offset"])
        async with asyncio.timeout(10):  # the jobs give the tenant the catalogue of this release
            while not (await metrics(kpi, company)) >= {"sales", "win_rate"}:
                await asyncio.sleep(0.05)
        database = kpi.app.state.kpi.database
        found = await FUNNEL.check(database, company.tenant_id, lambda _done, _all: None)
        assert (found.differences, found.examples) == (0, [])
        assert found.rows > 20
        async with database.read(company.tenant_id) as connection:
            from_stages = await connection.fetchval(
                "SELECT sum(deals) FROM funnel_rollup WHERE tenant_id = $1 AND scope = $2 "
                "AND measure = 'won_from'", company.tenant_id, region,
            )  # fmt: skip
        assert from_stages == 2  # the won deal had been in lead and intent


async def with_its_day(
    kpi: RunningKpi, company: Company, region: str, offset: int
) -> dict[str, Any]:
    """The funnel once the log has started the day too: what is forecast counts from it."""
    async with asyncio.timeout(10):
        while True:
            found = await kpi.funnel(company, region, "2026-Q1", offset=offset)
            if found["forecast"]["run_rate"] is not None:
                return found
            await asyncio.sleep(0.05)


async def metrics(kpi: RunningKpi, company: Company) -> set[str]:
    answer = await kpi.client.get("/kpi/v1/metrics", headers=kpi.token(company.tenant))
    return {metric["code"] for metric in answer.json()["items"]}
