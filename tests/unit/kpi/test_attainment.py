"""Edges of pace, attainment and lights."""

from datetime import date
from fractions import Fraction

import pytest

from services.kpi.domain.attainment import Cell, CellsCross, Split, Yardstick, nested, percent
from services.kpi.domain.metrics import Lights

AMOUNT = Yardstick("higher", is_rate=False, lights=Lights())
RATE = Yardstick("higher", is_rate=True, lights=Lights())
COST = Yardstick("lower", is_rate=False, lights=Lights())
DONE = Split(1000, 1000)


@pytest.mark.parametrize(("actual", "light"), [
    (800, "green"), (799, "yellow"), (600, "yellow"), (599, "red"), (0, "red"), (-5, "red"),
])  # fmt: skip
@pytest.mark.parametrize("yardstick", [AMOUNT, RATE])
def test_a_light_changes_below_its_line(yardstick, actual, light):
    assert yardstick.light(Fraction(actual), DONE) == light


def test_lights_compare_unrounded():
    almost = Fraction(79_999_999, 100_000)
    assert percent(AMOUNT.attainment(almost, DONE)) == percent(Fraction(8, 10))
    assert AMOUNT.light(almost, DONE) == "yellow"


def test_a_metric_may_have_its_own_lines():
    strict = Yardstick("higher", is_rate=False, lights=Lights(9_500, 9_000))
    assert [strict.light(Fraction(n), DONE) for n in (950, 949, 900, 899)] == [
        "green", "yellow", "yellow", "red",
    ]  # fmt: skip


def test_no_light_before_a_tenth_of_the_pace():
    assert AMOUNT.light(Fraction(0), Split(1000, 0, 700, 1, 7)) == "red"
    assert AMOUNT.light(Fraction(0), Split(1000, 0, 699, 1, 7)) is None
    assert AMOUNT.light(Fraction(5000), Split(1000, 0)) is None
    assert RATE.light(Fraction(0), Split(50, 0, 50, 9, 91)) is None
    assert RATE.light(Fraction(0), Split(50, 0, 50, 10, 91)) == "red"


def test_a_zero_target_has_no_ratio():
    nothing = Split(0, 0)
    for yardstick in (AMOUNT, RATE, COST):
        assert yardstick.attainment(Fraction(5), nothing) is None
        assert yardstick.light(Fraction(5), nothing) is None


def test_a_metric_without_a_value_has_no_attainment():
    assert RATE.attainment(None, DONE) is None
    assert RATE.light(None, DONE) is None


def test_lower_is_better_against_the_full_target():
    half = Split(1000, 500)
    assert COST.pace(half) == 500
    assert COST.attainment(Fraction(1100), half) == Fraction(9, 10)
    assert COST.light(Fraction(1100), half) == "green"
    assert COST.light(Fraction(1500), half) == "red"
    assert COST.attainment(Fraction(0), half) == 2


def test_the_running_cell_counts_by_days():
    assert AMOUNT.pace(Split(100, 30, 10, 2, 3)) == 30 + Fraction(20, 3)


def cell(period: str, first: str, last: str, target: int = 1) -> Cell:
    return Cell(
        period, period, date.fromisoformat(first), date.fromisoformat(last), None, target, None
    )


def test_cells_lie_within_each_other():
    placed = nested([
        cell("2026-08-01", "2026-08-01", "2026-08-01"),
        cell("2026-08-W1", "2026-08-01", "2026-08-01"),
        cell("2026-08", "2026-08-01", "2026-08-31"),
        cell("2026-08-W2", "2026-08-02", "2026-08-08"),
        cell("2026-09", "2026-09-01", "2026-09-30"),
    ])  # fmt: skip
    august = (date(2026, 8, 1), date(2026, 8, 31))
    first = (date(2026, 8, 1), date(2026, 8, 1))
    assert [(p.cell.period, p.finest, p.above) for p in placed] == [
        ("2026-08", False, None), ("2026-08-W1", False, august), ("2026-08-01", True, first),
        ("2026-08-W2", True, august), ("2026-09", True, None),
    ]  # fmt: skip


def test_cells_that_cross_are_refused():
    with pytest.raises(CellsCross):
        nested([cell("a", "2026-01-01", "2026-01-10"), cell("b", "2026-01-05", "2026-01-15")])
