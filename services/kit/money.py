"""Money is a whole number of minor units and a currency; it is never a float.

Rule (method.md 1.3 and 3.10): amounts enter exactly or are refused; `rounded` is the one named
step that rounds, half-even unless the tenant chose half-up; a sum is shared out by largest
remainder, so the parts add up to the last cent however odd the weights.

>>> str(Money.parse("6000000.00", "CNY"))
'6000000.00'
>>> allocate(1_000, [1, 1, 1])
[334, 333, 333]
>>> q1 = Money.parse(20_000_000, "CNY")
>>> [str(Money(part, "CNY")) for part in split_bp(q1.amount_minor, [3_000, 3_500, 3_500])]
['6000000.00', '7000000.00', '7000000.00']
>>> str(rounded(Decimal("2.345"), "CNY"))
'2.34'
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import total_ordering
from typing import Literal, Self

from services.kit.errors import Invalid

MAX_AMOUNT_MINOR = 10**15
WHOLE_BP = 10_000
# Whatever is longer is an attack or an accident: "1E999999999" would fill the memory.
_MAX_DIGITS = 64
_PLAIN = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,9})?")

# The active ISO 4217 codes (2026) that have a minor unit; metals, test and "no currency" have none.
_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP
GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR
KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN
MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
_UNUSUAL = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DECIMALS = dict.fromkeys(_CODES.split(), 2) | {
    code: decimals for decimals, codes in _UNUSUAL.items() for code in codes.split()
}


class MoneyInvalid(Invalid):
    """An amount that cannot be stored exactly, or a currency that does not exist."""

    code = "money_invalid"


class CurrencyMismatch(Invalid):
    """Two currencies met where only a dated rate may bring them together."""

    code = "currency_mismatch"


class AllocationInvalid(Invalid):
    """Weights, shares or keys that cannot share out a total."""

    code = "allocation_invalid"


class Rounding(StrEnum):
    HALF_EVEN = "half_even"
    HALF_UP = "half_up"  # ties away from zero, so a reversal cancels what it reverses


def decimals_of(currency: str) -> int:
    """How many decimals the currency has: 2 for CNY, 0 for JPY, 3 for KWD."""
    decimals = _DECIMALS.get(currency)
    if decimals is None:
        raise MoneyInvalid(f"{_shown(currency)} is not an active ISO 4217 currency code")
    return decimals


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount_minor) is not int:  # a bool is an int to isinstance
            raise TypeError(f"amount_minor is a whole number, not {type(self.amount_minor)}")
        decimals_of(self.currency)
        if abs(self.amount_minor) > MAX_AMOUNT_MINOR:
            raise MoneyInvalid(f"amounts are limited to {MAX_AMOUNT_MINOR} minor units either way")

    @classmethod
    def parse(cls, value: str | Decimal | int, currency: str) -> Self:
        """The exact amount in major units; trailing zeros lose nothing and are accepted."""
        return cls.from_unit(value, "major", currency)

    @classmethod
    def from_unit(
        cls, value: Decimal | int | str, unit: Literal["major", "minor", "micros"], currency: str
    ) -> Self:
        """Exact from the unit a vendor writes; a micro is a millionth of the major unit."""
        decimals = decimals_of(currency)
        per_unit = {"major": 10**decimals, "minor": 1, "micros": Fraction(10**decimals, 10**6)}
        if unit not in per_unit:
            raise MoneyInvalid(f"unit {_shown(unit)} is none of {', '.join(per_unit)}")
        minor = _exact(value) * per_unit[unit]
        if minor.denominator != 1:
            raise MoneyInvalid(
                f"{_shown(value)} ({unit} units) has more decimals than {currency}, "
                f"which has {decimals}; round it first"
            )
        return cls(minor.numerator, currency)

    @property
    def amount(self) -> Decimal:
        """In major units, with the currency's decimals."""
        return Decimal(str(self))

    def __str__(self) -> str:
        """The plain decimal of every wire; the currency travels beside it."""
        decimals = decimals_of(self.currency)
        digits = str(abs(self.amount_minor)).rjust(decimals + 1, "0")
        whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
        sign = "-" if self.amount_minor < 0 else ""
        return f"{sign}{whole}.{fraction}" if decimals else f"{sign}{whole}"

    def __add__(self, other: Self) -> Self:
        return type(self)(self.amount_minor + self._beside(other), self.currency)

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.amount_minor - self._beside(other), self.currency)

    def __neg__(self) -> Self:
        return type(self)(-self.amount_minor, self.currency)

    def __lt__(self, other: Self) -> bool:
        return self.amount_minor < self._beside(other)

    def _beside(self, other: Self) -> int:
        if not isinstance(other, Money):
            raise TypeError(f"money meets only money, not {type(other)}")
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} need a dated rate first")
        return other.amount_minor


def rounded(
    value: Decimal | Fraction | int | str, currency: str, rule: Rounding = Rounding.HALF_EVEN
) -> Money:
    """The one step that rounds: a computed amount in major units to the currency's decimals."""
    minor = _exact(value) * 10 ** decimals_of(currency)
    nearest = round(minor)  # of a Fraction: exact, half to even
    if rule is Rounding.HALF_UP and abs(minor - math.trunc(minor)) == Fraction(1, 2):
        nearest = math.trunc(minor) + (1 if minor > 0 else -1)
    return Money(nearest, currency)


def allocate(
    total: int,
    weights: Sequence[int | Fraction | Decimal],
    keys: Sequence[str] | None = None,
) -> list[int]:
    """Shares of `total` by weight that add up to it exactly, by largest remainder.

    Equal remainders go by key ascending, so the result does not depend on the order of siblings;
    without keys they go by position. A negative total mirrors the positive one.
    """
    if type(total) is not int:
        raise TypeError(f"a total is a whole number of minor units, not {type(total)}")
    parts = _whole_weights(weights)
    ranks = list(range(len(parts))) if keys is None else _ranks(keys, len(parts))
    weight_sum, size = sum(parts), abs(total)
    floors, remainders = [], []
    for part in parts:
        floor, remainder = divmod(size * part, weight_sum)
        floors.append(floor)
        remainders.append(remainder)
    nearest_first = sorted(range(len(parts)), key=lambda i: (-remainders[i], ranks[i]))
    for i in nearest_first[: size - sum(floors)]:
        floors[i] += 1
    assert sum(floors) == size, "an allocation adds up"
    return floors if total >= 0 else [-share for share in floors]


def split_bp(total: int, shares_bp: Sequence[int], keys: Sequence[str] | None = None) -> list[int]:
    """`total` between owners by basis points, which must name the whole: 10,000."""
    if sum(shares_bp) != WHOLE_BP:
        raise AllocationInvalid(
            f"shares sum to {sum(shares_bp)} basis points; they must sum to {WHOLE_BP}"
        )
    return allocate(total, shares_bp, keys)


def _whole_weights(weights: Sequence[int | Fraction | Decimal]) -> list[int]:
    exact = [_exact(weight, AllocationInvalid) for weight in weights]
    if any(weight < 0 for weight in exact):
        raise AllocationInvalid("a weight is negative")
    if not any(exact):
        raise AllocationInvalid("there is no weight to share by: the list is empty or all zero")
    # Over one denominator the division below stays in whole numbers: exact, and quick for many.
    denominator = math.lcm(*{weight.denominator for weight in exact})
    return [weight.numerator * (denominator // weight.denominator) for weight in exact]


def _ranks(keys: Sequence[str], count: int) -> list[int]:
    if len(keys) != count or len(set(keys)) != count:
        raise AllocationInvalid(f"{count} weights need {count} different keys")
    rank = {key: position for position, key in enumerate(sorted(keys))}
    return [rank[key] for key in keys]


def _exact(
    value: Decimal | Fraction | int | str, refusal: type[Invalid] = MoneyInvalid
) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, Decimal | Fraction | int | str):
        raise TypeError(f"{type(value)} is not exact: use a decimal string, Decimal or int")
    if isinstance(value, int | Fraction):
        if abs(value) >= 10**_MAX_DIGITS:
            raise refusal(f"a number has more than {_MAX_DIGITS} digits")
        return Fraction(value)
    if isinstance(value, str) and (len(value) > _MAX_DIGITS or not _PLAIN.fullmatch(value)):
        raise refusal(f"{_shown(value)} is not a plain decimal number such as 6000000.00")
    number = Decimal(value)
    if not number.is_finite():
        raise refusal(f"{_shown(value)} is not a finite number")
    _, digits, exponent = number.as_tuple()
    if len(digits) > _MAX_DIGITS or abs(int(exponent)) > _MAX_DIGITS:
        raise refusal(f"{_shown(value)} has more than {_MAX_DIGITS} digits")
    return Fraction(number)


def _shown(value: object) -> str:
    return repr(str(value)[:40])
