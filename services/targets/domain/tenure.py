"""How long a member has been there, in whole months.

Rule (method.md 1.3, "Newcomer ramp"): a month is complete on the day of the month on which it
began, or on the last day of a month that is too short to have that day.

>>> tenure_months(date(2025, 11, 23), None, date(2026, 1, 22)), tenure_months(
...     date(2025, 11, 23), None, date(2026, 1, 23))
(1, 2)
>>> tenure_months(date(2026, 1, 31), None, date(2026, 2, 28))
1
"""

from calendar import monthrange
from datetime import date


def tenure_months(joined_on: date, left_on: date | None, on: date) -> int:
    """Complete months on `on`; it stops growing for who left, and is 0 before the first day."""
    until = on if left_on is None else min(on, left_on)
    if until <= joined_on:
        return 0
    months = (until.year - joined_on.year) * 12 + until.month - joined_on.month
    is_month_end = until.day == monthrange(until.year, until.month)[1]
    return months if until.day >= joined_on.day or is_month_end else months - 1
