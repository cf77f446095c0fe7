"""What is said about a day holds from that day until the next day something else was said for.

Rule (method.md 1.6, "Moves"): a move closes what held and opens what holds now on the same day;
history before it stays as it was, and a change already known for a later day stays too. So spans
of one member (or unit) never overlap, and saying the same again changes nothing.

>>> january, march, july = date(2026, 1, 1), date(2026, 3, 1), date(2026, 7, 1)
>>> history = restated((), Membership("zhang", "east", january), january)
>>> history = restated(history, Membership("zhang", "west", july), july)
>>> history = restated(history, Membership("zhang", "north", march), march)
>>> [(m.unit_id, str(m.starts_on), str(m.ends_on)) for m in history]  # doctest: +NORMALIZE_WHITESPACE
[('east', '2026-01-01', '2026-03-01'), ('north', '2026-03-01', '2026-07-01'),
 ('west', '2026-07-01', 'None')]
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from services.kit.organisation import Membership
from services.kit.organisation.dated import Dated, in_force


def restated(history: Sequence[Dated], stated: Dated | None, on: date) -> tuple[Dated, ...]:
    """The history after `stated` (None: nothing) was said to hold on `on`."""
    held = next(in_force(history, on), None)
    if stated is None and held is None:
        return tuple(history)
    if stated is not None and held is not None and _same(held, stated):
        return tuple(history)
    later = (span.starts_on for span in history if span.starts_on > on)
    ends_on = held.ends_on if held is not None else min(later, default=None)
    spans = [span for span in history if span is not held]
    if held is not None and held.starts_on < on:
        spans.append(replace(held, ends_on=on))
    if stated is not None:
        spans.append(replace(stated, starts_on=on, ends_on=ends_on))
    return _without_seams(spans)


def within(
    history: Iterable[Membership], joined_on: date, left_on: date | None
) -> tuple[Membership, ...]:
    """Only what lies in [joined_on, left_on)."""
    kept: list[Membership] = []
    for span in history:
        starts_on = max(span.starts_on, joined_on)
        ends = [day for day in (span.ends_on, left_on) if day is not None]
        ends_on = min(ends, default=None)
        if ends_on is None or starts_on < ends_on:
            kept.append(replace(span, starts_on=starts_on, ends_on=ends_on))
    return tuple(kept)


def reopened(history: Iterable[Membership], left_on: date) -> tuple[Membership, ...]:
    """As if nobody had left on `left_on`: what ended that day goes on."""
    return tuple(
        replace(span, ends_on=None) if span.ends_on == left_on else span for span in history
    )


def _same(one: Dated, other: Dated) -> bool:
    return replace(one, starts_on=other.starts_on, ends_on=other.ends_on) == other


def _without_seams(spans: list[Dated]) -> tuple[Dated, ...]:
    joined: list[Dated] = []
    for span in sorted(spans, key=lambda span: span.starts_on):
        if joined and joined[-1].ends_on == span.starts_on and _same(joined[-1], span):
            joined[-1] = replace(joined[-1], ends_on=span.ends_on)
        else:
            joined.append(span)
    return tuple(joined)
