from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.kit.money import MAX_AMOUNT_MINOR, Money, Rounding, allocate, rounded

amounts = st.integers(-MAX_AMOUNT_MINOR, MAX_AMOUNT_MINOR)
currencies = st.sampled_from(["CNY", "JPY", "KWD", "CLF"])
weights = st.lists(
    st.one_of(
        st.integers(0, 10**12),
        st.fractions(0, 1_000, max_denominator=10_000),
        st.decimals(0, 1_000, places=4),
    ),
    min_size=1,
    max_size=30,
).filter(any)


@given(amounts, currencies)
def test_parse_undoes_str(minor, currency):
    money = Money(minor, currency)
    assert Money.parse(str(money), currency) == money
    assert Money.parse(money.amount, currency) == money
    assert Money.from_unit(minor, "minor", currency) == money


@given(
    st.decimals(-(10**10), 10**10, allow_nan=False).filter(
        lambda d: abs(d.as_tuple().exponent) <= 64
    ),
    st.sampled_from([(Rounding.HALF_EVEN, ROUND_HALF_EVEN), (Rounding.HALF_UP, ROUND_HALF_UP)]),
)
def test_rounding_equals_the_decimal_modules(value, rules):
    ours, theirs = rules
    expected = value.quantize(Decimal("0.01"), rounding=theirs, context=Context(prec=100))
    assert rounded(value, "CNY", ours).amount == expected


@given(st.integers(-2_000_001, 2_000_001), st.sampled_from(Rounding))
def test_a_tie_rounds_like_its_mirror(half_cents, rule):
    value = Fraction(half_cents, 200)
    assert rounded(-value, "CNY", rule) == -rounded(value, "CNY", rule)
    assert abs(Fraction(rounded(value, "CNY", rule).amount_minor, 100) - value) <= Fraction(1, 200)


@given(amounts, weights)
def test_shares_sum_exactly_and_stay_within_one_of_their_quota(total, parts):
    shares = allocate(total, parts)
    assert sum(shares) == total
    whole = sum(Fraction(part) for part in parts)
    for share, part in zip(shares, parts, strict=True):
        assert abs(share - total * Fraction(part) / whole) < 1


@given(amounts, weights)
def test_a_bigger_weight_never_gets_less(total, parts):
    sizes = sorted(zip(map(Fraction, parts), map(abs, allocate(total, parts)), strict=True))
    by_weight: dict[Fraction, list[int]] = {}
    for part, share in sizes:
        by_weight.setdefault(part, []).append(share)
    groups = list(by_weight.values())
    for lighter, heavier in pairwise(groups):
        assert max(lighter) <= min(heavier)


@given(amounts, weights, st.data())
def test_shares_do_not_depend_on_the_order_of_siblings(total, parts, data):
    keys = [f"owner-{i}" for i in range(len(parts))]
    order = data.draw(st.permutations(range(len(parts))))
    straight = dict(zip(keys, allocate(total, parts, keys), strict=True))
    moved_keys = [keys[i] for i in order]
    moved = dict(
        zip(moved_keys, allocate(total, [parts[i] for i in order], moved_keys), strict=True)
    )
    assert moved == straight


@given(amounts, weights, st.integers(1, 1_000))
def test_only_proportions_matter_and_a_reversal_cancels(total, parts, factor):
    scaled = [Fraction(part) * factor for part in parts]
    assert allocate(total, scaled) == allocate(total, parts)
    assert allocate(-total, parts) == [-share for share in allocate(total, parts)]
