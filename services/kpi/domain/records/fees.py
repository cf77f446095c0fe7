"""The annual fee that follows from a contract's amount and dates where none is stated (method.md 2).

The fee is the amount for one year of the contract's term, so that contracts of any length can be
compared and tiered: amount ÷ term in years. A term of whole months counts in months, so that leap
years change nothing; any other in days, 365 to the year. A contract without both dates, or of less
than a month, is one-off and has no annual fee. The quotient is exact; one named step, `annual_fee`,
rounds it half-even to the currency's minor unit.

>>> three_years = date(2026, 1, 1), date(2028, 12, 31)
>>> annual_fee({"minor": 300_000_00, "currency": "CNY"}, *three_years)
{'minor': 10000000, 'currency': 'CNY'}
>>> annual_fee({"minor": 100_00, "currency": "CNY"}, date(2026, 1, 10), date(2026, 3, 1))  # 51 days
{'minor': 71569, 'currency': 'CNY'}
>>> annual_fee({"minor": 500_00, "currency": "CNY"}, date(2026, 1, 10), date(2026, 1, 12))
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

_YEAR_DAYS = 365


def annual_fee(
    amount: Mapping[str, Any] | None, starts_on: date | None, ends_on: date | None
) -> dict[str, Any] | None:
    """In the amount's currency; `ends_on` is the last day in force."""
    if amount is None or starts_on is None or ends_on is None:
        return None
    years = _years(starts_on, ends_on + timedelta(days=1))
    if years is None:
        return None
    # The one step that rounds; `round` of a Fraction is exact, halves go to the even neighbour.
    return {"minor": round(Fraction(amount["minor"]) / years), "currency": amount["currency"]}


def _years(starts_on: date, until: date) -> Fraction | None:
    """The term [starts_on, until) in years; None where it is shorter than a month."""
    if until < _months_later(starts_on, 1):
        return None
    months = (until.year - starts_on.year) * 12 + until.month - starts_on.month
    if _months_later(starts_on, months) == until:
        return Fraction(months, 12)
    return Fraction((until - starts_on).days, _YEAR_DAYS)


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last where it has no such day."""
    count = day.year * 12 + day.month - 1 + months
    year, month = count // 12, count % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
