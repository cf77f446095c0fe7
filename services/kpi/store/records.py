"""Queries of the projected records: whose each is, and what that leans on."""

from collections.abc import Sequence
from typing import NamedTuple

from services.kit.db import Connection
from services.kpi.store.log import text_of


class RecordRow(NamedTuple):
    """`owners` are the members it counts for; `leans_on` the subjects they follow from."""

    subject: str
    owners: Sequence[str]
    leans_on: Sequence[str]
    log_offset: int


async def put(connection: Connection, tenant_id: str, rows: Sequence[RecordRow]) -> None:
    if rows:
        # Arrays as JSON: unnest would flatten an array of arrays.
        await connection.execute(
            "INSERT INTO record (tenant_id, subject, owners, leans_on, log_offset) "
            "SELECT $1, subject, "
            "ARRAY(SELECT jsonb_array_elements_text(owners::jsonb))::uuid[], "
            "ARRAY(SELECT jsonb_array_elements_text(leans_on::jsonb)), log_offset "
            "FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) "
            "AS r(subject, owners, leans_on, log_offset) "
            "ON CONFLICT (tenant_id, subject) DO UPDATE SET owners = excluded.owners, "
            "leans_on = excluded.leans_on, log_offset = excluded.log_offset",
            tenant_id, [row.subject for row in rows], [text_of(row.owners) for row in rows],
            [text_of(row.leans_on) for row in rows], [row.log_offset for row in rows],
        )  # fmt: skip


async def leaning_on(connection: Connection, tenant_id: str, subjects: Sequence[str]) -> list[str]:
    """Records whose owners follow from any of `subjects`."""
    rows = await connection.fetch(
        "SELECT subject FROM record WHERE tenant_id = $1 AND leans_on && $2::varchar[]",
        tenant_id, subjects,
    )  # fmt: skip
    return [row[0] for row in rows]


async def owned_by(connection: Connection, tenant_id: str, members: Sequence[str]) -> list[str]:
    """Records that count for any of `members`."""
    rows = await connection.fetch(
        "SELECT subject FROM record WHERE tenant_id = $1 AND owners && $2::uuid[]",
        tenant_id, members,
    )  # fmt: skip
    return [row[0] for row in rows]


async def all_records(connection: Connection, tenant_id: str) -> list[str]:
    rows = await connection.fetch("SELECT subject FROM record WHERE tenant_id = $1", tenant_id)
    return [row[0] for row in rows]
