"""Whatever a plan's cells and whatever was posted: the one statement finds what adding up finds."""

from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.databases import Urls
from services.kit import ids
from services.kit.db import Database
from services.kit.period import Calendar, Period, children
from services.kpi.actions import cells
from services.kpi.actions.attainments import _sums
from services.kpi.domain.attainment import Split, Yardstick, nested
from services.kpi.domain.metrics import Lights, Metric, Term
from services.kpi.store import attainments as store
from tests.support.targets import target_set

CALENDAR = Calendar()
ROOTS = ("2026", "2026-Q3", "2026-08", "2026-11", "2026-08-W1")
ASKED = (*ROOTS, "2026-Q4", "2026-09", "2026-08-W2", "2026-08-01", "2026-11-W6", "2026-11-30")
FIRST = date(2025, 12, 30)
POSTING = st.tuples(
    st.sampled_from(["won", "lost", "activity"]), st.sampled_from(["", "a", "b"]),
    st.sampled_from(["", "disk"]), st.integers(0, 368), st.integers(-3, 9), st.integers(-99, 999),
)  # fmt: skip
TERMS = st.lists(
    st.builds(
        Term, st.sampled_from(["won", "lost", "activity"]), st.just("amount"),
        stage=st.sampled_from([None, "a"]), sign=st.sampled_from([1, -1]),
        product=st.sampled_from([None, "disk"]),
    ),
    min_size=1, max_size=3,
)  # fmt: skip


@pytest.fixture(scope="module")
async def database(clone: Callable[[str], Urls]) -> AsyncIterator[Database]:
    database = Database(clone("kpi").app)
    await database.open()
    yield database
    await database.close()


@st.composite
def plans(draw: Any) -> dict[str, int]:
    """Targets by period: a root, cut as deep as it comes; sums exact, or off at one place."""
    found: dict[str, int] = {}

    def cut(period: Period, depth: int) -> int:
        parts = children(period, CALENDAR) if depth and draw(st.booleans()) else ()
        total = sum(cut(part, depth - 1) for part in parts)
        found[period.code] = total if parts else draw(st.integers(0, 500))
        return found[period.code]

    root = Period.parse(draw(st.sampled_from(ROOTS)), CALENDAR)
    cut(root, 2 if root.kind == "year" else 3)
    if draw(st.booleans()):
        found[draw(st.sampled_from(sorted(found)))] += draw(st.sampled_from([0, 1]))
    return found


def holds(outer: Period, inner: Period) -> bool:
    within = outer.first <= inner.first and inner.last <= outer.last
    return within and (outer.days, outer.kind == "week") > (inner.days, inner.kind == "week")


def expected(plan: dict[str, int], span: Period, today: date) -> tuple[int, Fraction] | None:
    """(target, pace) by looking at every pair of cells and every day."""
    inside = [
        cell for cell in (Period.parse(code, CALENDAR) for code in plan)
        if span.first <= cell.first and cell.last <= span.last
    ]  # fmt: skip
    coarsest = [cell for cell in inside if not any(holds(other, cell) for other in inside)]
    if sorted(day for cell in coarsest for day in cell.dates()) != list(span.dates()):
        return None
    target = sum(plan[cell.code] for cell in coarsest)
    finest = [cell for cell in inside if not any(holds(cell, other) for other in inside)]
    parts = finest if sum(plan[cell.code] for cell in finest) == target else coarsest
    daily = [
        Fraction(plan[cell.code], cell.days)
        for cell in parts for day in cell.dates() if day <= today
    ]  # fmt: skip
    return target, sum(daily, Fraction(0))


async def tenant_with(
    database: Database, scope: str, plan: dict[str, int], posted: Any, today: date
) -> str:
    tenant = ids.new()
    async with database.write(tenant) as connection:
        type_, _, payload = target_set(scope, "margin", plan)
        await cells.learn(connection, tenant, type_, payload, 3)
        await connection.execute("INSERT INTO projection_cursor VALUES ($1, 'funnel', 7)", tenant)
        await cells.learn(connection, tenant, "day.started.v1", {"day": today.isoformat()}, 7)
        await connection.executemany(
            "INSERT INTO funnel_rollup AS r VALUES ($1, $2, $3, 'sales', $4, $5, $6, '', 'CNY', 0, "
            "$7, $8) ON CONFLICT (tenant_id, scope, measure, pipeline, day, stage, product, channel,"
            " currency, days) DO UPDATE SET deals = r.deals + excluded.deals, "
            "amount_minor = r.amount_minor + excluded.amount_minor",
            [
                (tenant, scope, measure, FIRST + timedelta(days=n), stage, product, deals, minor)
                for measure, stage, product, n, deals, minor in posted
            ],
        )
    return tenant


@settings(max_examples=60, deadline=None)
@given(
    plans(), st.sampled_from(ASKED), st.integers(0, 370), st.lists(POSTING, max_size=30), TERMS,
    st.booleans(),
)  # fmt: skip
async def test_the_statement_finds_what_adding_up_finds(
    database: Database, plan: Any, asked: str, n: int, posted: Any, terms: Any, with_parts: bool
) -> None:
    scope, today, period = ids.new(), FIRST + timedelta(days=n), Period.parse(asked, CALENDAR)
    parts = children(period, CALENDAR) if with_parts else ()
    metric = Metric("margin", {}, "result", "money", "higher", tuple(terms))
    tenant = await tenant_with(database, scope, plan, posted, today)
    async with database.read(tenant) as connection:
        rows = await store.board(connection, tenant, [scope], [metric], period, parts, "CNY")
    assert (rows[0]["log_offset"], rows[0]["day"]) == (7, today)
    found = _sums(rows, {"margin": metric}, [period, *parts]).get((scope, "margin"))
    measured = Yardstick.of(metric)
    for number, span in enumerate([period, *parts]):
        split = found.splits.get(number) if found else None
        told = None if split is None else (split.target, measured.pace(split))
        assert told == expected(plan, span, today), span.code
    actual = sum(
        term.sign * minor
        for term in terms
        for measure, stage, product, day, _, minor in posted
        if measure == term.measure
        and term.stage in (None, stage)
        and term.product in (None, product)
        and period.contains(FIRST + timedelta(days=day))
    )
    assert sum(above for above, _ in found.actuals.values()) == actual if found else actual == 0


@given(plans(), st.randoms(use_true_random=False))
def test_cells_nest_whatever_their_order(plan: dict[str, int], random: Any) -> None:
    _, _, payload = target_set(ids.new(), "sales", plan)
    given_cells = [cells.Cell.read(cell) for cell in payload["cells"]]
    shuffled = list(given_cells)
    random.shuffle(shuffled)
    assert nested(shuffled) == nested(given_cells)


SPLITS = st.builds(
    lambda target, share, started: Split(target, target * share // 100, target, started, 31),
    st.integers(0, 10**9), st.integers(0, 100), st.integers(0, 31),
)  # fmt: skip


@given(SPLITS, st.integers(0, 10**9), st.integers(0, 10**9), st.booleans(), st.booleans())
def test_more_never_looks_worse(
    split: Split, actual: int, more: int, lower: bool, is_rate: bool
) -> None:
    """Or better, where lower is better; and a light depends on nothing but the line it is below."""
    measured = Yardstick("lower" if lower else "higher", is_rate=is_rate, lights=Lights())
    order = {"red": 0, "yellow": 1, "green": 2, None: None}
    low = order[measured.light(Fraction(actual), split)]
    high = order[measured.light(Fraction(actual + more), split)]
    assert (low is None) == (high is None)
    if low is not None and high is not None:
        assert low >= high if lower else low <= high
