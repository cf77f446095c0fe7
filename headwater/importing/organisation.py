"""From rows to units and people, each once, with the line that named it first.

Rows repeat what stands above their member; where two rows contradict each other the import is
refused with both lines, because whichever came last would win by accident. A manager without a row
of their own becomes a member of the highest unit that they manage.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from headwater.importing.csvfile import CsvFile, Row
from headwater.importing.document import Day, Level, MembersMapping


@dataclass(frozen=True, slots=True)
class UnitRow:
    external_id: str
    name: str
    level: int
    kind: str | None
    parent: str | None
    manager: str | None
    line: int

    def wire(self, *, managed: bool = True) -> dict[str, Any]:
        return {
            "external_id": self.external_id, "name": self.name, "kind": self.kind,
            "parent_external_id": self.parent,
            "manager_external_id": self.manager if managed else None,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class MemberRow:
    external_id: str
    name: str
    unit: str | None
    joined_on: date | None
    left_on: date | None
    line: int

    def wire(self) -> dict[str, Any]:
        return {
            "external_id": self.external_id, "name": self.name, "unit_external_id": self.unit,
            "joined_on": self.joined_on and self.joined_on.isoformat(),
            "left_on": self.left_on and self.left_on.isoformat(),
        }  # fmt: skip


@dataclass(slots=True)
class Organisation:
    """Units from the top down, members with managers after those who have rows."""

    units: list[UnitRow] = field(default_factory=list)
    members: list[MemberRow] = field(default_factory=list)
    managers: int = 0
    """Members that only their unit names."""
    rows_without_member: int = 0


def of(mapping: MembersMapping, file: CsvFile) -> Organisation:
    missing = sorted(mapping.columns() - set(file.columns))
    if missing:
        have = ", ".join(file.columns)
        file.refuse(1, f"the mapping reads the column {missing[0]!r}; the file has {have}")
    builder = _Builder(mapping, file)
    for row in file:
        builder.take(row)
    return builder.finished()


class _Builder:
    def __init__(self, mapping: MembersMapping, file: CsvFile) -> None:
        self.mapping = mapping
        self.file = file
        self.units: dict[str, UnitRow] = {}
        self.members: dict[str, MemberRow] = {}
        self.managers: dict[str, MemberRow] = {}
        self.manager_levels: dict[str, int] = {}
        self.rows_without_member = 0

    def take(self, row: Row) -> None:
        unit: str | None = None
        for number, level in enumerate(self.mapping.units):
            unit = self._unit(number, level, unit, row) or unit
        self._member(unit, row)

    def _unit(self, number: int, level: Level, parent: str | None, row: Row) -> str | None:
        """The row's unit of one level, None where the row has none there."""
        external_id = level.external_id.of(row.cells)
        if not external_id:
            return None
        name = level.name.of(row.cells) if level.name else ""
        manager = (level.manager.of(row.cells) if level.manager else "") or None
        new = UnitRow(
            external_id, name or external_id, number, level.kind, parent, manager, row.line
        )
        known = self.units.get(external_id)
        if known is not None:
            new = self._agreed(known, new)
        self.units[external_id] = new
        if manager is not None:
            self._manager(manager, level, new, row)
        return external_id

    def _agreed(self, known: UnitRow, new: UnitRow) -> UnitRow:
        """A manager that only one of the rows names is the manager."""
        if known.level != new.level:
            self._contradicts(
                new.line, known.line, f"the unit {new.external_id!r}", "is of another level",
                "give one of the levels a template, as in 'team {column}'",
            )  # fmt: skip
        for what, mine, other in (
            ("is below", known.parent, new.parent),
            ("is named", known.name, new.name),
            ("is managed by", known.manager, new.manager),
        ):
            if mine != other and (what != "is managed by" or (mine and other)):
                self._contradicts(
                    new.line, known.line, f"the unit {new.external_id!r}",
                    f"{what} {other!r} here and {mine!r}", "correct one of the rows",
                )  # fmt: skip
        return replace(known, manager=known.manager or new.manager)

    def _manager(self, external_id: str, level: Level, unit: UnitRow, row: Row) -> None:
        name = (level.manager_name.of(row.cells) if level.manager_name else "") or external_id
        if unit.level < self.manager_levels.get(external_id, len(self.mapping.units)):
            self.manager_levels[external_id] = unit.level
            self.managers[external_id] = MemberRow(
                external_id, name, unit.external_id, None, None, row.line
            )

    def _member(self, unit: str | None, row: Row) -> None:
        person = self.mapping.member
        external_id = person.external_id.of(row.cells)
        if not external_id:
            self.rows_without_member += 1
            return
        name = person.name.of(row.cells) if person.name else ""
        new = MemberRow(
            external_id, name or external_id, unit, self._day(person.joined_on, row),
            self._day(person.left_on, row), row.line,
        )  # fmt: skip
        known = self.members.setdefault(external_id, new)
        if replace(known, line=new.line) != new:
            self._contradicts(
                new.line, known.line, f"the member {external_id!r}",
                "has another name, unit or date", "an import names each member once",
            )  # fmt: skip

    def _day(self, rule: Day | None, row: Row) -> date | None:
        if rule is None:
            return None
        try:
            return rule.of(row.cells)
        except ValueError:
            form = rule.format or "2026-01-15"
            value = row.cells[rule.column][:60]
            self.file.refuse(row.line, f"column {rule.column!r}: {value!r} is not a date as {form}")

    def _contradicts(self, line: int, other: int, who: str, how: str, advice: str) -> None:
        self.file.refuse(line, f"{who} {how} in line {other}: {advice}")

    def finished(self) -> Organisation:
        extra = [self.managers[name] for name in self.managers if name not in self.members]
        units = sorted(self.units.values(), key=lambda unit: unit.level)
        members = [*self.members.values(), *extra]
        return Organisation(units, members, len(extra), self.rows_without_member)


def line_of(path: str | None, sent: Mapping[str, list[UnitRow] | list[MemberRow]]) -> int | None:
    """The line behind a refusal's path, such as `members.3.name`."""
    kind, _, rest = (path or "").removeprefix("body.").partition(".")
    number = rest.partition(".")[0]
    rows = sent.get(kind, [])
    return rows[int(number)].line if number.isdigit() and int(number) < len(rows) else None
