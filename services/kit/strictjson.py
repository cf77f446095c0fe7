"""JSON from strangers: what every parser reads alike, or a refusal.

The common parsers accept NaN, keep the last of two equal keys, turn 0.10 into a float, and let
through NUL and lone surrogates, which PostgreSQL then refuses. This one answers 400 to all of
that, counts the nesting before it parses, and keeps fractions exact as Decimal.

>>> parse(b'{"amount": 0.10, "count": 3}')
{'amount': Decimal('0.10'), 'count': 3}
>>> dumps_canonical({"b": Decimal("1.50"), "a": [1, None]})
b'{"a":[1,null],"b":1.5}'
"""

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NoReturn

import orjson

from services.kit import limits
from services.kit.errors import Malformed

_MOST_DIGITS = 40
_MOST_EXPONENT = 30
_SHORT_NUMBER = 20
"""A number of at most this many characters, without an exponent, needs no closer look."""
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_BRACKETS_ONLY = bytes.maketrans(b"{}", b"[]")
_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def parse(body: bytes, *, depth: int = limits.JSON_DEPTH) -> Any:
    """The value of a UTF-8 JSON body; fractions and exponents become Decimal.

    Raises Malformed for whatever two readers could understand differently.
    """
    if not body.strip():
        raise Malformed("the body is empty: send JSON")
    if body.startswith(_BYTE_ORDER_MARKS) or b"\0" in body:
        raise Malformed("the body is not plain UTF-8: send it without a byte order mark")
    try:
        text = body.decode()
    except UnicodeDecodeError as wrong:
        raise Malformed(f"the body is not valid UTF-8 at byte {wrong.start}") from None
    _refuse_deep(body, depth)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as wrong:
        raise Malformed(
            f"the body is not JSON: {wrong.msg} at line {wrong.lineno}, column {wrong.colno}"
        ) from None
    except RecursionError:
        raise Malformed(f"the body nests deeper than {depth} levels") from None
    # Raw ones cannot have come this far, so only an escape can have made a NUL or a surrogate.
    if b"\\u0000" in body or b"\\ud" in body or b"\\uD" in body:
        _refuse_unstorable(value)
    return value


def dumps_canonical(value: Any) -> bytes:
    """One text per value, for hashing: keys sorted, numbers equal if and only if their text is."""
    try:
        return orjson.dumps(value, default=_number_text, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a whole number beyond 64 bits: rare, so it alone pays for a copy
        return orjson.dumps(_wide(value), default=_number_text, option=orjson.OPT_SORT_KEYS)


def plain(number: Decimal) -> str:
    """Without exponent and trailing zeros: 1E+3 is 1000, 1.50 is 1.5, -0.0 is 0."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _refuse_deep(body: bytes, depth: int) -> None:
    """Count the nesting with byte operations alone: the parser's own stack is not the place."""
    if body.count(b"[") + body.count(b"{") <= depth:
        return
    if b"\\" in body:  # so that a quote that is left always opens or closes a string
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = b"".join(body.split(b'"')[::2])
    brackets = outside.translate(_BRACKETS_ONLY, _ALL_BUT_BRACKETS)
    for _ in range(depth):
        brackets, before = brackets.replace(b"[]", b""), brackets
        if brackets == before:
            break
    # Unclosed brackets count as well; the parser would refuse them, but only after descending.
    if b"[]" in brackets or brackets.count(b"[") > depth:
        raise Malformed(f"the body nests deeper than {depth} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise Malformed(f"an object has the key {twice[:60]!r} twice")
    return value


def _fraction(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except ArithmeticError:  # an exponent that does not even fit the type
        _refuse_number(text)
    if len(text) > _SHORT_NUMBER or "e" in text or "E" in text:
        digits = len(number.as_tuple().digits)
        if digits > _MOST_DIGITS or abs(number.adjusted()) > _MOST_EXPONENT:
            _refuse_number(text)
    return number


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > _MOST_DIGITS:
        _refuse_number(text)
    return int(text)


def _refuse_number(text: str) -> NoReturn:
    raise Malformed(
        f"the number {text[:24]}{'…' * (len(text) > 24)} is out of range: at most {_MOST_DIGITS} "
        f"digits and an exponent within ±{_MOST_EXPONENT}"
    )


def _refuse_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not a JSON number")


def _refuse_unstorable(value: Any) -> None:
    for text in _texts(value):
        if "\0" in text:
            raise Malformed("a text contains NUL (\\u0000), which cannot be stored")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Malformed("a text contains half of a surrogate pair (\\ud800–\\udfff)") from None


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _number_text(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(plain(value).encode())
    raise TypeError(f"{type(value)} is not a JSON value")


def _wide(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _wide(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_wide(part) for part in value]
    return Decimal(value) if type(value) is int else value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=_fraction,
    parse_int=_whole,
    parse_constant=_refuse_constant,
)
