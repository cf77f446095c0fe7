"""What a plan says of an owner in periods for which its tree has no node.

Rule (method.md 1.3): the axes come in any order, so a company that is split to its people first and
into months there has no month of its own, and a region that is given its weeks has no year. Both
follow exactly from what is there:

- a period that an owner's cells tile is their sum;
- where the owners below have a target's parts in time, it has them too: its amounts shared out as
  theirs are, which is their sum where no buffer lies between.

Rates do not add up: they are taken over where all parts agree, and left out elsewhere.

>>> calendar, east, plan_id = Calendar(), Owner("unit", "east"), ids.new()
>>> months = [Target(f"{n}", None, "company", east, Period.parse(f"2026-0{n}", calendar),
...                  Amounts(None, 100 * n, None)) for n in (1, 2, 3)]
>>> [(total.period.code, total.amounts.target) for total in rolled_up(months, calendar, plan_id)]
[('2026-Q1', 600)]
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from services.kit import ids
from services.kit.period import Calendar, Period
from services.targets.domain import spans
from services.targets.domain.cascade import Amounts, shared_like
from services.targets.domain.plan import LEVELS, Owner, Target

Cells = dict[str, Target]


def cell_id(plan_id: str, owner: Owner, period: str) -> str:
    """A plan's cell of an owner in a period has one id, whether it is a node or a total."""
    return ids.derived(plan_id, f"{owner.id}:{period}")


def rolled_up(
    nodes: Sequence[Target], calendar: Calendar, plan_id: str, *, is_rate: bool = False
) -> list[Target]:
    """The totals beside the tree's nodes (in `nodes` parents come before their parts)."""
    rolling = _Rolling(calendar, plan_id, is_rate)
    for node in nodes:
        rolling.cells[node.owner][node.period.code] = node
    known = {node.id for node in nodes}
    for cells in rolling.cells.values():
        rolling.sum_up(cells)
    below: defaultdict[str, list[Target]] = defaultdict(list)
    for node in nodes:
        if node.parent_id is not None:
            below[node.parent_id].append(node)
    for node in reversed(nodes):
        if node.split is not None and node.split.axis == "organisation":
            rolling.share_down(node, [part.owner for part in below[node.id]])
    return [
        cell for cells in rolling.cells.values() for cell in cells.values() if cell.id not in known
    ]


class _Rolling:
    """The cells of a plan by owner and period, while totals are added to them."""

    def __init__(self, calendar: Calendar, plan_id: str, is_rate: bool) -> None:
        self.calendar = calendar
        self.plan_id = plan_id
        self.is_rate = is_rate
        self.cells: defaultdict[Owner, Cells] = defaultdict(dict)

    def sum_up(self, cells: Cells) -> None:
        """Add the periods that an owner's cells tile, weeks before months before quarters."""
        for level in reversed(LEVELS):
            finer = [cell.period for cell in cells.values() if cell.period.kind == level]
            for upper in dict.fromkeys(spans.above(period, self.calendar) for period in finer):
                if upper is None or upper.code in cells:
                    continue
                parts = spans.below(upper, self.calendar)
                there = [cells[part.code] for part in parts if part.code in cells]
                amounts = _together(there, self.is_rate) if len(there) == len(parts) else None
                if amounts is not None:
                    cells[upper.code] = self._total(there, upper, amounts, "periods")

    def share_down(self, cell: Target, owners: Sequence[Owner]) -> None:
        """Add what the owners below a cell have in the parts of its period."""
        cells, periods = self.cells[cell.owner], spans.below(cell.period, self.calendar)
        columns = []
        for period in periods:
            of_owner = [self.cells[owner] for owner in owners]
            column = [there[period.code] for there in of_owner if period.code in there]
            if len(column) < len(owners) or period.code in cells:
                return
            columns.append(column)
        if not columns:
            return
        amounts = self._columns_of(cell, columns)
        for period, share, column in zip(periods, amounts, columns, strict=True):
            if share is None:
                continue
            total = self._total([cell], period, share, "parts")
            whole = together([part.amounts for part in column], is_rate=self.is_rate)
            allocated = whole.target if whole else None
            cells[period.code] = replace(total, allocated=allocated)
            self.share_down(cells[period.code], owners)

    def _columns_of(
        self, cell: Target, columns: Sequence[Sequence[Target]]
    ) -> Sequence[Amounts | None]:
        together = [_together(column, self.is_rate) for column in columns]
        if self.is_rate:
            return together
        pattern = [total for total in together if total is not None]
        return shared_like(cell.amounts, pattern, [column[0].period.code for column in columns])

    def _total(
        self, parts: Sequence[Target], period: Period, amounts: Amounts, total: str
    ) -> Target:
        owner = parts[0].owner
        above = {part.above_id for part in parts}
        return Target(
            cell_id(self.plan_id, owner, period.code), None, above.pop() if len(above) == 1 else None,
            owner, period, amounts, allocated=amounts.target,
            total="periods" if total == "periods" else "parts",
        )  # fmt: skip


def together(amounts: Sequence[Amounts], *, is_rate: bool) -> Amounts | None:
    """The sum of amounts; of rates the one that all have, or None."""
    if is_rate:
        return amounts[0] if len(set(amounts)) == 1 else None
    floors = [each.floor for each in amounts if each.floor is not None]
    stretches = [each.stretch for each in amounts if each.stretch is not None]
    return Amounts(
        sum(floors) if len(floors) == len(amounts) else None,
        sum(each.target for each in amounts),
        sum(stretches) if len(stretches) == len(amounts) else None,
    )


def _together(parts: Iterable[Target], is_rate: bool) -> Amounts | None:
    return together([part.amounts for part in parts], is_rate=is_rate)
