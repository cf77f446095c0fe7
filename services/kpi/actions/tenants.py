"""Which tenant a token's short name means, and the tenant's first appearance."""

from weakref import WeakKeyDictionary

from services.kit.db import Connection, Database
from services.kit.errors import Conflict, NotFound

_known: WeakKeyDictionary[Database, dict[str, str]] = WeakKeyDictionary()
"""Tenants' ids by short name; a tenant's id never changes."""


async def tenant_id_of(database: Database, short_name: str) -> str:
    known = _known.setdefault(database, {})
    if short_name not in known:
        async with database.read(None) as connection:
            found = await connection.fetchval(
                "SELECT id::text FROM tenant WHERE short_name = $1", short_name
            )
        if found is None:
            raise NotFound(f"kpi knows no tenant {short_name}: configure it in targets first")
        known[short_name] = found
    return known[short_name]


async def ensure(connection: Connection, tenant_id: str, short_name: str) -> None:
    """The tenant is there; its name and its id belong to each other for good."""
    await connection.execute(
        "INSERT INTO tenant (id, short_name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        tenant_id, short_name,
    )  # fmt: skip
    known = await connection.fetchval(
        "SELECT short_name FROM tenant WHERE id = $1", tenant_id
    )  # fmt: skip
    if known != short_name:
        raise Conflict(f"the tenant {short_name} has another id, or the id another tenant")


async def all_tenants(database: Database) -> list[tuple[str, str]]:
    async with database.read(None) as connection:
        rows = await connection.fetch("SELECT id::text, short_name FROM tenant ORDER BY id")
    return [(row[0], row[1]) for row in rows]
