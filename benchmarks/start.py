"""P11: from `headwater serve` to the first /readyz that says ready. Not pinned: all cores help."""

from collections.abc import Callable
from statistics import median

from benchmarks import memory
from benchmarks.results import Row
from benchmarks.sizes import Size
from benchmarks.stand import data_directory, headwater, running


def measure(size: Size, advance: Callable[[], None]) -> list[Row]:
    rounds = []
    idle: list[Row] = []
    for _ in range(size.rounds):
        with data_directory() as data_dir:
            with running(headwater("serve"), data_dir, None) as cold:
                idle = memory.of_stack(cold, "idle after the start")
            with running(headwater("serve"), data_dir, None) as warm:
                rounds.append({"cold": cold.start_seconds, "warm": warm.start_seconds})
        advance()
    return [
        Row("P11", "start, cold: an empty data directory", unit="s", goal="≤ 30 s",
            value=median(found["cold"] for found in rounds), rounds=rounds),
        Row("P11", "start, warm: the database is there", unit="s", first_bar="≤ 5 s",
            goal="≤ 2 s", value=median(found["warm"] for found in rounds)),
        *idle,
    ]  # fmt: skip
