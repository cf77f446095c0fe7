"""Queries of actuals beside targets: one statement answers a whole call."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from services.kit.db import Connection
from services.kit.period import Period
from services.kpi.domain.metrics import Metric, Term

_TERM = (
    "term AS (SELECT * FROM unnest($4::text[], $5::bool[], $6::text[], $7::bool[], $8::int[], "
    "$9::text[], $10::text[], $11::text[], $12::text[]) AS t(metric, is_below, measure, is_amount, "
    "sign, stage, pipeline, product, channel))"
)
OF_TERM = (
    "t.measure = r.measure AND (t.stage IS NULL OR t.stage = r.stage) "
    "AND (t.pipeline IS NULL OR t.pipeline = r.pipeline) "
    "AND (t.product IS NULL OR t.product = r.product) "
    "AND (t.channel IS NULL OR t.channel = r.channel)"
)
"""Which rollups `r` a term `t` of a metric takes, and what of them: equal wherever it is summed."""
VALUE = "t.sign * CASE WHEN t.is_amount THEN r.amount_minor ELSE r.deals END"

# Spans: number 0 is the period, the others its parts; actuals are summed once, in the parts if any.
# A span's coarsest cells are those that lie within it and within no other cell there. The plan's
# time split are its finest ones, unless they do not add up to the coarsest: then it is linear.
# Where no plan covers the span alone, several do that follow each other, as plans by quarter make
# a year; active plans of one owner and metric do not overlap (targets sees to that).
# `ANY(ARRAY(SELECT …))` hides how many are asked for, so that the plan is made once and kept: making
# it costs more than answering for one rep.
_BOARD = f"""
WITH today AS (
  SELECT coalesce((SELECT log_offset FROM projection_cursor
    WHERE tenant_id = $1 AND projection = 'funnel'), 0) AS log_offset,
    (SELECT started_on FROM reached_day WHERE tenant_id = $1) AS day
),
span AS (
  SELECT *, last_on - first_on + 1 AS days
  FROM unnest($13::int[], $14::date[], $15::date[]) AS s(number, first_on, last_on)
),
{_TERM},
actual AS (
  SELECT r.scope, t.metric, s.number, sum({VALUE}) FILTER (WHERE NOT t.is_below) AS above,
    sum({VALUE}) FILTER (WHERE t.is_below) AS below
  FROM funnel_rollup AS r JOIN term AS t ON {OF_TERM}
  JOIN span AS s ON s.number >= $16 AND r.day BETWEEN s.first_on AND s.last_on
  WHERE r.tenant_id = $1 AND r.scope = ANY(ARRAY(SELECT unnest($2::uuid[])))
  AND r.measure = ANY(ARRAY(SELECT unnest($3::text[])))
  AND r.day BETWEEN $17 AND $18 GROUP BY 1, 2, 3
),
cell AS (
  SELECT c.scope, c.metric, c.plan_id, c.log_offset, c.first_on, c.target, c.finest,
    s.number, s.days AS span_days, c.last_on - c.first_on + 1 AS days,
    coalesce(c.above_first_on < s.first_on OR c.above_last_on > s.last_on, true) AS coarsest,
    least(greatest(coalesce(today.day - c.first_on + 1, 0), 0), c.last_on - c.first_on + 1) AS begun
  FROM target_cell AS c CROSS JOIN today
  JOIN unnest($19::text[], $20::text[]) AS m(metric, unit) USING (metric, unit)
  JOIN span AS s ON c.first_on >= s.first_on AND c.last_on <= s.last_on
  WHERE c.tenant_id = $1 AND c.scope = ANY(ARRAY(SELECT unnest($2::uuid[])))
  AND c.metric = ANY(ARRAY(SELECT unnest($19::text[])))
  AND c.first_on >= $17 AND c.last_on <= $18 AND (c.unit <> 'money' OR c.currency = $21)
),
tiled AS (
  SELECT *, sum(target) FILTER (WHERE finest) OVER plan
    = sum(target) FILTER (WHERE coarsest) OVER plan AS is_split
  FROM cell WINDOW plan AS (PARTITION BY scope, metric, plan_id, number)
),
planned AS (
  SELECT scope, metric, number, plan_id, span_days, max(log_offset) AS set_at,
    min(first_on) FILTER (WHERE coarsest) AS begins_on, sum(days) FILTER (WHERE coarsest) AS covered,
    sum(target) FILTER (WHERE coarsest) AS target,
    min(target) FILTER (WHERE coarsest) AS lowest, max(target) FILTER (WHERE coarsest) AS highest,
    sum(target) FILTER (WHERE is_part AND begun = days) AS over,
    max(target) FILTER (WHERE is_part AND begun BETWEEN 1 AND days - 1) AS running,
    max(begun) FILTER (WHERE is_part AND begun BETWEEN 1 AND days - 1) AS started_days,
    max(days) FILTER (WHERE is_part AND begun BETWEEN 1 AND days - 1) AS running_days
  FROM (SELECT *, CASE WHEN is_split THEN finest ELSE coarsest END AS is_part FROM tiled) AS part
  GROUP BY scope, metric, number, plan_id, span_days
),
due AS (
  SELECT DISTINCT ON (scope, metric, number) * FROM (
    SELECT scope, metric, number, set_at, target, lowest, highest, over, running, started_days,
      running_days FROM planned WHERE covered = span_days
    UNION ALL
    SELECT scope, metric, number, NULL, sum(target), min(lowest), max(highest), sum(over),
      max(running), max(started_days), max(running_days)
    FROM planned GROUP BY scope, metric, number, span_days
    HAVING sum(covered) = span_days AND count(*) > 1 AND count(DISTINCT begins_on) = count(*)
  ) AS covering ORDER BY scope, metric, number, set_at DESC NULLS LAST
)
SELECT today.log_offset, today.day, scope::text, metric, number, above, below, target, lowest,
  highest, over, running, started_days, running_days
FROM today LEFT JOIN (actual FULL JOIN due USING (scope, metric, number)) ON true
"""

_RANKS = f"""
WITH member AS (
  SELECT DISTINCT member_id AS scope FROM org_membership WHERE tenant_id = $1
  AND unit_id = ANY($2::uuid[]) AND starts_on <= $13 AND (ends_on IS NULL OR ends_on > $13)
),
{_TERM},
actual AS (
  SELECT member.scope, coalesce(sum({VALUE}) FILTER (WHERE NOT t.is_below), 0) AS above,
    coalesce(sum({VALUE}) FILTER (WHERE t.is_below), 0) AS below
  FROM member LEFT JOIN (funnel_rollup AS r JOIN term AS t ON {OF_TERM})
  ON r.tenant_id = $1 AND r.scope = member.scope AND r.measure = ANY($3::text[])
  AND r.day BETWEEN $14 AND $15 GROUP BY 1
),
valued AS (
  SELECT scope, CASE WHEN NOT $16 THEN above WHEN below > 0 THEN
    sign(above) * div(2 * abs(above) * $17::int + below, 2 * below) END AS value FROM actual
)
SELECT rank() OVER (ORDER BY value * $18::int DESC) AS rank, scope::text, value FROM valued
WHERE value IS NOT NULL ORDER BY 1, 2 LIMIT $19
"""

_KNOWN = f"""
WITH {_TERM}
SELECT r.scope::text, sum({VALUE}) FILTER (WHERE NOT t.is_below) AS above,
  sum({VALUE}) FILTER (WHERE t.is_below) AS below
FROM funnel_posting AS r JOIN term AS t ON {OF_TERM}
WHERE r.tenant_id = $1 AND r.scope = ANY($2::uuid[]) AND r.measure = ANY($3::text[])
AND r.day BETWEEN $13 AND $14 AND r.log_offset <= $15 GROUP BY 1 ORDER BY 1
"""


def _terms(metrics: Iterable[Metric]) -> list[list[Any]]:
    """The parameters $3 to $12: the measures, and a column for each field of the terms."""
    rows: list[tuple[str, bool, Term]] = [
        (metric.code, is_below, term)
        for metric in metrics
        for is_below, side in ((False, metric.numerator), (True, metric.denominator or ()))
        for term in side
    ]
    return [
        sorted({term.measure for _, _, term in rows}),
        [code for code, _, _ in rows],
        [is_below for _, is_below, _ in rows],
        [term.measure for _, _, term in rows],
        [term.value == "amount" for _, _, term in rows],
        [term.sign for _, _, term in rows],
        [term.stage for _, _, term in rows],
        [term.pipeline for _, _, term in rows],
        [term.product for _, _, term in rows],
        [term.channel for _, _, term in rows],
    ]


async def board(
    connection: Connection, tenant_id: str, scopes: Sequence[str], metrics: Sequence[Metric],
    period: Period, parts: Sequence[Period], currency: str,
) -> list[Any]:  # fmt: skip
    """Per scope, metric and span what there is of actuals and of a target.

    At least one row says the offset and the business day there; `number` 0 is the period, the
    others are `parts`. Sums are exact numerics.
    """
    spans = [period, *parts]
    return list(
        await connection.fetch(
            _BOARD, tenant_id, scopes, *_terms(metrics),
            list(range(len(spans))), [s.first for s in spans], [s.last for s in spans],
            1 if parts else 0, period.first, period.last,
            [metric.code for metric in metrics], [metric.unit for metric in metrics], currency,
        )
    )  # fmt: skip


async def ranks(
    connection: Connection, tenant_id: str, units: Sequence[str], today: date, metric: Metric,
    period: Period, limit: int,
) -> list[Any]:  # fmt: skip
    """The best members of the units by the metric's value, rounded as `metrics.rounded` does."""
    return list(
        await connection.fetch(
            _RANKS, tenant_id, units, *_terms([metric]), today, period.first, period.last,
            metric.denominator is not None, metric.scale,
            1 if metric.direction == "higher" else -1, limit,
        )
    )  # fmt: skip


async def known(
    connection: Connection, tenant_id: str, scopes: Sequence[str], metric: Metric, period: Period,
    offset: int,
) -> list[Any]:  # fmt: skip
    """A metric's sums per scope as they were known at an offset, from the postings."""
    return list(
        await connection.fetch(
            _KNOWN, tenant_id, scopes, *_terms([metric]), period.first, period.last, offset
        )
    )
