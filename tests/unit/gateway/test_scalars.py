"""Scalars pass on exactly what they are given, or refuse it."""

from decimal import Decimal

import pytest

from gateway.scalars import SCALARS, CurrencyCode, Offset, Percent, Period, PlainDecimal
from services.kit.errors import Invalid


@pytest.mark.parametrize(
    ("scalar", "value", "wire"),
    [
        (PlainDecimal, "6000000.00", "6000000.00"),
        (PlainDecimal, Decimal("1E+7"), "10000000"),
        (PlainDecimal, "-0.10", "-0.10"),
        (Percent, "75.0", "75.0"),
        (Offset, 2**53 + 1, 2**53 + 1),
        (Offset, 0, 0),
        (CurrencyCode, "CNY", "CNY"),
        (Period, "2026-Q1", "2026-Q1"),
    ],
)
def test_what_goes_out(scalar, value, wire):
    assert SCALARS[scalar].serialize(value) == wire


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        (PlainDecimal, "1E+7"), (PlainDecimal, "NaN"), (PlainDecimal, 0.1), (PlainDecimal, "1,5"),
        (PlainDecimal, Decimal("Infinity")), (Percent, "75 %"), (Percent, 75),
        (Offset, -1), (Offset, 2**63), (Offset, True), (Offset, "1"), (Offset, 1.0),
    ],
)  # fmt: skip
def test_what_never_goes_out(scalar, value):
    with pytest.raises(Invalid):
        SCALARS[scalar].serialize(value)


@pytest.mark.parametrize(
    "code", ["2026", "2026-Q1", "2026-01", "2026-01-W1", "2026-W03", "2026-01-15"]
)
def test_periods_come_in(code):
    assert SCALARS[Period].parse_value(code) == code


@pytest.mark.parametrize("code", ["", "2026-13", "2026-Q5", "2026-W54", "2026-02-30", 2026, None])
def test_what_is_no_period(code):
    with pytest.raises(Invalid):
        SCALARS[Period].parse_value(code)


@pytest.mark.parametrize("code", ["cny", "XXX", "", 156])
def test_what_is_no_currency(code):
    with pytest.raises(Invalid):
        SCALARS[CurrencyCode].parse_value(code)
