"""P9: memory as the sum of proportional set sizes, split into Python and PostgreSQL."""

from collections.abc import Callable
from pathlib import Path

from benchmarks import machine
from benchmarks.results import Row
from benchmarks.stand import Server, headwater, running
from headwater.stack import PARTS

_LIMITS = {"first_bar": "≤ 400 MB", "goal": "≤ 250 MB"}


def of_stack(server: Server, when: str) -> list[Row]:
    if not machine.tells_memory():
        return [Row("P9", f"memory {when}", note="this system does not tell proportional sizes")]
    python, *database = machine.family(server.process.pid)
    one, others = machine.memory_mb([python]), machine.memory_mb(database)
    return [
        Row("P9", f"stack with its database, {when}", value=one + others, unit="MB",
            rounds=[{"python_mb": one, "postgresql_mb": others, "processes": 1 + len(database)}],
            **_LIMITS),
        Row("P9", f"of it Python, {when}", value=one, unit="MB"),
        Row("P9", f"of it PostgreSQL, {when}", value=others, unit="MB"),
    ]  # fmt: skip


def of_parts(data_dir: Path, core: int | None, advance: Callable[[], None]) -> list[Row]:
    """Each part alone, idle, one after the other; without the database that the first one starts."""
    rows = []
    for part in PARTS:
        with running(headwater("serve", part), data_dir, core) as server:
            size = machine.memory_mb([server.process.pid])
            rows.append(Row("P9", f"{part} alone, without its database", value=size, unit="MB",
                            goal="≤ 75 MB"))  # fmt: skip
        advance()
    return rows if machine.tells_memory() else []
