"""Where members and units stand over time, for roll-ups.

Spans are [starts_on, ends_on), open when ends_on is None. A day that no span covers takes the
nearest: the last one before it, else the first one after it. So a deal from before a member's first
day counts where the member first was, and a leaver's open deals where the member last was.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from services.kit.limits import TREE_DEPTH


class Span(NamedTuple):
    """`target` is a unit (of a membership) or a parent unit (of a placement; None at the top)."""

    target: str | None
    starts_on: date
    ends_on: date | None
    share_bp: int = 10_000

    def covers(self, day: date) -> bool:
        return self.starts_on <= day and (self.ends_on is None or day < self.ends_on)


def nearest(spans: Sequence[Span], day: date) -> list[Span]:
    covering = [span for span in spans if span.covers(day)]
    if covering or not spans:
        return covering
    before = [span for span in spans if span.ends_on is not None and span.ends_on <= day]
    if before:
        last = max(span.ends_on for span in before if span.ends_on is not None)
        return [span for span in before if span.ends_on == last]
    first = min(span.starts_on for span in spans)
    return [span for span in spans if span.starts_on == first]


class Whereabouts:
    """Answers roll-ups' questions from memberships by member and placements by unit."""

    def __init__(
        self, memberships: Mapping[str, Sequence[Span]], placements: Mapping[str, Sequence[Span]]
    ) -> None:
        self._memberships = memberships
        self._placements = placements
        self._chains: dict[tuple[str, date], tuple[str, ...]] = {}

    def units_on(self, member: str, day: date) -> list[tuple[str, int]]:
        """The member's units with their shares in basis points."""
        shares: dict[str, int] = {}
        for span in nearest(self._memberships.get(member, ()), day):
            if span.target is not None:
                shares[span.target] = shares.get(span.target, 0) + span.share_bp
        return sorted(shares.items())

    def chain(self, unit: str, day: date) -> tuple[str, ...]:
        """The unit and those above it, nearest first."""
        known = self._chains.get((unit, day))
        if known is not None:
            return known
        found = [unit]
        while len(found) <= TREE_DEPTH:
            spans = nearest(self._placements.get(found[-1], ()), day)
            above = spans[0].target if spans else None
            if above is None or above in found:
                break
            found.append(above)
        return self._chains.setdefault((unit, day), tuple(found))

    def moves(self, member: str) -> list[date]:
        """Days on which the member's units, or those units' places, may change."""
        days: set[date] = set()
        units: set[str] = set()
        for span in self._memberships.get(member, ()):
            days.add(span.starts_on)
            if span.ends_on is not None:
                days.add(span.ends_on)
            if span.target is not None:
                units.add(span.target)
        seen: set[str] = set()
        while units:
            unit = units.pop()
            seen.add(unit)
            for span in self._placements.get(unit, ()):
                days.add(span.starts_on)
                if span.ends_on is not None:
                    days.add(span.ends_on)
                if span.target is not None and span.target not in seen:
                    units.add(span.target)
        return sorted(days)
