import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.errors import Malformed
from services.kit.strictjson import dumps_canonical, parse

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
whole = st.integers(-(10**40) + 1, 10**40 - 1)
fractions = st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=6)
values = st.recursive(
    st.none() | st.booleans() | whole | texts | fractions,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=30,
)
# Fragments that meet often in hostile bodies, so that random bytes reach the parser's corners.
fragments = st.sampled_from(
    [
        *(b"[", b"]", b"{", b"}", b'"', b"\\", b"\\u0000", b"\\ud800", b",", b":", b"1e9", b"-"),
        *(b"NaN", b"0", b"\xff", b"\xe9\x94\x80", b" ", b'"a":', b"null", b"9" * 39),
    ]
)


def depth_of(value):
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 0


@given(values, st.booleans())
def test_what_is_written_is_read_again_exactly(value, escaped):
    canonical = dumps_canonical(value)
    assert parse(canonical) == value
    assert dumps_canonical(parse(canonical)) == canonical
    respelt = json.dumps(json.loads(canonical, parse_float=str), ensure_ascii=escaped, indent=2)
    assert dumps_canonical(parse(respelt.encode())) == dumps_canonical(
        json.loads(canonical, parse_float=str)
    )


@given(values, values)
def test_canonical_texts_are_equal_exactly_when_values_are(left, right):
    # Python holds 1, True and Decimal(1) for equal; in JSON only the numbers are.
    same = json_of(left) == json_of(right)
    assert (dumps_canonical(left) == dumps_canonical(right)) is same


def json_of(value):
    if isinstance(value, bool):
        return ("truth", value)
    if isinstance(value, list):
        return [json_of(part) for part in value]
    if isinstance(value, dict):
        return {key: json_of(part) for key, part in value.items()}
    return value


@given(st.lists(fragments, max_size=60).map(b"".join) | st.binary(max_size=60))
def test_any_bytes_are_a_value_that_the_standard_library_agrees_with_or_malformed(body):
    try:
        value = parse(body)
    except Malformed:
        return
    assert value == json.loads(body, parse_float=Decimal)
    assert parse(dumps_canonical(value)) == value


@given(values, st.integers(1, 6))
def test_the_depth_limit_is_exact(value, limit):
    body = json.dumps(value, default=str).encode()
    # Brackets in texts and a limit below the count of openers bring the byte scan into play.
    if depth_of(value) <= limit:
        parse(body, depth=limit)
        return
    with pytest.raises(Malformed, match="nests deeper"):
        parse(body, depth=limit)


@given(st.lists(fragments, max_size=200).map(b"".join))
def test_nothing_deeper_than_the_limit_comes_through(body):
    with suppress(Malformed):
        assert depth_of(parse(body, depth=4)) <= 4
