"""The one place where time comes from, so that tests can move it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime: ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class FileClock:
    """Reads an ISO 8601 instant from a file each time it is asked: the clock of scenario tests.

    All processes that share the file share the time. Settings refuse it in production.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        instant = datetime.fromisoformat(self._path.read_text().strip())
        if instant.tzinfo is None:
            raise ValueError(
                f"{self._path}: the instant needs an offset, e.g. 2026-01-15T09:00:00Z"
            )
        return instant.astimezone(UTC)
