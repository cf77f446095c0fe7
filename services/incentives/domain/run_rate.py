"""What a period comes to if it goes on as it began (method.md 3.10, "Rep's view").

>>> [_business_days(date(2026, 1, 1), date(2026, 1, day)) for day in (1, 4, 5, 31)]
[1, 2, 3, 22]
"""

from datetime import date
from fractions import Fraction

from services.incentives.domain.statement import Statement


def projected(statement: Statement, day: date) -> int:
    """Earned at run rate to the period's end: credit grows by business days, Monday to Friday;
    `day`, the last one that started, counts in full. Other lines stay as they are.
    """
    period = statement.period
    elapsed = _business_days(period.first, min(day, period.last))
    in_all = _business_days(period.first, period.last)
    if not elapsed or elapsed == in_all:
        return statement.total_minor
    credited = Fraction(statement.credited_minor * in_all, elapsed)
    terms = statement.plan.terms
    return sum(one.pay(credited) for one in terms.components) + statement.other_minor


def _business_days(first: date, last: date) -> int:
    """Mondays to Fridays from first to last, both included."""
    days = (last - first).days + 1
    if days <= 0:
        return 0
    weeks, rest = divmod(days, 7)
    return weeks * 5 + sum((first.weekday() + n) % 7 < 5 for n in range(rest))
