"""Doctor and replay: the funnel rebuilt from the log, beside the live one.

The tables of a projection exist twice; with `beside` first on the search path the very code that
keeps the live ones fills the others. One snapshot sees log, live tables and rebuilt tables at one
moment. Doctor compares and rolls everything back; replay swaps the rebuilt rows in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.kit.db import Connection
from services.kpi.actions.project import advance
from services.kpi.store import funnel, rebuild

Progress = Callable[[int, int], None]
"""Told how many entries are done, of how many."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that only one side has: `side` is `live` or `rebuilt`."""

    table: str
    side: str
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """How many rows differ in all, and the first of them."""

    offset: int
    rows: int
    differences: int
    examples: list[Difference]


async def compare(connection: Connection, tenant_id: str, progress: Progress) -> Finding:
    """Rebuild up to the live cursor and compare, in a snapshot; the caller rolls back."""
    offset = await funnel.cursor(connection, tenant_id)
    await _rebuild(connection, tenant_id, offset, progress)
    total = differences = 0
    examples: list[Difference] = []
    for table in rebuild.COMPARED:
        total += await rebuild.count(connection, tenant_id, table)
        for side in ("live", "rebuilt"):
            count, rows = await rebuild.only_in(connection, tenant_id, table, side)
            differences += count
            examples += [Difference(table, side, dict(row)) for row in rows]
    return Finding(offset, total, differences, examples)


async def replay(connection: Connection, tenant_id: str, progress: Progress) -> int:
    """Rebuild and swap in, under the owner's role; the offset reached."""
    # Holding the live cursor keeps the projector away until this transaction ends.
    offset = await rebuild.hold_live_cursor(connection, tenant_id)
    await _rebuild(connection, tenant_id, offset, progress)
    await rebuild.swap(connection, tenant_id)
    return offset


async def _rebuild(connection: Connection, tenant_id: str, until: int, progress: Progress) -> None:
    """Fill the tables beside the live ones with what the log says up to an offset."""
    await rebuild.go_beside(connection, tenant_id)
    world = None
    while (moved := await advance(connection, tenant_id, world, until=until)) is not None:
        reached, world = moved
        progress(reached, until)
    assert await funnel.cursor(connection, tenant_id) == until, "the log has no gaps"
