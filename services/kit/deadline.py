"""How long the caller waits: the gateway's header, kept for the request, ends reads in the database.

Only reads follow it. A write that a request joined must not fail for another one's patience.
"""

import time
from contextvars import ContextVar

from services.kit.errors import DeadlineExceeded

HEADER = b"headwater-deadline-millis"
_ends: ContextVar[float | None] = ContextVar("deadline", default=None)


def begin(header: bytes | None) -> None:
    """Set or clear the deadline of the current request; what is not a number is no deadline."""
    if header is None or not header.isdigit():
        _ends.set(None)
    else:
        _ends.set(time.monotonic() + int(header[:9]) / 1000)


def remaining_millis(most: int) -> int:
    """What is left, at most `most`; DeadlineExceeded where nothing is."""
    ends = _ends.get()
    if ends is None:
        return most
    left = round((ends - time.monotonic()) * 1000)
    if left <= 0:
        raise DeadlineExceeded("the caller's deadline has passed")
    return min(left, most)
