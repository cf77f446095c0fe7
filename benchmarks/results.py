"""What was measured, as a table on the terminal and as JSON and Markdown in benchmarks/out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

OUT = Path(__file__).with_name("out")
_HEADINGS = ("", "work", "measured", "against", "ratio", "first bar", "goal")


@dataclass(frozen=True, slots=True)
class Row:
    """One number. `rounds` holds what it is the median of, or more about it."""

    number: str
    work: str
    value: float | None = None
    unit: str = ""
    peer: str = ""
    peer_value: float | None = None
    ratio: float | None = None
    first_bar: str = ""
    goal: str = ""
    note: str = ""
    rounds: Sequence[dict[str, Any]] = field(default_factory=list)

    @property
    def cells(self) -> tuple[str, ...]:
        against = ""
        if self.peer_value is not None:
            against = f"{self.peer}: {_shown(self.peer_value, self.unit)}"
        measured = self.note if self.value is None else _shown(self.value, self.unit)
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}×"
        return self.number, self.work, measured, against, ratio, self.first_bar, self.goal


def write(rows: Sequence[Row], size: str, machine: dict[str, Any]) -> None:
    OUT.mkdir(exist_ok=True)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    told = {"at": at, "size": size, "machine": machine, "rows": [asdict(row) for row in rows]}
    (OUT / "results.json").write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    facts = ", ".join(f"{name}: {value}" for name, value in machine.items())
    lines = [f"Measured {at}, size {size}. {facts}.", "", *_markdown(rows), ""]
    (OUT / "results.md").write_text("\n".join(lines))


def show(console: Console, rows: Sequence[Row], size: str, machine: dict[str, Any]) -> None:
    table = Table(title=f"Headwater, size {size}", caption=f"{machine['pinning']}")
    for heading in _HEADINGS:
        right = heading in {"measured", "ratio"}
        table.add_column(heading, justify="right" if right else "left")
    for row in rows:
        table.add_row(*row.cells)
    console.print(table)


def _markdown(rows: Sequence[Row]) -> list[str]:
    lines = [_line(_HEADINGS), _line(["---"] * len(_HEADINGS))]
    return lines + [_line(row.cells) for row in rows]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(value: float, unit: str) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"
