import json
from decimal import Decimal

import pytest

from services.kit.errors import Malformed
from services.kit.strictjson import dumps_canonical, parse


def test_fractions_and_exponents_are_exact_decimals_and_whole_numbers_stay_whole():
    value = parse(b'{"a": 0.10, "b": 1E+3, "c": 9007199254740993, "d": -2}')
    assert value == {"a": Decimal("0.10"), "b": Decimal(1000), "c": 9007199254740993, "d": -2}
    assert [type(part) for part in value.values()] == [Decimal, Decimal, int, int]
    assert str(value["a"]) == "0.10"


@pytest.mark.parametrize(
    "body", [b"null", b"true", b'"x"', b" [1] \n", '"销售 😀"'.encode(), b'"\\ud83d\\ude00"']
)
def test_any_json_value_is_read_as_the_standard_library_reads_it(body):
    assert parse(body) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"{", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b"01", "not JSON"),
        (b'"a\nb"', "not JSON"),
        (b"deal=1", "not JSON"),
        (b'"\xff"', "UTF-8 at byte 1"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b'"\xc0\xa0"', "UTF-8"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "byte order mark"),
        ("{}".encode("utf-16-le"), "UTF-8"),
        (b'"\0"', "UTF-8"),
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b'[{"x": {"k": 1, "b": 2, "k": 1}}]', "'k' twice"),
        (b'{"a": 1, "\\u0061": 2}', "'a' twice"),
        (b"NaN", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "-Infinity"),
        (b"1e999", "1e999"),
        (b"1E-31", "range"),
        (b"1e31", "range"),
        (b"1e99999999999999999999", "range"),
        (b"0." + b"1" * 41, "range"),
        (b"1" * 41, "range"),
        (b"-" + b"9" * 5000, "range"),
        (b'"\\u0000"', "NUL"),
        (b'{"a\\u0000": 1}', "NUL"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\uDFFF": 1}', "surrogate"),
        (b'["\\ude00\\ud83d"]', "surrogate"),
    ],
)
def test_what_readers_could_understand_differently_is_refused(body, why):
    with pytest.raises(Malformed) as refused:
        parse(body)
    assert why in refused.value.message
    assert refused.value.status == 400
    assert len(refused.value.message) < 200


@pytest.mark.parametrize(
    "body",
    [
        b"1" * 40,
        b"-" + b"1" * 40,
        b"1e30",
        b"0.1e-29",
        b"0." + b"1" * 30,
        b'"NaN"',
        b'"\\\\u0000"',
        b'"\\\\ud800"',
        b'{"a": {"a": 1}}',
    ],
)
def test_what_only_looks_suspicious_is_read(body):
    assert parse(body) is not None


def nested(levels: int, inner: bytes = b"") -> bytes:
    return (
        b'{"a":[' * (levels // 2)
        + b"[" * (levels % 2)
        + inner
        + b"]" * (levels % 2)
        + (b"]}" * (levels // 2))
    )


@pytest.mark.parametrize("depth", [1, 2, 5, 64])
def test_the_depth_limit_is_exact(depth):
    assert parse(nested(depth), depth=depth) is not None
    with pytest.raises(Malformed, match="nests deeper"):
        parse(nested(depth + 1), depth=depth)


def test_siblings_do_not_count_as_depth():
    assert len(parse(b"[" + b",".join([nested(63)] * 500) + b"]")) == 500


@pytest.mark.parametrize(
    "inner",
    [
        rb'"]]]]]]]]"',
        rb'"\"]]]]]]"',
        rb'"\\","]]]]"',
        rb'"\\\"]]]]"',
        rb'"","]","}"',
    ],
)
def test_brackets_in_texts_neither_hide_nor_add_depth(inner):
    assert parse(nested(64, inner), depth=64) is not None
    with pytest.raises(Malformed, match="nests deeper"):
        parse(nested(65, inner), depth=64)
    assert parse(rb'["' + b"[" * 500 + rb'\"", ' + inner + b"]") is not None


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b"[[" * 100_000 + b"]]" * 100_000,
        b'[{"a":' * 100_000,
        b'["' * 300_000,
        b"[" * 3_000 + b"\\" + b"]" * 3_000,
        b'[["]",' * 100_000,
    ],
)
def test_a_bomb_is_refused_without_descending(body):
    with pytest.raises(Malformed):
        parse(body)


@pytest.mark.parametrize("opener", [b"[", b'{"a":', b'[{"a":'])
def test_brackets_that_nothing_closes_count_as_depth(opener):
    with pytest.raises(Malformed, match="nests deeper"):
        parse(opener * 65)
    with pytest.raises(Malformed, match="not JSON"):
        parse(opener * 32)


def test_equal_values_have_one_canonical_text():
    left = parse(b'{"b": 1.50, "a": {"y": 1e3, "x": "\xe9\x94\x80"}}')
    right = parse(b'{"a": {"x": "\\u9500", "y": 1000}, "b": 1.5}')
    assert dumps_canonical(left) == dumps_canonical(right)
    assert dumps_canonical(left) == '{"a":{"x":"销","y":1000},"b":1.5}'.encode()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, "1"),
        (Decimal("1.5"), "1.5"),
        (None, "null"),
        (True, 1),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": None}),
        (10**30, 10**30 + 1),
        (10**19, -(10**19)),
    ],
)
def test_different_values_have_different_canonical_texts(left, right):
    assert dumps_canonical(left) != dumps_canonical(right)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Decimal("1E+3"), b"1000"),
        (Decimal("1.50"), b"1.5"),
        (Decimal("-0.0"), b"0"),
        (Decimal(100), b"100"),
        (Decimal("1.234567890123456789012345678901234567"), b"1.234567890123456789012345678901234567"),
        (2**70, b"1180591620717411303424"),
        ([2**70, {"a": 2**63}], b'[1180591620717411303424,{"a":9223372036854775808}]'),
    ],
)  # fmt: skip
def test_numbers_are_written_plainly_and_in_full(number, text):
    assert dumps_canonical(number) == text


def test_what_is_no_json_value_is_a_fault_of_the_caller():
    with pytest.raises(TypeError):
        dumps_canonical({"a": object()})
