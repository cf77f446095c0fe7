"""How much work a run does: minutes by default, more with SIZE=full."""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    name: str
    rounds: int
    """Of every measurement; the median counts."""
    deals: int
    """That the deliveries of one round are about."""
    webhook_seconds: int
    arrays: int
    """Of 1,000 events, in one round."""
    live_seconds: int
    board_reps: int
    board_seconds: int
    growth_events: int
    """And ten times as many, for what must not depend on it."""


SMALL = Size(
    "small",
    rounds=3,
    deals=2_000,
    webhook_seconds=4,
    arrays=20,
    live_seconds=10,
    board_reps=500,
    board_seconds=4,
    growth_events=4_000,
)
FULL = Size(
    "full",
    rounds=5,
    deals=10_000,
    webhook_seconds=20,
    arrays=100,
    live_seconds=60,
    board_reps=10_000,
    board_seconds=20,
    growth_events=100_000,
)
REPS = 50
TEAMS = 5
CONNECTIONS = 64
"""That deliver webhooks at once."""
BOARD_CONNECTIONS = 32
"""That ask for boards at once."""
ALONE_CONNECTIONS = 8
"""Where every request has a viewer of its own, so that none travel together."""
ARRAYS_IN_FLIGHT = 3
LIVE_PER_SECOND = 200
LIVE_WATCHED = 20
"""Reps that one socket follows: as many as a socket may."""


def chosen() -> Size:
    name = os.environ.get("SIZE", "small")
    sizes = {"small": SMALL, "full": FULL}
    if name not in sizes:
        raise SystemExit(f"SIZE is small or full, not {name}")
    return sizes[name]
