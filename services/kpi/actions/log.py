"""Reads of the log's movement."""

from services.kit.db import Connection
from services.kit.limits import ARRAY_ITEMS
from services.kpi.store import funnel


async def changes(
    connection: Connection, tenant_id: str, after: int, cursor: int
) -> tuple[int, list[str]]:
    """Subjects bumped after `after`, and the offset up to which the answer is complete."""
    rows = await funnel.versions_after(connection, tenant_id, after, ARRAY_ITEMS + 1)
    if len(rows) <= ARRAY_ITEMS:
        return cursor, [row["subject_id"] for row in rows]
    # Cut between two offsets, so that a page never splits one.
    last = rows[-1]["log_offset"]
    whole = [row for row in rows if row["log_offset"] < last]
    if not whole:
        return last, [
            row["subject_id"] for row in await funnel.versions_at(connection, tenant_id, last)
        ]
    return last - 1, [row["subject_id"] for row in whole]
