"""What a metric counts: a whole number of its smallest unit inside, a plain decimal on every wire.

Money is minor units of a currency, a count is whole, percent and score keep two decimals. So all
arithmetic on targets and actuals is arithmetic on integers (architecture.md, "Money, time,
identity").

>>> shown(600_000_000, "money", "CNY"), shown(20, "count"), shown(250, "percent")
('6000000.00', '20', '2.50')
>>> parse("2.5", "percent"), parse("1054.50", "money", "USD")
(250, 105450)
"""

from decimal import Decimal
from fractions import Fraction
from typing import Literal, get_args

from services.kit.errors import Invalid
from services.kit.money import MAX_AMOUNT_MINOR, Money, MoneyInvalid

Unit = Literal["money", "count", "percent", "score"]
UNITS: tuple[Unit, ...] = get_args(Unit)
_DECIMALS = {"count": 0, "percent": 2, "score": 2}


class QuantityInvalid(Invalid):
    """A number that is no value of its metric's unit."""

    code = "quantity_invalid"


def shown(value: int, unit: Unit, currency: str | None = None) -> str:
    """The plain decimal of `value`; money needs its currency."""
    if unit == "money":
        assert currency is not None, "money has a currency"
        return str(Money(value, currency))
    decimals = _DECIMALS[unit]
    if not decimals:
        return str(value)
    whole, part = divmod(abs(value), 10**decimals)
    return f"{'-' if value < 0 else ''}{whole}.{part:0{decimals}}"


def parse(
    text: str | int | Decimal, unit: Unit, currency: str | None = None, *, path: str | None = None
) -> int:
    """The exact value, or QuantityInvalid: nothing is rounded on the way in."""
    try:
        if unit == "money":
            if currency is None:
                raise QuantityInvalid("an amount needs its currency", path=path)
            return Money.parse(text, currency).amount_minor
        # A currency with as many decimals lends its strict reading of a number.
        exact = Fraction(Money.from_unit(text, "major", "CNY").amount_minor, 100)
    except MoneyInvalid as wrong:
        raise QuantityInvalid(wrong.message, path=path) from None
    value: Fraction = exact * 10 ** _DECIMALS[unit]
    if value.denominator != 1:
        raise QuantityInvalid(f"{text!s:.40} is not whole, as a {unit} is", path=path)
    if abs(value) > MAX_AMOUNT_MINOR:
        raise QuantityInvalid(f"{text!s:.40} is larger than a {unit} may be", path=path)
    return value.numerator
