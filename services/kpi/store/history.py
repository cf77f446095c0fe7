"""Queries of a scope's own past: what its entries became, and how its deals closed."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from services.kit.db import Connection
from services.kpi.domain.bottlenecks import Window

_SLICE = (
    "r.scope = ANY($2::uuid[]) AND r.pipeline = $3 "
    "AND ($4::text IS NULL OR r.product = $4) AND ($5::text IS NULL OR r.channel = $5)"
)
_CLOSINGS = (
    "SELECT c.scope::text, c.measure, c.stage, c.deals FROM (SELECT r.scope, r.measure, r.stage, "
    f"sum(r.deals)::bigint AS deals FROM funnel_rollup AS r WHERE r.tenant_id = $1 AND {_SLICE} "
    "AND r.measure IN ('won_from', 'lost_from') AND r.day BETWEEN $6 AND $7 GROUP BY 1, 2, 3) AS c"
)
# `days` of an advance is its age: what had moved on by then, and not what has since. LATERAL with a
# GROUP BY makes the windows the outer side, so that only their days are read.
_COHORTS = (
    "SELECT e.scope::text, e.measure, e.stage, e.deals "
    "FROM unnest($8::date[], $9::date[], $10::date[]) AS w(first_on, last_on, until_on) "
    "CROSS JOIN LATERAL (SELECT r.scope, r.measure, r.stage, sum(r.deals)::bigint AS deals "
    f"FROM funnel_rollup AS r WHERE r.tenant_id = $1 AND {_SLICE} "
    "AND r.measure IN ('entered', 'advanced') "
    "AND r.day BETWEEN w.first_on AND least(w.last_on, w.until_on) "
    "AND (r.measure = 'entered' OR r.day + r.days <= w.until_on) GROUP BY 1, 2, 3) AS e"
)


async def history(
    connection: Connection, tenant_id: str, scopes: Sequence[str], pipeline: str,
    product: str | None, channel: str | None, *, closed: tuple[date, date] | None,
    windows: Sequence[Window],
) -> list[Any]:  # fmt: skip
    """Counts per scope, measure and stage: closings in `closed`, and entries, by window."""
    first, last = closed or (date.max, date.min)
    rows = await connection.fetch(
        f"{_CLOSINGS} UNION ALL {_COHORTS}", tenant_id, scopes, pipeline, product, channel,
        first, last, *([window[n] for window in windows] for n in range(3)),
    )  # fmt: skip
    return list(rows)
