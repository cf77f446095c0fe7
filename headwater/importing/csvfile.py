"""A CSV export, read strictly: whatever cannot be a row is refused with its line, before any is sent.

The header names the columns. UTF-8, with or without a byte order mark; the separator (comma,
semicolon or tab) is the one that the header uses. Empty lines are passed over, and so are empty
cells beyond the header, which spreadsheets leave behind.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TextIO

from services.kit import limits
from services.kit.errors import Invalid

CELL_CHARACTERS = 1 << 20
_SEPARATORS = ",;\t"


class FileInvalid(Invalid):
    """The file cannot be imported; `path` is the line at fault."""

    code = "file_invalid"


@dataclass(frozen=True, slots=True)
class Row:
    """Cells by column; `line` is the row's first line in the file, the header's being 1."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A file whose every row was found sound."""

    path: Path
    columns: tuple[str, ...]
    rows: int

    def __iter__(self) -> Iterator[Row]:
        return _rows(self.path)

    def refuse(self, line: int, what: str) -> NoReturn:
        refuse(self.path, line, what)


def refuse(path: Path, line: int, what: str) -> NoReturn:
    raise FileInvalid(f"{path.name}, line {line}: {what}", path=f"line {line}")


def checked(path: Path) -> CsvFile:
    """Read the file once to its end, so that a fault in its last line stops the import too."""
    rows = sum(1 for _ in _rows(path))
    if not rows:
        raise FileInvalid(f"{path.name} has a header and no rows")
    with path.open(encoding="utf-8-sig", newline="") as file:
        _, names = _header(path, file)
    return CsvFile(path, tuple(name for name in names if name), rows)


def _rows(path: Path) -> Iterator[Row]:
    csv.field_size_limit(limits.IMPORT_BODY_BYTES)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            records, names = _header(path, file)
            yield from _sound(path, records, names)
    except UnicodeDecodeError:
        _refuse_encoding(path)


def _header(path: Path, file: TextIO) -> tuple[Iterator[tuple[int, list[str]]], list[str]]:
    """The records after the header, and its names ("" where a column has none)."""
    first = file.readline()
    separator = max(_SEPARATORS, key=first.count)
    file.seek(0)
    records = _numbered(path, file, separator)
    line, header = next(records, (1, []))
    names = [name.strip() for name in header]
    while names and not names[-1]:
        names.pop()
    if not names:
        refuse(path, line, "a header with the names of the columns belongs here")
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        refuse(path, line, f"the column {twice!r} is there twice")
    return records, names


def _numbered(path: Path, file: TextIO, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line on which it begins."""
    reader = csv.reader(file, delimiter=separator, strict=True)
    line = 1
    while True:
        try:
            record = next(reader, None)
        except csv.Error as wrong:
            refuse(path, line, f"{wrong}: is a quotation mark open or in the wrong place?")
        if record is None:
            return
        if record:
            yield line, record
        line = reader.line_num + 1


def _sound(path: Path, records: Iterator[tuple[int, list[str]]], names: list[str]) -> Iterator[Row]:
    width = len(names)
    unnamed = [position for position, name in enumerate(names) if not name]
    for line, cells in records:
        if len(cells) < width:
            what = f"{len(cells)} cells, but the header names {width} columns"
            refuse(path, line, f"{what}: {names[len(cells)]!r} and what follows are missing")
        if len(cells) > width and any(cells[width:]):
            refuse(path, line, f"{len(cells)} cells, but the header names {width} columns")
        for position in unnamed:
            if cells[position]:
                refuse(path, line, f"column {position + 1} has a value, but no name in the header")
        row = {name: cell for name, cell in zip(names, cells, strict=False) if name}
        for name, cell in row.items():
            if len(cell) > CELL_CHARACTERS:
                refuse(path, line, f"column {name!r} has over {CELL_CHARACTERS:,} characters")
            if "\0" in cell:
                refuse(path, line, f"column {name!r} has a NUL character, which cannot be stored")
        yield Row(line, row)


def _refuse_encoding(path: Path) -> NoReturn:
    """Decoding fails somewhere in a block: find the line."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                raw.decode()
            except UnicodeDecodeError:
                refuse(path, number, "this is not UTF-8: save the file as CSV UTF-8")
    raise FileInvalid(f"{path.name} is not UTF-8: save the file as CSV UTF-8")
