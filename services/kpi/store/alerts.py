"""Queries of alerts: what the projection watches and writes, and what a board reads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime

from services.kit.db import Connection
from services.kpi.domain.alerts import Alert, Watch
from services.kpi.domain.metrics import Metric
from services.kpi.store.attainments import OF_TERM, VALUE

# The coarsest below a year: a month, else a quarter, else a week.
_SPEAKS = "CASE WHEN c.period LIKE '____-Q_' THEN 2 WHEN c.period LIKE '____-__' THEN 1 ELSE 3 END"
_MAY_SPEAK = "(c.period LIKE '____-__' OR c.period LIKE '____-__-W_')"

_WATCHES = f"""
SELECT s.*, p.firsts, p.lasts, p.targets FROM (
  SELECT DISTINCT ON (c.scope, c.metric) c.id::text, c.scope::text, c.metric, c.plan_id, c.period,
    c.first_on, c.last_on, c.target, c.currency
  FROM target_cell AS c JOIN unnest($3::text[], $4::text[]) AS m(metric, unit) USING (metric, unit)
  WHERE c.tenant_id = $1 AND c.first_on <= $2 AND c.last_on >= $2 AND {_MAY_SPEAK}
  AND (m.unit <> 'money' OR c.currency = $5)
  AND ($6::uuid[] IS NULL
       OR (c.scope, c.metric) IN (SELECT * FROM unnest($6::uuid[], $7::text[])))
  ORDER BY c.scope, c.metric, {_SPEAKS}, c.log_offset DESC, c.plan_id
) AS s CROSS JOIN LATERAL (
  SELECT array_agg(p.first_on ORDER BY p.first_on) AS firsts,
    array_agg(p.last_on ORDER BY p.first_on) AS lasts,
    array_agg(p.target ORDER BY p.first_on) AS targets
  FROM target_cell AS p WHERE p.tenant_id = $1 AND p.scope = s.scope::uuid AND p.metric = s.metric
  AND p.plan_id = s.plan_id AND p.finest AND p.first_on >= s.first_on AND p.last_on <= s.last_on
) AS p
"""

_SUMS = f"""
SELECT w.number, t.is_below, sum({VALUE}) AS value
FROM unnest($2::int[], $3::uuid[], $4::text[], $5::date[], $6::date[])
  AS w(number, scope, metric, first_on, last_on)
JOIN unnest($7::text[], $8::bool[], $9::text[], $10::bool[], $11::int[], $12::text[], $13::text[],
  $14::text[], $15::text[])
  AS t(metric, is_below, measure, is_amount, sign, stage, pipeline, product, channel)
  ON t.metric = w.metric
JOIN funnel_rollup AS r ON r.tenant_id = $1 AND r.scope = w.scope AND {OF_TERM}
  AND r.day BETWEEN w.first_on AND w.last_on
GROUP BY 1, 2
"""

_COLUMNS = {
    "id": "uuid", "target_id": "uuid", "scope": "uuid", "metric": "text", "period": "text",
    "unit": "text", "currency": "text", "comparison": "text", "light": "text", "actual": "bigint",
    "standard": "bigint", "attained": "bigint", "measured_on": "date", "status": "text",
    "opened_at": "timestamptz", "opened_on": "date", "log_offset": "bigint",
    "acknowledged_light": "text", "acknowledged_at": "timestamptz", "acknowledged_by": "text",
    "resolved_at": "timestamptz", "resolution": "text",
}  # fmt: skip
assert list(_COLUMNS) == [field.name for field in fields(Alert)], "a column per field"
_READ = ", ".join(
    f"a.{name}::text" if kind == "uuid" else f"a.{name}" for name, kind in _COLUMNS.items()
)


async def has_targets(connection: Connection, tenant_id: str) -> bool:
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM target_cell WHERE tenant_id = $1)", tenant_id
    )
    return found


async def watches(
    connection: Connection, tenant_id: str, day: date, metrics: Mapping[str, Metric],
    currency: str | None, keys: Sequence[tuple[str, str]] | None = None,
) -> list[Watch]:  # fmt: skip
    """The cells that speak on a day, of all owners and metrics or of these pairs."""
    rows = await connection.fetch(
        _WATCHES, tenant_id, day, list(metrics), [metric.unit for metric in metrics.values()],
        currency, *((None, None) if keys is None else map(list, zip(*keys, strict=True))),
    )  # fmt: skip
    return [
        Watch(
            row["id"], row["scope"], metrics[row["metric"]], row["period"], row["first_on"],
            row["last_on"], row["target"], row["currency"],
            tuple(zip(row["firsts"], row["lasts"], row["targets"], strict=True)),
        )
        for row in rows
    ]  # fmt: skip


async def changes_on(connection: Connection, tenant_id: str, day: date) -> date | None:
    """The first day after `day` on which other cells may speak."""
    found: date | None = await connection.fetchval(
        "SELECT min(day) FROM (SELECT c.first_on AS day FROM target_cell AS c "
        f"WHERE c.tenant_id = $1 AND c.first_on > $2 AND {_MAY_SPEAK} UNION ALL "
        "SELECT c.last_on + 1 FROM target_cell AS c "
        f"WHERE c.tenant_id = $1 AND c.last_on >= $2 AND {_MAY_SPEAK}) AS change",
        tenant_id, day,
    )  # fmt: skip
    return found


async def sum_up(connection: Connection, tenant_id: str, watched: Sequence[Watch]) -> None:
    """Set what the postings of each watch come to, of those that are stored."""
    terms = [
        (watch.metric.code, is_below, term.measure, term.value == "amount", term.sign, term.stage,
         term.pipeline, term.product, term.channel)
        for watch in {watch.metric.code: watch for watch in watched}.values()
        for term, is_below in watch.terms
    ]  # fmt: skip
    if not terms:
        return
    rows = await connection.fetch(
        _SUMS, tenant_id, list(range(len(watched))), [w.scope for w in watched],
        [w.metric.code for w in watched], [w.first_on for w in watched],
        [w.last_on for w in watched], *map(list, zip(*terms, strict=True)),
    )  # fmt: skip
    for watch in watched:
        watch.above = watch.below = 0
    for row in rows:
        watch = watched[row["number"]]
        if row["is_below"]:
            watch.below = int(row["value"])
        else:
            watch.above = int(row["value"])


async def of_targets(
    connection: Connection, tenant_id: str, target_ids: Sequence[str]
) -> list[Alert]:
    rows = await connection.fetch(
        f"SELECT {_READ} FROM alert AS a WHERE a.tenant_id = $1 AND a.target_id = ANY($2::uuid[])",
        tenant_id, target_ids,
    )  # fmt: skip
    return [Alert(*row) for row in rows]


async def one(connection: Connection, tenant_id: str, alert_id: str) -> Alert | None:
    row = await connection.fetchrow(
        f"SELECT {_READ} FROM alert AS a WHERE a.tenant_id = $1 AND a.id = $2", tenant_id, alert_id
    )
    return None if row is None else Alert(*row)


async def put(connection: Connection, tenant_id: str, alerts: Iterable[Alert]) -> None:
    found = sorted(alerts, key=lambda alert: alert.id)
    if not found:
        return
    names = ", ".join(_COLUMNS)
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_COLUMNS.values(), 2))
    updates = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "id")
    await connection.execute(
        f"INSERT INTO alert (tenant_id, {names}) SELECT $1, * FROM unnest({arrays}) "
        f"ON CONFLICT (tenant_id, id) DO UPDATE SET {updates}",
        tenant_id, *([getattr(alert, name) for alert in found] for name in _COLUMNS),
    )  # fmt: skip


async def page(
    connection: Connection, tenant_id: str, pairs: Sequence[tuple[str, str]],
    statuses: Sequence[str] | None, after: tuple[datetime, str] | None, limit: int,
) -> list[tuple[str, Alert]]:  # fmt: skip
    """The newest alerts of each first of `pairs`: those of the scopes that it stands with.

    One more than `limit` where there are more.
    """
    rows = await connection.fetch(
        "SELECT s.asked::text, p.* FROM (SELECT DISTINCT unnest($2::uuid[]) AS asked) AS s "
        f"CROSS JOIN LATERAL (SELECT {_READ} FROM alert AS a WHERE a.tenant_id = $1 "
        "AND a.scope IN (SELECT w.scope FROM unnest($2::uuid[], $3::uuid[]) AS w(asked, scope) "
        "WHERE w.asked = s.asked) AND ($4::text[] IS NULL OR a.status = ANY($4)) "
        "AND ($5::timestamptz IS NULL OR (a.opened_at, a.id) < ($5, $6::uuid)) "
        "ORDER BY a.opened_at DESC, a.id DESC LIMIT $7) AS p",
        tenant_id, [pair[0] for pair in pairs], [pair[1] for pair in pairs], statuses,
        *(after or (None, None)), limit + 1,
    )  # fmt: skip
    return [(row[0], Alert(*tuple(row)[1:])) for row in rows]


async def members_of(
    connection: Connection, tenant_id: str, units: Sequence[str], day: date
) -> list[tuple[str, str]]:
    """Units and who is in them on a day."""
    rows = await connection.fetch(
        "SELECT unit_id::text, member_id::text FROM org_membership WHERE tenant_id = $1 "
        "AND unit_id = ANY($2::uuid[]) AND starts_on <= $3 AND (ends_on IS NULL OR ends_on > $3)",
        tenant_id, units, day,
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]
