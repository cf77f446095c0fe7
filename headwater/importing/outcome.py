"""What became of the rows of an import, and how it is told."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from headwater.importing import report
from headwater.importing.access import Api
from headwater.importing.csvfile import CsvFile
from services.kit import limits
from services.kpi.domain.mapping import CompiledMapping
from services.kpi.domain.observation import Record

NAMES: dict[Record, str] = {
    "deal": "deals", "contract": "contracts", "collection": "collections", "refund": "refunds",
    "activity": "activities", "customer": "customers",
}  # fmt: skip
"""What the rows of an export are called."""
_QUARANTINE_PAGES = 200
_EXAMPLES = 3


@dataclass(slots=True)
class Delivered:
    """What became of the rows; `offset` is the log's last one after them."""

    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    empty: int = 0
    """Rows that no observation of the mapping wants: stored, and without effect."""
    offset: int = 0
    waiting: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Everything of this connection that is in quarantine: reason → message → rows."""

    @property
    def rows(self) -> int:
        return self.accepted + self.duplicates + self.quarantined

    def note(self) -> str:
        return (
            f"{self.accepted:,} accepted, {self.duplicates:,} duplicates, "
            f"{self.quarantined:,} quarantined"
        )


async def look_at_quarantine(api: Api, name: str, delivered: Delivered) -> None:
    connections = await api.call("GET", "/kpi/v1/connections")
    mine = next(c["id"] for c in connections["items"] if c["short_name"] == name)
    query: dict[str, Any] = {"limit": limits.PAGE_MOST}
    for _ in range(_QUARANTINE_PAGES):
        page = await api.call("GET", "/kpi/v1/quarantine", query=query)
        for item in page["items"]:
            if item["connection_id"] == mine:
                delivered.waiting[item["reason"]][item["message"]] += 1
        if page["next_cursor"] is None:
            return
        query["cursor"] = page["next_cursor"]


def tell(
    console: Console, compiled: CompiledMapping, source: CsvFile, delivered: Delivered
) -> None:
    rows: list[tuple[str, int | str]] = [
        ("tenant, connection", f"{compiled.tenant}, {compiled.connection}"),
        ("rows read", source.rows),
        ("accepted", delivered.accepted),
        ("duplicates", delivered.duplicates),
        ("quarantined", delivered.quarantined),
        ("counted up to offset", delivered.offset),
    ]
    console.print(report.table(f"{NAMES[compiled.record]} of {source.path.name}", rows))
    if delivered.empty:
        console.print(
            f"[yellow]{delivered.empty:,} rows match no observation of the mapping: they are "
            "stored and say nothing.[/]"
        )
    if delivered.duplicates == source.rows:
        console.print("Nothing changed: every row was taken before.")
    if delivered.waiting:
        _tell_waiting(console, delivered)


def _tell_waiting(console: Console, delivered: Delivered) -> None:
    count = sum(found.total() for found in delivered.waiting.values())
    earlier = "" if delivered.quarantined else " since an earlier import"
    console.print(
        f"[yellow]{count:,} rows wait in quarantine{earlier}; nothing of them is lost.[/]"
    )
    table = Table("reason", "rows", "such as", "what to do")
    for reason, messages in sorted(delivered.waiting.items()):
        shown = [f"{text} ({n:,})" for text, n in messages.most_common(_EXAMPLES)]
        more = ["…"] if len(messages) > _EXAMPLES else []
        advice = report.ADVICE.get(reason, report.ADVICE_OTHERWISE)
        table.add_row(reason, f"{messages.total():,}", Text("\n".join(shown + more)), advice)
    console.print(table)
