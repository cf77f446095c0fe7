"""The parts as five processes on one core, reaching each other over HTTP, over one database."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.stand import Server, free_port, headwater, running
from headwater.databases import SERVICES
from headwater.stack import PARTS


@contextlib.contextmanager
def running_apart(data_dir: Path, core: int | None) -> Iterator[dict[str, Server]]:
    """Every part in a process of its own; kpi first, for it starts the embedded database."""
    ports = {part: free_port() for part in PARTS}
    told = {f"HEADWATER_{s.upper()}_URL": f"http://127.0.0.1:{ports[s]}" for s in SERVICES}
    parts = ("kpi", "targets", "customers", "incentives", "gateway")
    with contextlib.ExitStack() as opened:
        yield {
            part: opened.enter_context(
                running(headwater("serve", part), data_dir, core, port=ports[part], **told)
            )
            for part in parts
        }
