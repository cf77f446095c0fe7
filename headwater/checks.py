"""`headwater doctor` and `headwater replay`, for the funnel of every tenant."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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

from headwater.installation import Installation
from services.kit.beside import Finding
from services.kit.db import Database
from services.kit.errors import NotFound
from services.kpi.actions.rebuild import FUNNEL
from services.kpi.actions.tenants import all_tenants

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


async def _doctor(url: str, only: str | None) -> list[tuple[str, Finding]]:
    database = Database(url, statement_millis=_STATEMENT_MILLIS)
    await database.open()
    findings = []
    try:
        with _bar() as bar:
            for tenant_id, name in await _tenants(database, only):
                task = bar.add_task(f"rebuilding {name}", total=None)
                finding = await FUNNEL.check(database, tenant_id, _shown_by(bar, task))
                findings.append((name, finding))
    finally:
        await database.close()
    return findings


def doctor(installation: Installation, only: str | None) -> int:
    """Print what differs; how many rows do."""
    findings = asyncio.run(_doctor(installation.urls["kpi"].app, only))
    table = Table("tenant", "projection", "offset", "rows compared", "differences")
    for name, finding in findings:
        colour = "green" if finding.differences == 0 else "red"
        table.add_row(
            name, "funnel", str(finding.offset), f"{finding.rows:,}",
            f"[{colour}]{finding.differences}[/]",
        )  # fmt: skip
    console = Console()
    console.print(table)
    for name, finding in findings:
        for difference in finding.examples:
            console.print(f"{name} {difference.table} only {difference.side}: {difference.row}")
    return sum(finding.differences for _, finding in findings)


async def _replay(url: str, only: str | None) -> None:
    database = Database(url, statement_millis=_STATEMENT_MILLIS)
    await database.open()
    try:
        with _bar() as bar:
            for tenant_id, name in await _tenants(database, only):
                task = bar.add_task(f"replaying {name}", total=None)
                async with database.write(tenant_id) as connection:
                    offset = await FUNNEL.replay(
                        connection, tenant_id,
                        _shown_by(bar, task),
                    )  # fmt: skip
                print(f"{name}: the funnel is rebuilt up to offset {offset}")
    finally:
        await database.close()


def replay(installation: Installation, only: str | None) -> None:
    asyncio.run(_replay(installation.urls["kpi"].owner, only))
