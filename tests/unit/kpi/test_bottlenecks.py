"""Where a funnel narrows: against its own past, at the same age, beyond chance."""

import doctest
from datetime import date, timedelta
from decimal import Decimal

import pytest

from services.kit.period import Calendar, Period
from services.kpi.domain import bottlenecks as narrow
from services.kpi.domain.bottlenecks import Cohort, Window

USUAL = Cohort(400, 240, 0)  # 60 %


def stages(now: Cohort, usual: Cohort = USUAL) -> list[str]:
    return [found.stage for found in narrow.bottlenecks(["lead"], {"lead": now}, {"lead": usual})]


def test_the_worked_examples_hold():
    failed, attempted = doctest.testmod(narrow)
    assert (failed, attempted) == (0, 6)


def test_the_drop_and_what_is_at_stake():
    [found] = narrow.bottlenecks(["lead"], {"lead": Cohort(40, 16, 333_333)}, {"lead": USUAL})
    assert (found.conversion, found.usual, found.drop) == (
        Decimal("40.0"), Decimal("60.0"), Decimal("20.0"),
    )  # fmt: skip
    assert found.at_stake_minor == 66_667  # 66,666.6


def test_the_costliest_comes_first_and_equal_ones_in_order():
    now = {"a": Cohort(40, 10, 100), "b": Cohort(40, 10, 900), "c": Cohort(40, 10, 100)}
    found = narrow.bottlenecks(["a", "b", "c"], now, dict.fromkeys(now, USUAL))
    assert [each.stage for each in found] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("now", "usual"),
    [
        (Cohort(40, 24, 100), USUAL),  # as usual
        (Cohort(40, 30, 100), USUAL),  # better
        (Cohort(9, 0, 100), USUAL),  # too few entries
        (Cohort(40, 0, 100), Cohort(19, 12, 0)),  # too little history
        (Cohort(40, 0, 100), Cohort(40, 0, 0)),  # nobody ever moved on
    ],
)
def test_what_is_no_bottleneck(now, usual):
    assert stages(now, usual) == []


def test_a_drop_that_chance_alone_makes_is_none():
    # One standard deviation of 24 draws at 60 % is 10 points.
    assert stages(Cohort(24, 12, 100)) == []
    assert stages(Cohort(24, 11, 100)) == ["lead"]
    assert stages(Cohort(10, 9, 100), Cohort(20, 20, 0)) == ["lead"]  # never failed before


def test_a_stage_without_history_is_left_out():
    assert narrow.bottlenecks(["lead"], {"lead": Cohort(40, 0, 9)}, {}) == []
    assert narrow.bottlenecks(["lead"], {}, {"lead": USUAL}) == []


def test_earlier_periods_are_as_old_as_this_one_is_today():
    quarter = Period.parse("2026-Q1", Calendar())
    found = narrow.windows(quarter, date(2026, 2, 14), Calendar())
    assert found[0] == Window(date(2025, 10, 1), date(2025, 12, 31), date(2025, 11, 14))
    assert [window.first.isoformat() for window in found] == [
        "2025-10-01", "2025-07-01", "2025-04-01", "2025-01-01",
    ]  # fmt: skip
    assert {window.until - window.first for window in found} == {timedelta(44)}


def test_a_closed_period_is_compared_at_the_age_it_has_reached():
    january = Period.parse("2026-01", Calendar())
    december, *_ = narrow.windows(january, date(2026, 3, 1), Calendar())
    assert (december.last, december.until) == (date(2025, 12, 31), date(2026, 1, 29))


def test_no_window_before_a_period_begins_nor_before_all_years():
    march = Period.parse("2026-03", Calendar())
    assert narrow.windows(march, date(2026, 2, 28), Calendar()) == []
    assert len(narrow.windows(march, date(2026, 3, 1), Calendar())) == 4
    second = Period.parse("1901", Calendar())
    assert len(narrow.windows(second, date(1901, 6, 1), Calendar())) == 1
