"""Compensation plans by version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson

from services.incentives.domain.plan import ActivePlan, Terms
from services.kit.db import Connection


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """`state` is draft or active; an active one is in force on [effective_on, ends_on]."""

    id: str
    name: str
    version: int
    document: Mapping[str, Any]
    state: str
    effective_on: date | None
    ends_on: date | None
    rank: int | None
    created_at: datetime
    activated_at: datetime | None

    def active(self) -> ActivePlan:
        assert self.effective_on is not None, "an active plan has a first day"
        assert self.rank is not None, "an active plan has a rank"
        return ActivePlan(
            self.id, self.version, Terms.read(self.document), self.effective_on, self.ends_on,
            self.rank,
        )  # fmt: skip


_COLUMNS = (
    "SELECT id::text, name, version, document, state, effective_on, ends_on, rank, created_at, "
    "activated_at FROM compensation_plan WHERE tenant_id = $1 "
)


def _record(row: Any) -> PlanRecord:
    return PlanRecord(**{**dict(row), "document": orjson.loads(row["document"])})


async def plan(connection: Connection, tenant_id: str, plan_id: str) -> PlanRecord | None:
    row = await connection.fetchrow(_COLUMNS + "AND id = $2", tenant_id, plan_id)
    return None if row is None else _record(row)


async def active(connection: Connection, tenant_id: str) -> list[ActivePlan]:
    rows = await connection.fetch(_COLUMNS + "AND state = 'active' ORDER BY rank", tenant_id)
    return [_record(row).active() for row in rows]


async def page(
    connection: Connection, tenant_id: str, after: Sequence[Any] | None, limit: int
) -> list[PlanRecord]:
    """By name and version."""
    rows = await connection.fetch(
        _COLUMNS + "AND ($2::text IS NULL OR (name, version) > ($2::text, $3::int)) "
        "ORDER BY name, version LIMIT $4",
        tenant_id, *(after or (None, None)), limit,
    )  # fmt: skip
    return [_record(row) for row in rows]


async def add_draft(
    connection: Connection, tenant_id: str, plan_id: str, document: Mapping[str, Any], who: str,
    at: datetime,
) -> None:  # fmt: skip
    """The next version of its name."""
    await connection.execute(
        "INSERT INTO compensation_plan (tenant_id, id, name, version, document, state, drafted_by, "
        "created_at) SELECT $1, $2, $3::text, coalesce(max(version), 0) + 1, $4, 'draft', $5, $6 "
        "FROM compensation_plan WHERE tenant_id = $1 AND name = $3::text",
        tenant_id, plan_id, document["name"], orjson.dumps(document).decode(), who, at,
    )  # fmt: skip


async def activate(
    connection: Connection, tenant_id: str, plan_id: str, effective_on: date, who: str, at: datetime
) -> None:
    await connection.execute(
        "UPDATE compensation_plan SET state = 'active', effective_on = $3, activated_by = $4, "
        "activated_at = $5, rank = (SELECT coalesce(max(rank), 0) + 1 FROM compensation_plan "
        "WHERE tenant_id = $1) WHERE tenant_id = $1 AND id = $2",
        tenant_id, plan_id, effective_on, who, at,
    )  # fmt: skip


async def end(connection: Connection, tenant_id: str, plan_id: str, ends_on: date) -> None:
    await connection.execute(
        "UPDATE compensation_plan SET ends_on = $3 WHERE tenant_id = $1 AND id = $2",
        tenant_id, plan_id, ends_on,
    )  # fmt: skip
