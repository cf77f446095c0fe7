"""Statements as they stand, their approvals, and closings, which never change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson

from services.incentives.domain.lines import Line
from services.incentives.domain.plan import ActivePlan
from services.incentives.domain.statement import Counted, Statement, packed
from services.kit import ids
from services.kit.db import Connection
from services.kit.period import Period


@dataclass(frozen=True, slots=True)
class StatementRecord:
    """A statement's row with what was decided about it; `plan_id` names its plan."""

    id: str
    member_id: str
    period: str
    first_on: date
    last_on: date
    plan_id: str
    currency: str
    total_minor: int
    credited_minor: int
    hash: str
    lines: tuple[Line, ...]
    approved_hash: str | None
    approved_at: datetime | None
    closed_at: datetime | None
    counted: tuple[Counted, ...] = ()

    @property
    def state(self) -> str:
        """An approval is of the figures that it saw: when they change, it lapses."""
        if self.closed_at is not None:
            return "closed"
        return "approved" if self.approved_hash == self.hash else "live"

    def statement(self, plan: ActivePlan) -> Statement:
        period = Period(self.period, plan.terms.period, self.first_on, self.last_on)
        return Statement(
            self.member_id, period, plan, self.lines, self.counted, self.credited_minor
        )


_RECORD = (
    "SELECT s.id::text, s.member_id::text, s.period, s.first_on, s.last_on, s.plan_id::text, "
    "s.currency, s.total_minor, s.credited_minor, s.hash, s.lines, a.hash AS approved_hash, "
    "a.approved_at, c.closed_at{counted} FROM statement s "
    "LEFT JOIN statement_approval a ON a.tenant_id = s.tenant_id AND a.statement_id = s.id "
    "LEFT JOIN statement_closing c ON c.tenant_id = s.tenant_id AND c.statement_id = s.id "
    "WHERE s.tenant_id = $1 "
)
_PLAIN = _RECORD.format(counted="")
_WHOLE = _RECORD.format(counted=", s.counted")


def statement_id(tenant_id: str, member_id: str, period: str) -> str:
    """It follows from whose and when it is: live, closed and rebuilt statements have one id."""
    return ids.derived(tenant_id, f"statement:{member_id}:{period}")


async def of_members(
    connection: Connection, tenant_id: str, members: Sequence[str], first: date, last: date
) -> list[StatementRecord]:
    """Those that touch the days from first to last."""
    rows = await connection.fetch(
        _PLAIN + "AND s.member_id = ANY($2::uuid[]) AND s.first_on <= $4 AND s.last_on >= $3 "
        "ORDER BY s.member_id, s.first_on",
        tenant_id, list(members), first, last,
    )  # fmt: skip
    return [_record(row) for row in rows]


async def one(connection: Connection, tenant_id: str, id_: str) -> StatementRecord | None:
    row = await connection.fetchrow(_WHOLE + "AND s.id = $2", tenant_id, id_)
    return None if row is None else _record(row)


async def page(
    connection: Connection, tenant_id: str, members: Sequence[str] | None,
    span: tuple[date, date] | None, state: str | None, after: Sequence[Any] | None, limit: int,
) -> list[StatementRecord]:  # fmt: skip
    """By first day and member, of `members` or of all, within a span of days, in one state."""
    first, last = span or (date.min, date.max)
    rows = await connection.fetch(
        _PLAIN + "AND ($2::uuid[] IS NULL OR s.member_id = ANY($2::uuid[])) "
        "AND s.first_on >= $3 AND s.last_on <= $4 "
        "AND ($5::text IS NULL OR $5 = CASE WHEN c.statement_id IS NOT NULL THEN 'closed' "
        "WHEN a.hash = s.hash THEN 'approved' ELSE 'live' END) "
        "AND ($6::date IS NULL OR (s.first_on, s.member_id) > ($6::date, $7::uuid)) "
        "ORDER BY s.first_on, s.member_id LIMIT $8",
        tenant_id, members, first, last, state, *(after or (None, None)), limit,
    )  # fmt: skip
    return [_record(row) for row in rows]


async def closed_of(
    connection: Connection, tenant_id: str, members: Iterable[str],
    plans: Mapping[str, ActivePlan],
) -> dict[str, list[Statement]]:  # fmt: skip
    """The closed statements of members, as they were closed."""
    rows = await connection.fetch(
        "SELECT member_id::text, period, first_on, last_on, plan_id::text, lines, counted, "
        "credited_minor FROM statement_closing WHERE tenant_id = $1 "
        "AND member_id = ANY($2::uuid[])",
        tenant_id, sorted(members),
    )  # fmt: skip
    found: dict[str, list[Statement]] = {}
    for row in rows:
        plan = plans[row["plan_id"]]
        period = Period(row["period"], plan.terms.period, row["first_on"], row["last_on"])
        found.setdefault(row["member_id"], []).append(
            Statement(
                row["member_id"], period, plan, _lines(row["lines"]), _counted(row["counted"]),
                row["credited_minor"],
            )
        )  # fmt: skip
    return found


async def closed_since(
    connection: Connection, tenant_id: str, day: date
) -> list[tuple[str, date, date]]:
    """Member, first and last day of the closed statements that last until `day` or longer."""
    rows = await connection.fetch(
        "SELECT member_id::text, first_on, last_on FROM statement_closing "
        "WHERE tenant_id = $1 AND last_on >= $2 ORDER BY first_on, member_id",
        tenant_id, day,
    )  # fmt: skip
    return [tuple(row) for row in rows]


async def hashes(
    connection: Connection, tenant_id: str, members: Iterable[str]
) -> dict[tuple[str, date], str]:
    """What stands of members' statements, to write only what changed."""
    rows = await connection.fetch(
        "SELECT member_id::text, first_on, hash FROM statement "
        "WHERE tenant_id = $1 AND member_id = ANY($2::uuid[])",
        tenant_id, sorted(members),
    )  # fmt: skip
    return {(row["member_id"], row["first_on"]): row["hash"] for row in rows}


async def put(connection: Connection, tenant_id: str, changed: Sequence[Statement]) -> None:
    rows = [(one, packed(one)) for one in changed]
    await connection.execute(
        "INSERT INTO statement (tenant_id, member_id, first_on, last_on, id, period, plan_id, "
        "currency, total_minor, credited_minor, hash, lines, counted) SELECT $1, * FROM unnest("
        "$2::uuid[], $3::date[], $4::date[], $5::uuid[], $6::text[], $7::uuid[], $8::text[], "
        "$9::bigint[], $10::bigint[], $11::text[], $12::jsonb[], $13::jsonb[]) "
        "ON CONFLICT (tenant_id, member_id, first_on) DO UPDATE SET last_on = excluded.last_on, "
        "id = excluded.id, period = excluded.period, plan_id = excluded.plan_id, "
        "currency = excluded.currency, total_minor = excluded.total_minor, "
        "credited_minor = excluded.credited_minor, hash = excluded.hash, lines = excluded.lines, "
        "counted = excluded.counted",
        tenant_id, [one.member_id for one, _ in rows], [one.period.first for one, _ in rows],
        [one.period.last for one, _ in rows],
        [statement_id(tenant_id, one.member_id, one.period.code) for one, _ in rows],
        [one.period.code for one, _ in rows], [one.plan.id for one, _ in rows],
        [one.plan.terms.currency for one, _ in rows], [one.total_minor for one, _ in rows],
        [one.credited_minor for one, _ in rows], [one.hash for one, _ in rows],
        [orjson.dumps(content["lines"]).decode() for _, content in rows],
        [orjson.dumps(content["counted"]).decode() for _, content in rows],
    )  # fmt: skip


async def remove(connection: Connection, tenant_id: str, gone: Iterable[tuple[str, date]]) -> None:
    keys = sorted(gone)
    await connection.execute(
        "DELETE FROM statement s USING unnest($2::uuid[], $3::date[]) AS g (member_id, first_on) "
        "WHERE s.tenant_id = $1 AND s.member_id = g.member_id AND s.first_on = g.first_on",
        tenant_id, [member for member, _ in keys], [first for _, first in keys],
    )  # fmt: skip


async def approve(
    connection: Connection, tenant_id: str, statement: StatementRecord, who: str,
    approver_id: str | None, at: datetime,
) -> None:  # fmt: skip
    await connection.execute(
        "INSERT INTO statement_approval (tenant_id, statement_id, hash, approved_by, approver_id, "
        "approved_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, statement_id) "
        "DO UPDATE SET hash = $3, approved_by = $4, approver_id = $5, approved_at = $6",
        tenant_id, statement.id, statement.hash, who, approver_id, at,
    )  # fmt: skip


async def close(
    connection: Connection, tenant_id: str, statement: StatementRecord, who: str, at: datetime
) -> None:
    await connection.execute(
        "INSERT INTO statement_closing (tenant_id, statement_id, member_id, period, first_on, "
        "last_on, plan_id, lines, counted, credited_minor, total_minor, hash, closed_by, "
        "closed_at) SELECT tenant_id, id, member_id, period, first_on, last_on, plan_id, lines, "
        "counted, credited_minor, total_minor, hash, $3, $4 FROM statement "
        "WHERE tenant_id = $1 AND id = $2",
        tenant_id, statement.id, who, at,
    )  # fmt: skip


def _record(row: Any) -> StatementRecord:
    fields = dict(row) | {"lines": _lines(row["lines"])}
    if "counted" in fields:
        fields["counted"] = _counted(fields["counted"])
    return StatementRecord(**fields)


def _lines(stored: str) -> tuple[Line, ...]:
    return tuple(Line.unpacked(line) for line in orjson.loads(stored))


def _counted(stored: str) -> tuple[Counted, ...]:
    return tuple(Counted(*one) for one in orjson.loads(stored))
