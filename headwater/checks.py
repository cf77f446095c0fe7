"""`headwater doctor` and `headwater replay`, for every projection of every tenant.

A service's projection is rebuilt in its own database from kpi's log. The log is read as the
services read it, through the feed, of a kpi in this process that only answers: its jobs and its
projector are not started, because nothing may change what is being looked at. targets projects
nothing of its own: what it learns from the log are the metrics that kpi declared.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx
from pydantic import SecretStr
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from headwater.installation import Installation, Keys
from services.customers.actions.rebuild import customers
from services.incentives.actions.rebuild import pay
from services.kit import projection
from services.kit.beside import Beside, Finding
from services.kit.db import Database
from services.kit.errors import NotFound
from services.kit.feed import Feed
from services.kit.settings import load
from services.kpi.actions.rebuild import FUNNEL
from services.kpi.actions.tenants import all_tenants
from services.kpi.main import create_app as create_kpi
from services.kpi.settings import KpiSettings
from services.kpi.store import feed as log

_STATEMENT_MILLIS = 600_000


@contextmanager
def _bar() -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield progress


def _shown_by(bar: Progress, task: TaskID) -> Callable[[int, int], None]:
    return lambda done, total: bar.update(task, completed=done, total=total)


async def _tenants(database: Database, only: str | None) -> list[tuple[str, str]]:
    found = [t for t in await all_tenants(database) if only in {None, t[1]}]
    if only is not None and not found:
        raise NotFound(f"no tenant {only}")
    return found


@dataclass(frozen=True, slots=True)
class Checked:
    """What came out for one tenant and one service; `head` is the log's last offset."""

    tenant: str
    service: str
    projection: str
    finding: Finding
    head: int


def projections(kpi: httpx.AsyncClient, keys: Keys) -> Mapping[str, Beside]:
    """By service; the order in which they are shown."""

    def feed(service: str) -> Feed:
        return Feed(service=service, kpi=kpi, signer=keys.signer)

    return {
        "kpi": FUNNEL,
        "customers": customers(feed("customers")),
        "incentives": pay(feed("incentives")),
    }


@asynccontextmanager
async def _log(installation: Installation) -> AsyncIterator[httpx.AsyncClient]:
    """Kpi as a reader of its feed needs it."""
    keys, url = installation.keys(), SecretStr(installation.urls["kpi"].app)
    app = create_kpi(
        load(KpiSettings, kpi_database_url=url), verifier=keys.verifier,
        clock=installation.settings.clock(), vault=keys.vault,
    )  # fmt: skip
    database: Database = app.state.kpi.database
    await database.open()
    transport = httpx.ASGITransport(app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://kpi") as client:
            yield client
    finally:
        await database.close()


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    database = Database(url, statement_millis=_STATEMENT_MILLIS)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def _doctor(installation: Installation, only: str | None) -> list[Checked]:
    found = []
    async with _log(installation) as kpi, _opened(installation.urls["kpi"].app) as known:
        tenants = await _tenants(known, only)
        with _bar() as bar:
            for service, beside in projections(kpi, installation.keys()).items():
                async with _opened(installation.urls[service].app) as database:
                    for tenant_id, name in tenants:
                        task = bar.add_task(f"{name}: {service}", total=None)
                        finding = await _check(beside, database, tenant_id, _shown_by(bar, task))
                        async with known.read(None) as connection:
                            head = (await log.heads(connection)).get(tenant_id, 0)
                        found.append(Checked(name, service, beside.projection, finding, head))
    return sorted(found, key=lambda one: one.tenant)


async def _check(
    beside: Beside, database: Database, tenant_id: str, progress: Callable[[int, int], None]
) -> Finding:
    if not await _has_met(beside, database, tenant_id):
        return Finding(0, 0, 0, [])
    return await beside.check(database, tenant_id, progress)


async def _has_met(beside: Beside, database: Database, tenant_id: str) -> bool:
    """Where a service has not met the tenant there is nothing to rebuild."""
    async with database.read(tenant_id) as connection:
        return await projection.cursor(connection, tenant_id, beside.projection) > 0


def doctor(installation: Installation, only: str | None) -> int:
    """Print what differs; how many rows do."""
    checked = asyncio.run(_doctor(installation, only))
    table = Table(
        "tenant", "service", "projection", "offset", "log", "rows compared", "differences"
    )
    for one in checked:
        finding = one.finding
        colour = "green" if finding.differences == 0 else "red"
        table.add_row(
            one.tenant, one.service, one.projection, str(finding.offset), str(one.head),
            f"{finding.rows:,}", f"[{colour}]{finding.differences}[/]",
        )  # fmt: skip
    console = Console()
    console.print(table)
    for one in checked:
        for difference in one.finding.examples:
            where = f"{one.tenant} {one.service}.{difference.table}"
            console.print(f"{where} only {difference.side}: {difference.row}")
    return sum(one.finding.differences for one in checked)


async def _replay(installation: Installation, only: str | None) -> None:
    async with _log(installation) as kpi, _opened(installation.urls["kpi"].app) as known:
        tenants = await _tenants(known, only)
        with _bar() as bar:
            for service, beside in projections(kpi, installation.keys()).items():
                async with _opened(installation.urls[service].owner) as database:
                    for tenant_id, name in tenants:
                        if not await _has_met(beside, database, tenant_id):
                            continue
                        task = bar.add_task(f"{name}: {service}", total=None)
                        async with database.write(tenant_id) as connection:
                            offset = await beside.replay(
                                connection, tenant_id, _shown_by(bar, task)
                            )
                        print(f"{name}: {beside.projection} of {service} is rebuilt up to {offset}")


def replay(installation: Installation, only: str | None) -> None:
    asyncio.run(_replay(installation, only))
