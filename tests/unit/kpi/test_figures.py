"""What a board shows of sums: rates, means and medians, and what they leave out."""

import doctest
from decimal import Decimal

import pytest

from services.kpi.domain import figures
from services.kpi.domain.funnel import UNKNOWN_DAYS
from services.kpi.domain.observation import Pipeline, Stage
from tests.support.deals import STAGES

SALES = Pipeline(
    "sales", "Sales",
    tuple(Stage(s["code"], s["code"].title(), s["kind"], s["position"]) for s in STAGES.values()),
)  # fmt: skip


def row(measure, stage, deals, amount=0, days=0, scope="ann"):
    return {
        "scope": scope, "measure": measure, "stage": stage, "currency": "CNY", "days": days,
        "deals": deals, "amount": amount,
    }  # fmt: skip


def of(*rows):
    return figures.of(rows, SALES)["ann"]


def test_the_worked_examples_hold():
    assert doctest.testmod(figures) == (0, 3)


def test_counts_and_amounts_by_stage():
    found = of(
        row("created", "", 3, 300), row("entered", "lead", 3, 300), row("open", "lead", 2, 200),
        row("undated", "lead", 1, 100), row("advanced", "lead", 1, 100),
        row("entered", "won", 1, 100), row("won", "won", 1, 100, days=12), row("lost", "lost", 1, 70),
    )  # fmt: skip
    lead, _, _, won, _ = found.stages
    assert [stage.stage.code for stage in found.stages] == list(STAGES)
    assert (lead.entered, lead.entered_minor, lead.open, lead.open_minor, lead.undated) == (
        3, 300, 2, 200, 1,
    )  # fmt: skip
    assert lead.conversion == Decimal("33.3")
    assert (won.entered, won.conversion) == (1, None)
    assert (found.created, found.undated, found.won, found.won_minor) == (3, 1, 1, 100)
    assert (found.lost, found.lost_minor, found.cycle_days) == (1, 70, Decimal("12.0"))


def test_the_win_rate_has_two_denominators():
    found = of(row("won", "won", 4_238), row("lost", "lost", 2_473), row("open", "lead", 2_089))
    assert (found.win_rate, found.win_rate_all) == (Decimal("63.2"), Decimal("48.2"))


def test_nothing_closed_has_no_win_rate():
    assert of(row("created", "", 1)).win_rate is None
    found = of(row("open", "lead", 4))
    assert (found.win_rate, found.win_rate_all) == (None, Decimal("0.0"))


@pytest.mark.parametrize(
    ("won", "lost", "rate"), [(-1, 3, "0.0"), (3, -1, "100.0"), (-1, 0, None), (-2, -2, None)]
)
def test_what_is_taken_back_from_another_period_is_no_part_of_a_rate(won, lost, rate):
    found = of(row("won", "won", won, won * 10, days=30), row("lost", "lost", lost))
    assert (found.won, found.won_minor, found.lost) == (won, won * 10, lost)
    assert found.win_rate == (None if rate is None else Decimal(rate))


def test_cycle_days_are_of_wins_whose_days_are_known():
    found = of(
        row("won", "won", 2, days=10), row("won", "paid", 1, days=40),
        row("won", "won", 5, days=UNKNOWN_DAYS), row("won", "won", -1, days=90),
        row("lost", "lost", 3, days=500),
    )  # fmt: skip
    assert found.cycle_days == Decimal("20.0")
    assert of(row("won", "won", 5, days=UNKNOWN_DAYS)).cycle_days is None


def test_median_days_are_of_the_stays_that_ended():
    found = of(
        row("left", "lead", 2, days=1), row("left", "lead", 1, days=9), row("left", "lead", 1, days=3),
        row("left", "intent", 1, days=100), row("left", "lead", -1, days=0),
    )  # fmt: skip
    assert [stage.median_days for stage in found.stages] == [
        Decimal("2.0"), Decimal("100.0"), None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("histogram", "expected"),
    [({}, None), ({4: 1}, "4.0"), ({1: 1, 2: 1}, "1.5"), ({5: 3, 0: 2}, "5.0"), ({7: 0}, None)],
)
def test_median(histogram, expected):
    assert figures.median(histogram) == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(1, 3, "33.3"), (2, 3, "66.7"), (1, 8, "12.5"), (1, 2_000, "0.1")],
)
def test_percentages_have_one_decimal_and_round_halves_up(part, whole, expected):
    assert figures.percent(part, whole) == Decimal(expected)


def test_scopes_are_apart_and_an_empty_one_has_all_stages():
    found = figures.of([row("won", "won", 1), row("won", "won", 2, scope="ben")], SALES)
    assert {scope: mine.won for scope, mine in found.items()} == {"ann": 1, "ben": 2}
    empty = figures.empty(SALES)
    assert [stage.entered for stage in empty.stages] == [0] * 5
    assert (empty.created, empty.win_rate, empty.win_rate_all, empty.cycle_days) == (
        0, None, None, None,
    )  # fmt: skip
