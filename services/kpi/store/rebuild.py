"""Queries of doctor and replay over the two sets of projection tables."""

from typing import Any

from services.kit.db import Connection

TABLES = ("projection_cursor", "deal", "funnel_posting", "funnel_rollup", "subject_version")
COMPARED = {
    # A rollup whose postings cancelled out is as good as none.
    "funnel_rollup": ("*", "AND (deals <> 0 OR amount_minor <> 0)"),
    "funnel_posting": (
        (
            "subject, log_offset, event_id, scope, measure, pipeline, stage, product, channel, "
            "currency, day, effective_on, days, deals, amount_minor"
        ),
        "",
    ),
    "deal": ("*", ""),
    "subject_version": ("*", ""),
    "projection_cursor": ("*", ""),
}
_SHOWN = 20


async def hold_live_cursor(connection: Connection, tenant_id: str) -> int:
    """The live cursor, locked; made first where nothing was ever projected."""
    await connection.execute(
        "INSERT INTO public.projection_cursor (tenant_id, projection, log_offset) "
        "VALUES ($1, 'funnel', 0) ON CONFLICT DO NOTHING",
        tenant_id,
    )
    offset: int = await connection.fetchval(
        "SELECT log_offset FROM public.projection_cursor "
        "WHERE tenant_id = $1 AND projection = 'funnel' FOR UPDATE",
        tenant_id,
    )
    return offset


async def go_beside(connection: Connection, tenant_id: str) -> None:
    """From here on, unqualified projection tables are the empty ones in `beside`."""
    await connection.execute("SET LOCAL search_path = beside, public")
    for table in TABLES:
        await connection.execute(f"DELETE FROM beside.{table} WHERE tenant_id = $1", tenant_id)


async def count(connection: Connection, tenant_id: str, table: str) -> int:
    _, condition = COMPARED[table]
    found: int = await connection.fetchval(
        f"SELECT count(*) FROM public.{table} WHERE tenant_id = $1 {condition}", tenant_id
    )
    return found


async def only_in(
    connection: Connection, tenant_id: str, table: str, side: str
) -> tuple[int, list[Any]]:
    """Rows that the named side has and the other has not: their count, and the first of them."""
    columns, condition = COMPARED[table]
    mine, other = ("public", "beside") if side == "live" else ("beside", "public")
    rows = await connection.fetch(
        f"WITH differing AS (SELECT {columns} FROM {mine}.{table} WHERE tenant_id = $1 {condition} "
        f"EXCEPT ALL SELECT {columns} FROM {other}.{table} WHERE tenant_id = $1 {condition}) "
        f"SELECT *, count(*) OVER () AS in_all FROM differing LIMIT {_SHOWN}",
        tenant_id,
    )
    return (rows[0]["in_all"] if rows else 0), list(rows)


async def swap(connection: Connection, tenant_id: str) -> None:
    """The rebuilt rows become the live ones."""
    for table in TABLES:
        await connection.execute(f"DELETE FROM public.{table} WHERE tenant_id = $1", tenant_id)
        await connection.execute(
            f"INSERT INTO public.{table} SELECT * FROM beside.{table} WHERE tenant_id = $1",
            tenant_id,
        )
        await connection.execute(f"DELETE FROM beside.{table} WHERE tenant_id = $1", tenant_id)
