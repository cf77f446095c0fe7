"""A statement of the organisation: what another system says holds from a day on.

Each row says everything about one unit or member, by external id, except that a missing
`joined_on` keeps the known one. Units and members that no row names stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.kit.errors import Invalid
from services.kit.organisation.dated import WHOLE_BP


class RowInvalid(Invalid):
    """A row of an import that cannot be taken; `path` names it."""

    code = "row_invalid"


class ReferenceUnknown(RowInvalid):
    """A row names a unit or member that neither the import nor the organisation has."""

    code = "reference_unknown"


class RowRepeated(RowInvalid):
    """Two rows of one import have the same external id."""

    code = "row_repeated"


@dataclass(frozen=True, slots=True)
class UnitRow:
    external_id: str
    name: str
    parent: str | None = None
    manager: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class MemberRow:
    external_id: str
    name: str
    unit: str | None = None
    joined_on: date | None = None
    left_on: date | None = None
    share_bp: int = WHOLE_BP


@dataclass(frozen=True, slots=True)
class Statement:
    """External ids in the rows are the connection's own, without its name."""

    connection: str
    as_of: date
    units: tuple[UnitRow, ...] = ()
    members: tuple[MemberRow, ...] = ()

    def full(self, external_id: str) -> str:
        return f"{self.connection}:{external_id}"

    def readings(self, reference: str) -> tuple[str, str]:
        """What a reference may mean: this connection's id first, then a full external id."""
        return self.full(reference), reference

    def member_names(self) -> frozenset[str]:
        """Every external id under which the statement may mean a member."""
        managers = (row.manager for row in self.units if row.manager is not None)
        references = (name for manager in managers for name in self.readings(manager))
        return frozenset([*(self.full(row.external_id) for row in self.members), *references])


def resolved(
    statement: Statement, reference: str | None, ids: Mapping[str, str], *, path: str, what: str
) -> str | None:
    """The id behind a reference, or a refusal that names its row."""
    if reference is None:
        return None
    for name in statement.readings(reference):
        if name in ids:
            return ids[name]
    raise ReferenceUnknown(
        f"no {what} {reference!r} in this import or in the organisation", path=path
    )


def refuse_repeated(kind: str, rows: Sequence[UnitRow | MemberRow]) -> None:
    seen: dict[str, int] = {}
    for n, row in enumerate(rows):
        first = seen.setdefault(row.external_id, n)
        if first != n:
            raise RowRepeated(
                f"{row.external_id!r} is in row {first} already: an import names each one once",
                path=f"{kind}.{n}.external_id",
            )
