"""Plans, the steps they went through, and who acknowledged."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.kit.db import Connection
from services.kit.period import Calendar
from services.targets.domain import spans
from services.targets.domain.plan import Plan, State

_COLUMNS = (
    "id::text, name, version, state, metric, currency, period, fiscal_start_month, week_rule, "
    "root_id::text, predecessor_id::text, consensus_threshold_bp, log_offset, unheard"
)


async def add(connection: Connection, tenant_id: str, plan: Plan) -> None:
    await connection.execute(
        "INSERT INTO plan (tenant_id, id, name, version, state, metric, currency, period, "
        "fiscal_start_month, week_rule, root_id, predecessor_id, consensus_threshold_bp, unheard) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0)",
        tenant_id, plan.id, plan.name, plan.version, plan.state, plan.metric, plan.currency,
        plan.period.code, plan.calendar.fiscal_start_month, plan.calendar.week_rule, plan.root_id,
        plan.predecessor_id, plan.consensus_threshold_bp,
    )  # fmt: skip


async def locked(connection: Connection, tenant_id: str, plan_id: str) -> Plan | None:
    """The plan, which nobody else changes until the transaction ends."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM plan WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        tenant_id, plan_id,
    )  # fmt: skip
    return _plan(row) if row else None


async def by_id(connection: Connection, tenant_id: str, plan_ids: Sequence[str]) -> list[Plan]:
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM plan WHERE tenant_id = $1 AND id = ANY($2::uuid[])",
        tenant_id, list(plan_ids),
    )  # fmt: skip
    return [_plan(row) for row in rows]


async def page(
    connection: Connection, tenant_id: str, *, drafts: bool, before: str | None, size: int
) -> list[Plan]:
    """The newest first; ids made later sort later."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM plan WHERE tenant_id = $1 AND ($2 OR state <> 'draft') "
        "AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
        tenant_id, drafts, before, size,
    )  # fmt: skip
    return [_plan(row) for row in rows]


async def step(
    connection: Connection, tenant_id: str, plan_id: str, state: State, *,
    at: datetime, by: str, reason: str | None = None,
) -> None:  # fmt: skip
    """Bring a plan into a state, and keep who did."""
    await connection.execute(
        "UPDATE plan SET state = $3 WHERE tenant_id = $1 AND id = $2", tenant_id, plan_id, state
    )
    await connection.execute(
        "INSERT INTO plan_step (tenant_id, plan_id, state, at, by, reason) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        tenant_id, plan_id, state, at, by, reason,
    )  # fmt: skip


async def overlapping(connection: Connection, tenant_id: str, plan: Plan) -> list[tuple[str, str]]:
    """Other active plans of the metric in which an owner of this one has a cell in its time."""
    rows = await connection.fetch(
        "SELECT p.id::text, p.name FROM plan p WHERE p.tenant_id = $1 AND p.id <> $2 "
        "AND p.state = 'active' AND p.metric = $3 AND EXISTS ("
        "SELECT FROM target t WHERE t.tenant_id = $1 AND t.plan_id = p.id "
        "AND t.first_on <= $5 AND t.last_on >= $4 AND t.owner_id IN ("
        "SELECT owner_id FROM target WHERE tenant_id = $1 AND plan_id = $2)) ORDER BY p.id",
        tenant_id, plan.id, plan.metric, *plan.period.span,
    )  # fmt: skip
    return [(row["id"], row["name"]) for row in rows]


async def told(connection: Connection, tenant_id: str, plan_id: str, facts: int) -> None:
    """So many facts are on their way: the plan's offset is known once the log has them all."""
    await connection.execute(
        "UPDATE plan SET unheard = $3 WHERE tenant_id = $1 AND id = $2", tenant_id, plan_id, facts
    )


async def heard(connection: Connection, tenant_id: str, facts: Sequence[tuple[str, int]]) -> None:
    """The log has these facts: each the plan it is of, and its offset."""
    await connection.execute(
        "UPDATE plan AS p SET unheard = greatest(0, p.unheard - found.facts), "
        "log_offset = greatest(p.log_offset, found.last) FROM ("
        "SELECT id, count(*) AS facts, max(log_offset) AS last "
        "FROM unnest($2::uuid[], $3::bigint[]) AS fact (id, log_offset) GROUP BY id) AS found "
        "WHERE p.tenant_id = $1 AND p.id = found.id",
        tenant_id, [plan_id for plan_id, _ in facts], [offset for _, offset in facts],
    )  # fmt: skip


async def acknowledge(
    connection: Connection, tenant_id: str, plan_id: str, owner_id: str, member_id: str,
    at: datetime,
) -> None:  # fmt: skip
    """Saying yes again changes nothing."""
    await connection.execute(
        "INSERT INTO acknowledgement (tenant_id, plan_id, owner_id, member_id, at) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        tenant_id, plan_id, owner_id, member_id, at,
    )  # fmt: skip


async def acknowledged(
    connection: Connection, tenant_id: str, plan_ids: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """By plan, how many owners acknowledged and how many there are."""
    rows = await connection.fetch(
        "SELECT t.plan_id::text, count(DISTINCT a.owner_id) AS acknowledged, "
        "count(DISTINCT t.owner_id) AS owners FROM target t LEFT JOIN acknowledgement a "
        "ON a.tenant_id = $1 AND a.plan_id = t.plan_id AND a.owner_id = t.owner_id "
        "WHERE t.tenant_id = $1 AND t.plan_id = ANY($2::uuid[]) GROUP BY t.plan_id",
        tenant_id, list(plan_ids),
    )  # fmt: skip
    return {row["plan_id"]: (row["acknowledged"], row["owners"]) for row in rows}


def _plan(row: Any) -> Plan:
    calendar = Calendar(row["fiscal_start_month"], row["week_rule"])
    return Plan(
        row["id"], row["name"], row["version"], row["state"], row["metric"], row["currency"],
        spans.parse(row["period"], calendar), calendar, row["root_id"], row["predecessor_id"],
        row["consensus_threshold_bp"], row["log_offset"] if row["unheard"] == 0 else None,
    )  # fmt: skip
