"""What a period will bring: the four figures, and what they say at the edges."""

import doctest
from datetime import date

import pytest

from services.kpi.domain import forecast as ahead
from services.kpi.domain.forecast import UNKNOWN, Chance, Forecast, Span, Standing

MARCH = (date(2026, 3, 1), date(2026, 3, 31))
EVEN = Chance(20, 40, "own")


def march(today: int | None) -> Span:
    return Span(*MARCH, date(2026, 3, today) if today else None)


def forecast(won, standing, chances, today=10):
    return ahead.forecast(won, standing, chances, march(today))


def test_the_worked_examples_hold():
    failed, attempted = doctest.testmod(ahead)
    assert (failed, attempted) == (0, 7)


def test_weighted_is_won_and_open_by_chance():
    found = forecast(
        1_000,
        [Standing("lead", 3, 9_000), Standing("talks", 1, 4_000)],
        {"lead": Chance(10, 100, "own"), "talks": Chance(30, 40, "tenant")},
    )
    assert found.weighted_minor == 1_000 + 900 + 3_000


def test_the_sum_is_rounded_once_and_to_even():
    thirds = {"a": Chance(1, 3, "own"), "b": Chance(1, 3, "own")}
    assert forecast(0, [Standing("a", 1, 1), Standing("b", 1, 1)], thirds).weighted_minor == 1
    assert forecast(0, [Standing("a", 1, 1)], {"a": EVEN}).weighted_minor == 0
    assert forecast(0, [Standing("a", 1, 3)], {"a": EVEN}).weighted_minor == 2


@pytest.mark.parametrize(
    ("today", "expected"), [(1, 31_000), (10, 3_100), (30, 1_033), (31, 1_000), (None, None)]
)
def test_the_run_rate_counts_the_current_day_in_full(today, expected):
    assert ahead.run_rate(1_000, march(today)) == expected


def test_a_period_that_has_not_begun_has_no_run_rate():
    before = Span(*MARCH, date(2026, 2, 28))
    assert ahead.run_rate(0, before) is None
    found = ahead.forecast(0, [Standing("lead", 2, 100)], {"lead": EVEN}, before)
    assert (found.weighted_minor, found.run_rate_minor) == (50, None)


def test_a_closed_period_is_what_was_won():
    over = Span(*MARCH, date(2026, 4, 1))
    assert ahead.forecast(-70, [Standing("lead", 9, 900)], {"lead": EVEN}, over) == Forecast(
        -70, -70, -70, -70
    )
    last_day = ahead.forecast(500, [Standing("lead", 9, 900)], {"lead": EVEN}, march(31))
    assert (last_day.run_rate_minor, last_day.weighted_minor) == (500, 950)


def test_a_stage_without_a_chance_counts_in_full_only_in_high():
    found = forecast(100, [Standing("new", 5, 1_000)], {"new": UNKNOWN})
    assert (found.low_minor, found.weighted_minor, found.high_minor) == (100, 100, 1_100)
    assert forecast(100, [Standing("new", 5, 1_000)], {}) == found


def test_the_range_narrows_with_more_deals_and_with_more_history():
    def width(deals: int, closed: int) -> int:
        chance = {"lead": Chance(closed // 2, closed, "own")}
        found = forecast(0, [Standing("lead", deals, 1_000_000)], chance)
        return found.high_minor - found.low_minor

    assert width(1, 1_000) > width(10, 1_000) > width(100, 1_000)
    assert width(100, 20) > width(100, 200)


def test_five_wins_of_five_are_no_certainty():
    found = forecast(0, [Standing("talks", 1, 1_000)], {"talks": Chance(5, 5, "tenant")})
    assert (found.weighted_minor, found.high_minor) == (1_000, 1_000)
    assert found.low_minor == 1_000 - 490  # 1.28 × √(6/7 × 1/7 × 6/5) = 0.4906…


@pytest.mark.parametrize(
    ("own", "tenant", "expected"),
    [
        ((15, 5), (1, 99), Chance(15, 20, "own")),
        ((15, 4), (1, 99), Chance(1, 100, "tenant")),
        ((0, 20), (1, 99), Chance(0, 20, "own")),
        ((25, -1), (1, 99), Chance(1, 100, "tenant")),
        ((0, 0), (2, -1), Chance(2, 2, "tenant")),
        ((0, 0), (-1, 0), UNKNOWN),
        ((3, 2), (0, 0), UNKNOWN),
    ],
)
def test_whose_closings_count(own, tenant, expected):
    assert ahead.chance(own, tenant) == expected


def test_credits_keep_the_range_around_what_is_expected():
    found = forecast(0, [Standing("lead", 2, -1_000)], {"lead": EVEN})
    assert found.low_minor <= found.weighted_minor == -500 <= found.high_minor
