"""The machine: which core does what, what it is, and how much memory processes share out."""

import contextlib
import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Cores:
    """The server and its database share `server`; the generator of the load has `load`."""

    server: int | None
    load: int | None

    @property
    def told(self) -> str:
        if self.server is None:
            return "not pinned: this system does not let a program choose its cores"
        if self.server == self.load:
            return "one core only: the load generator takes its time from the server"
        return "server and database on one core, load generator on another"


def cores() -> Cores:
    if not hasattr(os, "sched_setaffinity"):
        return Cores(None, None)
    ours = sorted(os.sched_getaffinity(0))
    return Cores(ours[0], ours[1 if len(ours) > 1 else 0])


@contextlib.contextmanager
def on(core: int | None) -> Iterator[None]:
    """Processes that are started meanwhile stay on `core`, and so do their children."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def described(core: Cores) -> dict[str, Any]:
    model = re.search(r"model name\s*: (.*)", _read(_PROC / "cpuinfo"))
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": os.cpu_count(),
        "pinning": core.told,
        "system": platform.system(),
        "python": platform.python_version(),
    }


def family(pid: int) -> list[int]:
    """`pid` and all processes below it."""
    below: dict[int, list[int]] = {}
    for folder in _PROC.glob("[0-9]*"):
        # The name in brackets may hold anything, so the fields are counted after it.
        fields = _read(folder / "stat").rpartition(")")[2].split()
        if fields:
            below.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [pid]
    for one in found:
        found += below.get(one, [])
    return found


def memory_mb(pids: list[int]) -> float:
    """The sum of their proportional set sizes: what is shared counts once in total."""
    kilobytes = 0
    for pid in pids:
        pss = re.search(r"^Pss:\s+(\d+) kB", _read(_PROC / str(pid) / "smaps_rollup"), re.MULTILINE)
        kilobytes += int(pss[1]) if pss else 0
    return kilobytes / 1024


def processor_seconds(pid: int) -> tuple[float, float]:
    """What `pid` used so far, and what the processes below it did; 0 where nothing tells."""
    own, *below = family(pid)
    return _seconds(own), sum(map(_seconds, below))


def micros_each(
    before: tuple[float, float], after: tuple[float, float], count: int
) -> dict[str, float]:
    """Processor time of one of `count` items between two readings."""
    python, database = (now - then for then, now in zip(before, after, strict=True))
    return {
        "python_micros_each": python / count * 1e6,
        "postgresql_micros_each": database / count * 1e6,
    }


def _seconds(pid: int) -> float:
    fields = _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def tells_memory() -> bool:
    return (_PROC / "self" / "smaps_rollup").exists()


def _read(path: Path) -> str:
    """Nothing where a process ended meanwhile, or the system has no such file."""
    try:
        return path.read_text()
    except OSError:
        return ""
