"""The scalars of the schema: what travels as text, exactly as the services wrote it.

JSON numbers are floats to most readers, so amounts, percentages and averages are plain decimal
strings; offsets are whole numbers beyond GraphQL's 32-bit Int.
"""

import re
from decimal import Decimal
from typing import Any, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from services.kit.errors import Invalid
from services.kit.money import decimals_of
from services.kit.period import Calendar
from services.kit.period import Period as Code

Offset = NewType("Offset", int)
Period = NewType("Period", str)
Percent = NewType("Percent", str)
CurrencyCode = NewType("CurrencyCode", str)
PlainDecimal = NewType("PlainDecimal", str)

_MOST_OFFSET = 2**63 - 1
_PLAIN = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")


def _offset(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MOST_OFFSET:
        raise Invalid(f"an offset is a whole number from 0 to {_MOST_OFFSET}")
    return value


def _period(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid("a period is a string such as 2026-Q1")
    # Which week pieces a month has is the tenant's rule; this calendar has the most of them.
    return Code.parse(value, Calendar()).code


def _currency(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid("a currency is a string such as CNY")
    decimals_of(value)
    return value


def _decimal(value: Any) -> str:
    """Plain digits: never an exponent, never what a float makes of a number."""
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    if isinstance(value, Decimal):
        value = format(value, "f")
    if not isinstance(value, str) or not _PLAIN.fullmatch(value):
        raise Invalid(f"{str(value)[:40]!r} is not a plain decimal string such as 6000000.00")
    return value


def basis_points(percent: str | None, path: str) -> int | None:
    """Of "30.5" percent 3,050; Invalid where it is finer than two decimals, or not 0 to 100."""
    if percent is None:
        return None
    points = Decimal(percent) * 100
    if points != int(points) or not 0 <= points <= 10_000:
        raise Invalid("a percentage from 0 to 100 with two decimals at most", path=path)
    return int(points)


SCALARS: dict[object, ScalarDefinition] = {
    Offset: strawberry.scalar(
        name="Offset", serialize=_offset, parse_value=_offset,
        description="A position in the tenant's log: a whole number from 0, up to 64 bits, as a "
        "JSON number. An answer with an offset reflects every entry up to it.",
    ),
    Period: strawberry.scalar(
        name="Period", serialize=str, parse_value=_period,
        description="A period's code: 2026 and 2026-Q1 are fiscal and named by the year they start "
        "in, 2026-01 is a calendar month, 2026-01-W1 a week piece of that month, 2026-W03 an ISO "
        "week, 2026-01-15 a day. Days and weeks are the tenant's own.",
    ),
    Percent: strawberry.scalar(
        name="Percent", serialize=_decimal, parse_value=_decimal,
        description='A percentage as a plain decimal string: "75.0" is three quarters.',
    ),
    CurrencyCode: strawberry.scalar(
        name="CurrencyCode", serialize=str, parse_value=_currency,
        description="An ISO 4217 currency code in capitals, such as CNY.",
    ),
    PlainDecimal: strawberry.scalar(
        name="Decimal", serialize=_decimal, parse_value=_decimal,
        description='An exact number as a plain decimal string such as "6000000.00"; never with '
        "an exponent.",
    ),
}  # fmt: skip
