"""`make bench`: measure everything, print the table, write it to benchmarks/out.

`python -m benchmarks P4 P6` measures only those.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import (
    boards,
    company,
    events,
    growth,
    live,
    machine,
    memory,
    nodes,
    results,
    sizes,
    start,
    webhooks,
)
from benchmarks.machine import Cores
from benchmarks.results import Row
from benchmarks.sizes import Size
from benchmarks.stand import Server, data_directory, measured, running
from headwater.stack import PARTS

WORKS = ("P1", "P2", "P4", "P5", "P6", "P9", "P10", "P11")
Advance = Callable[[], None]


class Bars:
    """A progress bar for each piece of work."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def bar(self, what: str, steps: int) -> Iterator[Advance]:
        task = self._progress.add_task(what, total=steps)
        yield lambda: self._progress.advance(task)
        self._progress.update(task, completed=steps)


async def under_load(
    server: Server, wanted: Collection[str], size: Size, cores: Cores, bars: Bars
) -> list[Row]:
    rows = []
    async with company.built(server) as built:
        if "P4" in wanted:
            with bars.bar("P4  webhooks", size.rounds + 1) as advance:
                rows += await webhooks.measure(built, size, advance)
        if "P5" in wanted:
            with bars.bar("P5  arrays of events", size.rounds + 1) as advance:
                rows += await events.measure(built, size, cores, advance)
        if "P6" in wanted:
            with bars.bar("P6  webhook to subscription", size.live_seconds) as advance:
                rows += await live.measure(built, size, advance)
        if "P10" in wanted:
            with bars.bar("P10 growth", 2 * (size.rounds + 1)) as advance:
                rows += await growth.measure(built, size, advance)
        await built.settle()
        if "P9" in wanted:
            rows += memory.of_stack(server, "after the work")
    return rows


def of_boards(wanted: Collection[str], size: Size, cores: Cores, bars: Bars) -> list[Row]:
    """One company for both: filled in one process, then served by five."""
    rows = []
    steps = 3 * size.rounds
    with data_directory() as data_dir, bars.bar("P2  boards, one process", steps) as one:
        company, rows = asyncio.run(boards.in_one_process(data_dir, size, cores, one))
        if "P1" in wanted:
            with bars.bar("P1  boards, five processes", steps) as five:
                rows += asyncio.run(boards.apart(company, data_dir, size, cores, five))
    return [row for row in rows if row.number in wanted]


def run(wanted: Collection[str], size: Size, cores: Cores, bars: Bars) -> list[Row]:
    rows = []
    if {"P1", "P2"} & set(wanted):
        rows += of_boards(wanted, size, cores, bars)
    with data_directory() as data_dir:
        with (
            running(measured(), data_dir, cores.server) as server,
            machine.on(cores.load),
        ):
            rows += asyncio.run(under_load(server, wanted, size, cores, bars))
        if "P9" in wanted:
            with bars.bar("P9  each part alone", len(PARTS)) as advance:
                rows += memory.of_parts(data_dir, cores.server, advance)
    if "P11" in wanted:
        with bars.bar("P11 starts", size.rounds) as advance:
            rows += start.measure(size, advance)
    return sorted(rows, key=lambda row: WORKS.index(row.number))


def main() -> None:
    wanted = sys.argv[1:] or WORKS
    if unknown := sorted(set(wanted) - set(WORKS)):
        sys.exit(f"no work {', '.join(unknown)}: {', '.join(WORKS)}")
    webhooks.need_tool()
    if {"P1", "P2"} & set(wanted):
        nodes.prepare()
    size, cores, console = sizes.chosen(), machine.cores(), Console()
    described = machine.described(cores)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        rows = run(wanted, size, cores, Bars(progress))
    results.write(rows, size.name, described)
    results.show(console, rows, size.name, described)
    shown = os.path.relpath(results.OUT)
    console.print(f"Written to {shown}/results.md and results.json.")


if __name__ == "__main__":
    main()
