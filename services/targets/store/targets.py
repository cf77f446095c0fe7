"""Targets: the nodes of plans' trees and the totals beside them, written and read in sets."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from services.kit.db import Connection
from services.kit.period import Calendar
from services.targets.domain import spans
from services.targets.domain.cascade import Amounts, Buffer
from services.targets.domain.explain import Whole
from services.targets.domain.plan import Owner, Plan, Split, Target

_TARGET = (
    "t.id::text, t.parent_id::text, t.above_id::text, t.owner_kind, t.owner_id::text, t.period, "
    "t.position, t.floor, t.target, t.stretch, t.allocated, t.weight, t.split, t.total"
)
_WITH_PLAN = (
    f"{_TARGET}, t.plan_id::text, p.metric, p.currency, p.fiscal_start_month, p.week_rule, p.state, "
    "u.owner_kind AS up_kind, u.owner_id::text AS up_owner, u.period AS up_period, "
    "u.target AS up_target, u.allocated AS up_allocated, u.split AS up_split"
)
_JOINED = (
    "FROM target t JOIN plan p ON p.tenant_id = $1 AND p.id = t.plan_id "
    "LEFT JOIN target u ON u.tenant_id = $1 AND u.id = t.parent_id"
)
# A cell is the coarsest at its place if none that began before it, or with it and longer, holds it.
_COARSEST = f"""
WITH cell AS (
    SELECT t.*, max(t.last_on) OVER (
        PARTITION BY t.owner_id, p.metric ORDER BY t.first_on, t.last_on DESC
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS held_until
    FROM target t JOIN plan p ON p.tenant_id = $1 AND p.id = t.plan_id
    WHERE t.tenant_id = $1 AND t.owner_id = ANY($2::uuid[]) AND p.state = 'active'
    AND t.first_on >= $3 AND t.last_on <= $4 AND ($5::text IS NULL OR p.metric = $5)
)
SELECT {_WITH_PLAN} {_JOINED.replace("FROM target t", "FROM cell t")}
WHERE t.tenant_id = $1 AND (t.held_until IS NULL OR t.held_until < t.last_on)
ORDER BY t.owner_id, p.metric, t.first_on
"""
# Parts along an axis, by the cell they are of: owners right below in the same period, or the
# coarsest of the owner's cells that lie within it.
_ALONG_ORGANISATION = f"""
SELECT whole.id::text AS whole_id, {_WITH_PLAN} {_JOINED}
JOIN target whole ON whole.tenant_id = $1 AND whole.plan_id = t.plan_id
AND whole.owner_id = t.above_id AND whole.period = t.period AND whole.owner_id <> t.owner_id
WHERE t.tenant_id = $1 AND whole.id = ANY($2::uuid[]) ORDER BY whole.id, t.position, t.owner_id
"""
_ALONG_TIME = f"""
WITH cell AS (
    SELECT t.*, whole.id AS whole_id, max(t.last_on) OVER (
        PARTITION BY whole.id ORDER BY t.first_on, t.last_on DESC
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS held_until
    FROM target whole JOIN target t ON t.tenant_id = $1 AND t.plan_id = whole.plan_id
    AND t.owner_id = whole.owner_id AND t.id <> whole.id
    AND t.first_on >= whole.first_on AND t.last_on <= whole.last_on
    WHERE whole.tenant_id = $1 AND whole.id = ANY($2::uuid[])
)
SELECT t.whole_id::text, {_WITH_PLAN} {_JOINED.replace("FROM target t", "FROM cell t")}
WHERE t.tenant_id = $1 AND (t.held_until IS NULL OR t.held_until < t.last_on)
ORDER BY t.whole_id, t.first_on
"""
_OF_THE_TREE = f"""
SELECT t.parent_id::text AS whole_id, {_WITH_PLAN} {_JOINED}
WHERE t.tenant_id = $1 AND t.parent_id = ANY($2::uuid[])
ORDER BY t.parent_id, t.position, t.first_on, t.owner_id
"""
_PARTS = {"organisation": _ALONG_ORGANISATION, "time": _ALONG_TIME, None: _OF_THE_TREE}


@dataclass(frozen=True, slots=True)
class Stored:
    """A target with what of its plan and its parent is needed to show it, names left out."""

    target: Target
    plan_id: str
    plan_state: str
    metric: str
    currency: str | None
    whole: Whole | None


async def nodes(connection: Connection, tenant_id: str, plan: Plan) -> list[Target]:
    """The plan's tree without totals, parents before their parts."""
    rows = await connection.fetch(
        f"SELECT {_TARGET} FROM target t WHERE t.tenant_id = $1 AND t.plan_id = $2 "
        "AND t.total IS NULL",
        tenant_id, plan.id,
    )  # fmt: skip
    parts: defaultdict[str | None, list[Target]] = defaultdict(list)
    for row in rows:
        parts[row["parent_id"]].append(_target(row, plan.calendar))
    found = parts[None]
    for node in found:  # grows while it is read
        found += sorted(parts[node.id], key=lambda part: part.position)
    return found


async def cells(connection: Connection, tenant_id: str, plan: Plan) -> list[Target]:
    """All cells of a plan by owner and time, coarser ones first."""
    rows = await connection.fetch(
        f"SELECT {_TARGET} FROM target t WHERE t.tenant_id = $1 AND t.plan_id = $2 "
        "ORDER BY t.owner_id, t.first_on, t.last_on DESC",
        tenant_id, plan.id,
    )  # fmt: skip
    return [_target(row, plan.calendar) for row in rows]


async def noted(
    connection: Connection, tenant_id: str, plan_ids: Sequence[str]
) -> dict[str, list[Target]]:
    """By plan, what its checks speak of: nodes with a buffer, and the units' leaves."""
    rows = await connection.fetch(
        f"SELECT {_TARGET}, t.plan_id::text, p.fiscal_start_month, p.week_rule "
        "FROM target t JOIN plan p ON p.tenant_id = $1 AND p.id = t.plan_id "
        "WHERE t.tenant_id = $1 AND t.plan_id = ANY($2::uuid[]) AND t.total IS NULL "
        "AND ((t.split IS NULL AND t.owner_kind = 'unit') OR t.split->'buffer' <> 'null'::jsonb) "
        "ORDER BY t.first_on, t.last_on DESC, t.id",
        tenant_id, list(plan_ids),
    )  # fmt: skip
    found: dict[str, list[Target]] = {plan_id: [] for plan_id in plan_ids}
    for row in rows:
        calendar = Calendar(row["fiscal_start_month"], row["week_rule"])
        found[row["plan_id"]].append(_target(row, calendar))
    return found


async def owners(connection: Connection, tenant_id: str, plan_id: str) -> list[Owner]:
    rows = await connection.fetch(
        "SELECT DISTINCT owner_kind, owner_id::text FROM target "
        "WHERE tenant_id = $1 AND plan_id = $2 ORDER BY 2",
        tenant_id, plan_id,
    )  # fmt: skip
    return [Owner(*row) for row in rows]


async def add(
    connection: Connection, tenant_id: str, plan_id: str, targets: Sequence[Target]
) -> None:
    await connection.execute(
        "INSERT INTO target (tenant_id, plan_id, id, parent_id, above_id, owner_kind, owner_id, "
        "period, first_on, last_on, position, floor, target, stretch, allocated, weight, split, "
        "total) SELECT $1, $2, * FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], "
        "$7::uuid[], $8::text[], $9::date[], $10::date[], $11::int[], $12::bigint[], "
        "$13::bigint[], $14::bigint[], $15::bigint[], $16::text[], $17::jsonb[], $18::text[])",
        tenant_id, plan_id, [t.id for t in targets], [t.parent_id for t in targets],
        [t.above_id for t in targets], [t.owner.kind for t in targets],
        [t.owner.id for t in targets], [t.period.code for t in targets],
        [t.period.first for t in targets], [t.period.last for t in targets],
        [t.position for t in targets], [t.amounts.floor for t in targets],
        [t.amounts.target for t in targets], [t.amounts.stretch for t in targets],
        [t.allocated for t in targets], [t.weight for t in targets],
        [_packed(t.split) for t in targets], [t.total for t in targets],
    )  # fmt: skip


async def mark_split(connection: Connection, tenant_id: str, targets: Sequence[Target]) -> None:
    """These nodes have parts now."""
    await connection.execute(
        "UPDATE target AS t SET split = found.split, allocated = found.allocated "
        "FROM unnest($2::uuid[], $3::jsonb[], $4::bigint[]) AS found (id, split, allocated) "
        "WHERE t.tenant_id = $1 AND t.id = found.id",
        tenant_id, [t.id for t in targets], [_packed(t.split) for t in targets],
        [t.allocated for t in targets],
    )  # fmt: skip


async def set_totals(
    connection: Connection, tenant_id: str, plan_id: str, totals: Sequence[Target]
) -> None:
    """Write the totals beside the tree anew."""
    await connection.execute(
        "DELETE FROM target WHERE tenant_id = $1 AND plan_id = $2 AND total IS NOT NULL",
        tenant_id, plan_id,
    )  # fmt: skip
    await add(connection, tenant_id, plan_id, totals)


async def coarsest(
    connection: Connection, tenant_id: str, owner_ids: Sequence[str], first: date, last: date,
    metric: str | None,
) -> list[Stored]:  # fmt: skip
    """Of each owner's active cells within the days, those that no other one of them holds."""
    rows = await connection.fetch(_COARSEST, tenant_id, list(owner_ids), first, last, metric)
    return [_stored(row) for row in rows]


async def by_id(connection: Connection, tenant_id: str, target_ids: Sequence[str]) -> list[Stored]:
    rows = await connection.fetch(
        f"SELECT {_WITH_PLAN} {_JOINED} WHERE t.tenant_id = $1 AND t.id = ANY($2::uuid[])",
        tenant_id, list(target_ids),
    )  # fmt: skip
    return [_stored(row) for row in rows]


async def parts(
    connection: Connection, tenant_id: str, target_ids: Sequence[str], axis: str | None
) -> dict[str, list[Stored]]:
    """By target, its totals along an axis; without one the tree's own nodes."""
    rows = await connection.fetch(_PARTS[axis], tenant_id, list(target_ids))
    found: dict[str, list[Stored]] = {target_id: [] for target_id in target_ids}
    for row in rows:
        found[row["whole_id"]].append(_stored(row))
    return found


def _stored(row: Any) -> Stored:
    whole = None
    if row["up_split"] is not None:
        whole = Whole(
            Owner(row["up_kind"], row["up_owner"]), "", row["up_period"], row["up_target"],
            row["up_allocated"], _unpacked(row["up_split"]),
        )  # fmt: skip
    calendar = Calendar(row["fiscal_start_month"], row["week_rule"])
    return Stored(
        _target(row, calendar), row["plan_id"], row["state"], row["metric"], row["currency"], whole
    )


def _target(row: Any, calendar: Calendar) -> Target:
    return Target(
        row["id"], row["parent_id"], row["above_id"], Owner(row["owner_kind"], row["owner_id"]),
        spans.parse(row["period"], calendar),
        Amounts(row["floor"], row["target"], row["stretch"]), row["position"], row["weight"],
        _unpacked(row["split"]) if row["split"] else None, row["allocated"], row["total"],
    )  # fmt: skip


def _packed(split: Split | None) -> str | None:
    if split is None:
        return None
    buffer = [split.buffer.bp, split.buffer.kind] if split.buffer else None
    return orjson.dumps({**split._asdict(), "buffer": buffer}).decode()


def _unpacked(text: str) -> Split:
    kept = orjson.loads(text)
    return Split(**{**kept, "buffer": Buffer(*kept["buffer"]) if kept["buffer"] else None})
