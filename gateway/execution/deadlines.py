"""Who asks, and until when: what every load of one request carries."""

import time
from dataclasses import dataclass

from services.kit import limits
from services.kit.auth import Viewer


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point in time by which the answer leaves, whatever is missing from it."""

    at_seconds: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(time.monotonic() + seconds)

    @classmethod
    def sooner(cls, deadline: "Deadline", seconds: float) -> "Deadline":
        """The deadline, or in `seconds` if that comes first."""
        return cls(min(deadline.at_seconds, time.monotonic() + seconds))

    @property
    def remaining_seconds(self) -> float:
        return max(0.0, self.at_seconds - time.monotonic())


@dataclass(frozen=True, slots=True)
class Caller:
    """The viewer of one request, with the offset that its reads must have reached."""

    viewer: Viewer
    request_id: str
    deadline: Deadline
    min_offset: int | None = None

    @classmethod
    def of(cls, viewer: Viewer, request_id: str, min_offset: int | None = None) -> "Caller":
        seconds = limits.GRAPHQL_SECONDS
        if min_offset is not None:
            seconds += limits.MIN_OFFSET_WAIT_SECONDS
        return cls(viewer, request_id, Deadline.after(seconds), min_offset)
