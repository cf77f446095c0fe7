"""Which facts bring what was told in line with what is so.

What was told of a customer is a dated statement per day: a reader takes the newest statement about
each day, and what holds on a day is the statement of the last day before it. So a change is told
once, a change that turns out never to have been is told again with what really held that day, and
nothing is told twice.

>>> january, march = date(2026, 1, 1), date(2026, 3, 1)
>>> corrections({january: "basic"}, [(january, "basic"), (march, "growth")])
[(datetime.date(2026, 3, 1), 'growth')]
>>> corrections({january: "basic", march: "growth"}, [(january, "basic")])
[(datetime.date(2026, 3, 1), 'basic')]
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import date


def corrections(
    told: Mapping[date, str | None], steps: Sequence[tuple[date, str | None]]
) -> list[tuple[date, str | None]]:
    """Statements to add, by day, so that every day holds what `steps` (by day) say."""
    found = []
    days = [day for day, _ in steps]
    before: str | None = None
    for day in sorted({*told, *days}):
        n = bisect_right(days, day)
        true = steps[n - 1][1] if n else None
        if told.get(day, before) != true:
            found.append((day, true))
        before = true
    return found


def holds_on(told: Mapping[date, str | None], day: date) -> str | None:
    """What a reader of the statements takes to hold."""
    days = [stated for stated in told if stated <= day]
    return told[max(days)] if days else None
