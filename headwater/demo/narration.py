"""What the demo says while it works: a moving bar on a terminal, plain lines in a log."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn


class Narration:
    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._started = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._told = ("", 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end_bar()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def say(self, text: str = "") -> None:
        """One line, never wrapped: what is copied from it must stay whole."""
        self.console.print(text, soft_wrap=True, markup=False)
        sys.stdout.flush()

    def step(self, text: str) -> None:
        self.end_bar()
        self.say(f"[{self.seconds:4.1f} s] {text}")

    def progress(self, text: str, done: int, total: int) -> None:
        if self.console.is_terminal:
            self._move_bar(text, done, total)
            return
        percent = 100 * done // total
        before = self._told[1] if self._told[0] == text else 0
        if percent >= before + 25:
            self._told = (text, percent // 25 * 25)
            self.step(f"{text} {done:,} of {total:,}")

    def _move_bar(self, text: str, done: int, total: int) -> None:
        if self._bar is None or self._told[0] != text:
            self.end_bar()
            self._told = (text, 0)
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task(text, total=total)
            self._bar.start()
        assert self._task is not None
        self._bar.update(self._task, completed=done)

    def end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
