from decimal import Decimal
from fractions import Fraction

import pytest

from services.kit.money import (
    MAX_AMOUNT_MINOR,
    AllocationInvalid,
    CurrencyMismatch,
    Money,
    MoneyInvalid,
    Rounding,
    allocate,
    decimals_of,
    rounded,
    split_bp,
)


def yuan(minor: int) -> Money:
    return Money(minor, "CNY")


@pytest.mark.parametrize(
    ("value", "currency", "minor", "wire"),
    [
        ("6000000.00", "CNY", 600_000_000, "6000000.00"),
        ("6E+6", "CNY", 600_000_000, "6000000.00"),
        (Decimal("6E+6"), "CNY", 600_000_000, "6000000.00"),
        (6_000_000, "CNY", 600_000_000, "6000000.00"),
        ("-0.05", "CNY", -5, "-0.05"),
        ("+1.5", "CNY", 150, "1.50"),
        ("1200.000000", "CNY", 120_000, "1200.00"),
        ("0", "CNY", 0, "0.00"),
        ("-0", "CNY", 0, "0.00"),
        ("1200", "JPY", 1_200, "1200"),
        ("-7", "JPY", -7, "-7"),
        ("0.001", "KWD", 1, "0.001"),
        ("0.0001", "CLF", 1, "0.0001"),
        ("10000000000000.00", "CNY", MAX_AMOUNT_MINOR, "10000000000000.00"),
    ],
)
def test_what_enters_exactly_leaves_as_a_plain_decimal(value, currency, minor, wire):
    money = Money.parse(value, currency)
    assert money == Money(minor, currency)
    assert str(money) == wire
    assert str(money.amount) == wire


@pytest.mark.parametrize("value", [1.0, 0.1, float("nan"), True, None, b"1", [1]])
def test_a_float_or_another_thing_is_a_type_error(value):
    with pytest.raises(TypeError):
        Money.parse(value, "CNY")
    with pytest.raises(TypeError):
        rounded(value, "CNY")
    with pytest.raises(TypeError):
        Money(value, "CNY")
    with pytest.raises(TypeError):
        allocate(100, [1, value])


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1,000", "1_000", ".5", "5.", "１", "0x10", "¥5", "NaN", "sNaN", "Infinity", "-inf",
     "1e", "1" * 65, "0" * 64 + "1", "1E999999999", "1E-999999999", "0E99999", "1E9999999999", "1\n"],
)  # fmt: skip
def test_what_is_no_plain_number_is_refused(text):
    with pytest.raises(MoneyInvalid):
        Money.parse(text, "CNY")


@pytest.mark.parametrize(
    "number",
    [Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"), Decimal("1E+999999"), Decimal("1E-9999"),
     Decimal("1" * 65), 10**5_000, -(10**5_000)],
    ids=lambda number: f"{number:.1E}" if isinstance(number, Decimal) else "int",
)  # fmt: skip
def test_numbers_beyond_any_amount_are_refused_at_once(number):
    with pytest.raises(MoneyInvalid):
        Money.parse(number, "CNY")
    with pytest.raises(MoneyInvalid):
        rounded(number, "CNY")
    with pytest.raises(AllocationInvalid):
        allocate(100, [1, number])


def test_more_decimals_than_the_currency_has_are_refused_and_named():
    with pytest.raises(MoneyInvalid, match=r"'1\.005'.*more decimals than CNY, which has 2"):
        Money.parse("1.005", "CNY")
    with pytest.raises(MoneyInvalid, match="JPY, which has 0"):
        Money.parse("0.5", "JPY")


def test_the_limit_is_stated_and_holds_for_sums():
    with pytest.raises(MoneyInvalid, match=str(MAX_AMOUNT_MINOR)):
        Money.parse("10000000000000.01", "CNY")
    with pytest.raises(MoneyInvalid, match=str(MAX_AMOUNT_MINOR)):
        yuan(-MAX_AMOUNT_MINOR) - yuan(1)


@pytest.mark.parametrize("code", ["cny", "XXX", "XAU", "HRK", "CN", "", "CNYY", "¥¥¥"])
def test_only_active_currencies_exist(code):
    with pytest.raises(MoneyInvalid, match="ISO 4217"):
        Money(1, code)


@pytest.mark.parametrize(
    ("code", "decimals"), [("CNY", 2), ("EUR", 2), ("JPY", 0), ("KRW", 0), ("TND", 3), ("UYW", 4)]
)
def test_decimals_of_currencies(code, decimals):
    assert decimals_of(code) == decimals


@pytest.mark.parametrize(
    ("value", "unit", "currency", "minor"),
    [
        ("12.34", "major", "CNY", 1_234),
        (1_234, "minor", "CNY", 1_234),
        (12_340_000, "micros", "CNY", 1_234),
        (Decimal(5_000_000), "micros", "JPY", 5),
        (5, "minor", "JPY", 5),
    ],
)
def test_units_that_vendors_write(value, unit, currency, minor):
    assert Money.from_unit(value, unit, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("value", "unit"), [("0.5", "minor"), (12_345_678, "micros"), (1, "cents"), ("x", "major")]
)
def test_a_unit_never_rounds(value, unit):
    with pytest.raises(MoneyInvalid):
        Money.from_unit(value, unit, "CNY")


def test_arithmetic_stays_in_one_currency():
    assert yuan(150) + yuan(-50) - yuan(1) == yuan(99)
    assert -yuan(5) == yuan(-5)
    assert yuan(1) < yuan(2) <= yuan(2) < yuan(3)
    assert yuan(3) > yuan(2) >= yuan(2)
    assert yuan(1) != Money(1, "EUR")
    for meet in (
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a < b,
        lambda a, b: a >= b,
    ):
        with pytest.raises(CurrencyMismatch, match="CNY and EUR"):
            meet(yuan(1), Money(1, "EUR"))
        with pytest.raises(TypeError):
            meet(yuan(1), 1)


def test_money_cannot_be_changed():
    with pytest.raises(AttributeError):
        yuan(1).amount_minor = 2


@pytest.mark.parametrize(
    ("value", "half_even", "half_up"),
    [
        ("2.345", 234, 235),
        ("2.355", 236, 236),
        ("-2.345", -234, -235),
        ("2.3449999", 234, 234),
        ("2.3450001", 235, 235),
        ("-2.3451", -235, -235),
        (Fraction(1_000, 3), 33_333, 33_333),
        (Fraction(2_000, 3), 66_667, 66_667),
        (7, 700, 700),
    ],
)
def test_rounding_is_half_even_unless_half_up_is_chosen(value, half_even, half_up):
    assert rounded(value, "CNY") == yuan(half_even)
    assert rounded(value, "CNY", Rounding.HALF_UP) == yuan(half_up)


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        (1_000, [1, 1, 1], [334, 333, 333]),
        (-1_000, [1, 1, 1], [-334, -333, -333]),
        (35_000_000, [1, 1, 1], [11_666_667, 11_666_667, 11_666_666]),
        (2_000_000_000, [30, 35, 35], [600_000_000, 700_000_000, 700_000_000]),
        (600_000_000, [4, 7, 7, 7, 6], [77_419_355, *[135_483_871] * 3, 116_129_032]),
        (100, [Decimal("0.5"), Fraction(1, 3), 0], [60, 40, 0]),
        (1, [0, 5], [0, 1]),
        (0, [2, 3], [0, 0]),
    ],
)
def test_allocation_by_largest_remainder(total, weights, shares):
    assert allocate(total, weights) == shares


def test_ties_go_by_key():
    assert allocate(100, [1, 1, 1], ["c", "a", "b"]) == [33, 34, 33]
    assert allocate(-101, [1, 1, 1], ["c", "a", "b"]) == [-33, -34, -34]


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1], [Decimal(-1), 5], [Decimal("NaN")]])
def test_weights_that_share_nothing_are_refused(weights):
    with pytest.raises(AllocationInvalid):
        allocate(100, weights)


@pytest.mark.parametrize("keys", [["a"], ["a", "a"], ["a", "b", "c"], []])
def test_keys_must_tell_the_shares_apart(keys):
    with pytest.raises(AllocationInvalid, match="2 different keys"):
        allocate(100, [1, 1], keys)


@pytest.mark.parametrize("total", [1.0, True, Decimal(1)])
def test_a_total_is_whole(total):
    with pytest.raises(TypeError):
        allocate(total, [1])


def test_owner_shares_name_the_whole():
    assert split_bp(1_001, [5_000, 5_000], ["b", "a"]) == [500, 501]
    assert split_bp(-1_000, [7_000, 3_000, 0]) == [-700, -300, 0]
    for wrong in ([5_000, 4_999], [10_001], []):
        with pytest.raises(AllocationInvalid, match="must sum to 10000"):
            split_bp(100, wrong)
    with pytest.raises(AllocationInvalid, match="negative"):
        split_bp(100, [11_000, -1_000])
