"""Values of metrics: exact in, plain decimals out, each in its unit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit import quantity
from services.kit.money import MAX_AMOUNT_MINOR
from services.kit.quantity import QuantityInvalid


@pytest.mark.parametrize(
    ("text", "unit", "currency", "value"),
    [
        ("6000000.00", "money", "CNY", 600_000_000), ("12", "money", "JPY", 12),
        ("1.234", "money", "KWD", 1_234), ("20", "count", None, 20), ("20.00", "count", None, 20),
        ("75.5", "percent", None, 7_550), ("-3.25", "score", None, -325), (7, "count", None, 7),
        (Decimal("0.01"), "percent", None, 1),
    ],
)  # fmt: skip
def test_a_value_comes_in_exactly(text, unit, currency, value):
    assert quantity.parse(text, unit, currency) == value


@pytest.mark.parametrize(
    ("text", "unit", "currency"),
    [
        ("1.5", "count", None), ("1.005", "percent", None), ("1", "money", None),
        ("1.005", "money", "CNY"), ("NaN", "count", None), ("1e30", "count", None),
        ("", "score", None), (str(MAX_AMOUNT_MINOR + 1), "count", None),
    ],
)  # fmt: skip
def test_what_is_no_value_of_the_unit_is_refused_with_its_place(text, unit, currency):
    with pytest.raises(QuantityInvalid) as refused:
        quantity.parse(text, unit, currency, path="target")
    assert refused.value.path == "target"


@given(
    st.integers(-(10**12), 10**12),
    st.sampled_from([("money", "CNY"), ("money", "JPY"), ("count", None), ("percent", None)]),
)
def test_what_is_shown_reads_as_the_same(value, unit):
    assert quantity.parse(quantity.shown(value, *unit), *unit) == value
