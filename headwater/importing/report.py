"""What an import shows: bars while it works, one table at its end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table
from rich.text import Text

ADVICE = {
    "unknown_owner": "import the members that are named; the rows then release themselves",
    "unknown_stage": "add the stage to the mapping and import again: that releases the rows",
    "unknown_currency": "name the currency in the mapping and import again",
    "currency_without_rate": "amounts count in the tenant's currency: correct the mapping",
    "missing_value": "the mapping refuses this gap: fill the cell, or let the mapping skip it",
    "no_deal_id": "fill the deal's id, or name its column in the mapping",
    "no_record_id": "fill the row's own id, or name its column in the mapping",
    "bad_date": "correct the cell: the last day of a contract is not before its first",
    "bad_time": "correct the cell, or the format in the mapping",
    "future": "the day lies ahead: correct the cell",
    "bad_amount": "correct the cell, or money_unit in the mapping",
    "amount_out_of_range": "correct the cell, or money_unit in the mapping",
    "key_conflict": "the mapping's key is not unique to a row: leave key out of the mapping",
    "fault": "a fault of ours: keep the row and report it, then release it after the fix",
}
ADVICE_OTHERWISE = "correct the mapping or the row and import again"


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "")


def console() -> Console:
    return Console()


@contextmanager
def bars() -> Iterator[Progress]:
    whole = Column(no_wrap=True)
    columns = (
        TextColumn("{task.description}", table_column=whole), BarColumn(bar_width=None),
        TaskProgressColumn(table_column=whole), _Rate(table_column=whole),
        TextColumn("{task.fields[note]}", table_column=whole), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield progress


def table(title: str, rows: Sequence[tuple[str, int | str]]) -> Table:
    found = Table(title=Text(title), show_header=False, title_justify="left")
    for name, value in rows:
        found.add_row(name, Text(f"{value:,}" if isinstance(value, int) else value))
    return found
