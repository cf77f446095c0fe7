"""Subject versions: the offset of the last effect on a member, unit or whatever is followed.

They are bumped in the transaction of the effect and read as a gapless stream, so that subscriptions
and exact caches can follow them (architecture.md, "Projections").
"""

from collections.abc import Mapping
from typing import Any

from services.kit.db import Connection, Database
from services.kit.limits import ARRAY_ITEMS
from services.kit.projection import Progress, cursor


async def bump(connection: Connection, tenant_id: str, versions: Mapping[str, int]) -> None:
    """Set the versions of subjects to the offsets that changed them."""
    if versions:
        ordered = sorted(versions.items())
        await connection.execute(
            "INSERT INTO subject_version (tenant_id, subject_id, log_offset) "
            "SELECT $1, * FROM unnest($2::uuid[], $3::bigint[]) "
            "ON CONFLICT (tenant_id, subject_id) DO UPDATE SET log_offset = excluded.log_offset",
            tenant_id, [key for key, _ in ordered], [offset for _, offset in ordered],
        )  # fmt: skip


async def changes(
    database: Database, progress: Progress, tenant_id: str, projection: str,
    after: int, wait_seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """`{"offset", "subjects"}`: what changed after an offset, once something did or time is up.

    Gapless: all that changed up to the answered offset is named, or was before `after`. A negative
    `after` asks where the stream is.
    """
    waited = 0.0
    while True:
        async with database.read(tenant_id) as connection:
            reached = await cursor(connection, tenant_id, projection)
            if after < 0:
                return {"offset": reached, "subjects": []}
            offset, subjects = await _page(connection, tenant_id, after, reached)
        if subjects or waited >= wait_seconds or progress.is_closing:
            return {"offset": offset, "subjects": subjects}
        # At most a second between looks, so that a lost notification costs no more.
        await progress.wait(tenant_id, 1.0)
        waited += 1.0


async def _page(
    connection: Connection, tenant_id: str, after: int, reached: int
) -> tuple[int, list[str]]:
    """Subjects bumped after `after`, and the offset up to which the answer is complete."""
    rows = await connection.fetch(
        "SELECT subject_id::text, log_offset FROM subject_version "
        "WHERE tenant_id = $1 AND log_offset > $2 ORDER BY log_offset LIMIT $3",
        tenant_id, after, ARRAY_ITEMS + 1,
    )  # fmt: skip
    if len(rows) <= ARRAY_ITEMS:
        return reached, [row["subject_id"] for row in rows]
    # Cut between two offsets, so that a page never splits one.
    last = rows[-1]["log_offset"]
    whole = [row for row in rows if row["log_offset"] < last]
    if whole:
        return last - 1, [row["subject_id"] for row in whole]
    rows = await connection.fetch(
        "SELECT subject_id::text FROM subject_version WHERE tenant_id = $1 AND log_offset = $2",
        tenant_id, last,
    )  # fmt: skip
    return last, [row["subject_id"] for row in rows]
