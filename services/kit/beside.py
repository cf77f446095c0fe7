"""Doctor and replay: a projection rebuilt from the log, beside the live one.

The tables of a projection exist twice; with `beside` first on the search path the very code that
keeps the live ones fills the others. One snapshot sees live and rebuilt tables at one moment.
Doctor compares and rolls everything back; replay swaps the rebuilt rows in.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.kit import projection
from services.kit.db import Connection, Database

Progress = Callable[[int, int], None]
"""Told how many entries are done, of how many."""
Rebuild = Callable[[Connection, str, int, Progress], Awaitable[None]]
"""Fills the unqualified tables of a tenant with what the log says up to an offset."""
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that only one side has: `side` is `live` or `rebuilt`."""

    table: str
    side: str
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """How many rows were compared and differ in all, and the first of these."""

    offset: int
    rows: int
    differences: int
    examples: list[Difference]


class RolledBack(Exception):
    """Carries a finding out of a transaction that must leave no trace."""

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.finding = finding


@dataclass(frozen=True, slots=True)
class Beside:
    """One projection's tables, all of which exist in `public` and in `beside`.

    `compared` names the columns and a condition (`AND …`) of the tables that doctor compares.
    """

    projection: str
    tables: tuple[str, ...]
    compared: Mapping[str, tuple[str, str]]
    rebuild: Rebuild

    async def check(self, database: Database, tenant_id: str, progress: Progress) -> Finding:
        """Rebuilt and compared at one moment; nothing of it stays."""
        try:
            async with database.snapshot(tenant_id) as connection:
                found = await self.compare(connection, tenant_id, progress)
                raise RolledBack(found)  # noqa: TRY301 — the way out without a commit
        except RolledBack as done:
            return done.finding

    async def compare(self, connection: Connection, tenant_id: str, progress: Progress) -> Finding:
        """Rebuild up to the live cursor and compare, in a snapshot; the caller rolls back."""
        offset = await projection.cursor(connection, tenant_id, self.projection)
        await self._fill(connection, tenant_id, offset, progress)
        total = differences = 0
        examples: list[Difference] = []
        for table in self.compared:
            total += await self._count(connection, tenant_id, table)
            for side in ("live", "rebuilt"):
                count, rows = await self._only_in(connection, tenant_id, table, side)
                differences += count
                examples += [Difference(table, side, dict(row)) for row in rows]
        return Finding(offset, total, differences, examples)

    async def replay(self, connection: Connection, tenant_id: str, progress: Progress) -> int:
        """Rebuild and swap in, under the owner's role; the offset reached."""
        # Holding the live cursor keeps the workers away until this transaction ends.
        offset = await self._hold_live_cursor(connection, tenant_id)
        await self._fill(connection, tenant_id, offset, progress)
        for table in self.tables:
            await connection.execute(f"DELETE FROM public.{table} WHERE tenant_id = $1", tenant_id)
            await connection.execute(
                f"INSERT INTO public.{table} SELECT * FROM beside.{table} WHERE tenant_id = $1",
                tenant_id,
            )
            await connection.execute(f"DELETE FROM beside.{table} WHERE tenant_id = $1", tenant_id)
        return offset

    async def _fill(
        self, connection: Connection, tenant_id: str, until: int, progress: Progress
    ) -> None:
        """From here on, unqualified names of the projection's tables are those in `beside`."""
        await connection.execute("SET LOCAL search_path = beside, public")
        for table in self.tables:
            await connection.execute(f"DELETE FROM beside.{table} WHERE tenant_id = $1", tenant_id)
        await self.rebuild(connection, tenant_id, until, progress)
        reached = await projection.cursor(connection, tenant_id, self.projection)
        assert reached == until, "the log has no gaps"

    async def _hold_live_cursor(self, connection: Connection, tenant_id: str) -> int:
        """Locked; made first where nothing was ever projected."""
        await connection.execute(
            "INSERT INTO public.projection_cursor (tenant_id, projection, log_offset) "
            "VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
            tenant_id, self.projection,
        )  # fmt: skip
        offset: int = await connection.fetchval(
            "SELECT log_offset FROM public.projection_cursor "
            "WHERE tenant_id = $1 AND projection = $2 FOR UPDATE",
            tenant_id, self.projection,
        )  # fmt: skip
        return offset

    async def _count(self, connection: Connection, tenant_id: str, table: str) -> int:
        _, condition = self.compared[table]
        found: int = await connection.fetchval(
            f"SELECT count(*) FROM public.{table} WHERE tenant_id = $1 {condition}", tenant_id
        )
        return found

    async def _only_in(
        self, connection: Connection, tenant_id: str, table: str, side: str
    ) -> tuple[int, list[Any]]:
        """Rows that the named side has and the other has not: their count, and the first."""
        columns, condition = self.compared[table]
        mine, other = ("public", "beside") if side == "live" else ("beside", "public")
        rows = await connection.fetch(
            f"WITH differing AS (SELECT {columns} FROM {mine}.{table} WHERE tenant_id = $1 "
            f"{condition} EXCEPT ALL SELECT {columns} FROM {other}.{table} WHERE tenant_id = $1 "
            f"{condition}) SELECT *, count(*) OVER () AS in_all FROM differing LIMIT {_SHOWN}",
            tenant_id,
        )
        return (rows[0]["in_all"] if rows else 0), list(rows)
