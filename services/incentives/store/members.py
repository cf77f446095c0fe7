"""Who there is, beyond what a chart has at hand."""

from collections.abc import Iterable

from services.kit.db import Connection


async def all_members(connection: Connection, tenant_id: str) -> list[str]:
    rows = await connection.fetch(
        "SELECT member_id::text FROM org_member WHERE tenant_id = $1 ORDER BY member_id", tenant_id
    )
    return [row["member_id"] for row in rows]


async def units_by_reference(
    connection: Connection, tenant_id: str, references: Iterable[str]
) -> dict[str, str]:
    """Unit ids by external id or by id itself; unknown references are absent."""
    wanted = list(references)
    rows = await connection.fetch(
        "SELECT external_id AS reference, unit_id::text FROM org_unit "
        "WHERE tenant_id = $1 AND external_id = ANY($2::text[]) UNION ALL "
        "SELECT unit_id::text, unit_id::text FROM org_unit "
        "WHERE tenant_id = $1 AND unit_id::text = ANY($2::text[])",
        tenant_id, wanted,
    )  # fmt: skip
    return {row["reference"]: row["unit_id"] for row in rows}
