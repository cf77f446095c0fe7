"""Units and placements, held whole per tenant and read anew when their version moved."""

from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from datetime import date

from services.kit.db import Connection
from services.kit.organisation import Placement
from services.targets.domain.records import Tree, UnitRecord

_TENANTS_KEPT = 64
_DAYS_KEPT = 256


class Trees:
    """Trees and head counts by tenant, current in every process because their version is asked."""

    def __init__(self) -> None:
        self._trees: OrderedDict[str, Tree] = OrderedDict()
        self._counts: OrderedDict[tuple[str, int, date], dict[str, int]] = OrderedDict()

    async def get(self, connection: Connection, tenant_id: str) -> Tree:
        version = await connection.fetchval(
            "SELECT units_version FROM organisation_head WHERE tenant_id = $1", tenant_id
        )
        known = self._trees.get(tenant_id)
        if known is None or known.units_version != version:
            known = await _read_tree(connection, tenant_id, version or 0)
            self._trees[tenant_id] = known
            if len(self._trees) > _TENANTS_KEPT:
                self._trees.popitem(last=False)
        self._trees.move_to_end(tenant_id)
        return known

    async def head_counts(self, connection: Connection, tenant_id: str, on: date) -> dict[str, int]:
        """Members by unit, each unit alone."""
        version = await connection.fetchval(
            "SELECT members_version FROM organisation_head WHERE tenant_id = $1", tenant_id
        )
        key = (tenant_id, version or 0, on)
        known = self._counts.get(key)
        if known is None:
            rows = await connection.fetch(
                "SELECT unit_id::text, count(*) AS members FROM membership WHERE tenant_id = $1 "
                "AND starts_on <= $2 AND (ends_on IS NULL OR ends_on > $2) GROUP BY unit_id",
                tenant_id, on,
            )  # fmt: skip
            known = self._counts[key] = {row["unit_id"]: row["members"] for row in rows}
            if len(self._counts) > _DAYS_KEPT:
                self._counts.popitem(last=False)
        return known


async def _read_tree(connection: Connection, tenant_id: str, version: int) -> Tree:
    rows = await connection.fetch(
        "SELECT unit_id::text, parent_id::text, starts_on, ends_on, manager_id::text "
        "FROM placement WHERE tenant_id = $1 ORDER BY unit_id, starts_on",
        tenant_id,
    )
    placements: defaultdict[str, list[Placement]] = defaultdict(list)
    for row in rows:
        placements[row["unit_id"]].append(Placement(*row))
    rows = await connection.fetch(
        "SELECT id::text, external_id, name, kind FROM unit WHERE tenant_id = $1", tenant_id
    )
    return Tree.build(
        [UnitRecord(**row, placements=tuple(placements[row["id"]])) for row in rows], version
    )


async def save_units(connection: Connection, tenant_id: str, units: Sequence[UnitRecord]) -> None:
    await connection.execute(
        "INSERT INTO unit (tenant_id, id, external_id, name, kind) "
        "SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) "
        "ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, kind = excluded.kind",
        tenant_id, [unit.id for unit in units], [unit.external_id for unit in units],
        [unit.name for unit in units], [unit.kind for unit in units],
    )  # fmt: skip


async def save_placements(
    connection: Connection, tenant_id: str, units: Sequence[UnitRecord]
) -> None:
    """The whole history of these units; their managers' rows have to be there."""
    await connection.execute(
        "DELETE FROM placement WHERE tenant_id = $1 AND unit_id = ANY($2::uuid[])",
        tenant_id, [unit.id for unit in units],
    )  # fmt: skip
    placements = [place for unit in units for place in unit.placements]
    await connection.execute(
        "INSERT INTO placement (tenant_id, unit_id, starts_on, ends_on, parent_id, manager_id) "
        "SELECT $1, * FROM unnest($2::uuid[], $3::date[], $4::date[], $5::uuid[], $6::uuid[])",
        tenant_id, [place.unit_id for place in placements],
        [place.starts_on for place in placements], [place.ends_on for place in placements],
        [place.parent_id for place in placements], [place.manager_id for place in placements],
    )  # fmt: skip
