"""From what is known and what is stated to what changes; a pure difference.

The order of rows does not matter, and stating the same again changes nothing: units and members
get their ids first, then every row is compared with what is known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from services.kit.limits import TREE_DEPTH
from services.kit.organisation import (
    Membership,
    Organisation,
    Placement,
    TreeTooDeep,
    Unit,
    UnitCycle,
)
from services.targets.domain.moves import reopened, restated, within
from services.targets.domain.records import MemberRecord, MembershipOutside, UnitRecord
from services.targets.domain.statement import (
    MemberRow,
    RowInvalid,
    Statement,
    UnitRow,
    refuse_repeated,
    resolved,
)


@dataclass(frozen=True, slots=True)
class Difference:
    """Whole new states of what is new or changed; `units` and `members` know the ones before."""

    units: tuple[UnitRecord, ...]
    members: tuple[MemberRecord, ...]
    created: int
    changed: int
    unchanged: int


def difference(
    statement: Statement,
    units: Mapping[str, UnitRecord],
    members: Mapping[str, MemberRecord],
    new_id: Callable[[], str],
) -> Difference:
    """`units` are all the tenant's, `members` those the statement names; both by external id."""
    refuse_repeated("units", statement.units)
    refuse_repeated("members", statement.members)
    unit_ids = {name: unit.id for name, unit in units.items()}
    member_ids = {name: member.id for name, member in members.items()}
    for unit_row in statement.units:
        unit_ids.setdefault(statement.full(unit_row.external_id), new_id())
    for member_row in statement.members:
        member_ids.setdefault(statement.full(member_row.external_id), new_id())

    after = dict(units)
    for n, unit_row in enumerate(statement.units):
        name = statement.full(unit_row.external_id)
        after[name] = _unit(statement, n, unit_row, units.get(name), unit_ids, member_ids)
    if after != units:
        _refuse_no_tree(statement, after)
    first_placed = {u.id: min(p.starts_on for p in u.placements) for u in after.values()}

    said = [
        _member(statement, n, row, members.get(statement.full(row.external_id)), unit_ids,
                member_ids, first_placed)
        for n, row in enumerate(statement.members)
    ]  # fmt: skip
    new_units = tuple(unit for name, unit in after.items() if units.get(name) != unit)
    new_members = tuple(one for one in said if members.get(one.external_id) != one)
    created = sum(unit.external_id not in units for unit in new_units)
    created += sum(member.external_id not in members for member in new_members)
    differing = len(new_units) + len(new_members)
    rows = len(statement.units) + len(statement.members)
    return Difference(new_units, new_members, created, differing - created, rows - differing)


def _unit(
    statement: Statement, n: int, row: UnitRow, known: UnitRecord | None,
    unit_ids: Mapping[str, str], member_ids: Mapping[str, str],
) -> UnitRecord:  # fmt: skip
    name = statement.full(row.external_id)
    parent_id = resolved(
        statement, row.parent, unit_ids, path=f"units.{n}.parent_external_id", what="unit"
    )
    manager_id = resolved(
        statement, row.manager, member_ids, path=f"units.{n}.manager_external_id", what="member"
    )
    place = Placement(unit_ids[name], parent_id, statement.as_of, manager_id=manager_id)
    history = restated(known.placements if known else (), place, statement.as_of)
    return UnitRecord(unit_ids[name], name, row.name, row.kind, history)


def _member(
    statement: Statement, n: int, row: MemberRow, known: MemberRecord | None,
    unit_ids: Mapping[str, str], member_ids: Mapping[str, str], first_placed: Mapping[str, date],
) -> MemberRecord:  # fmt: skip
    name, as_of = statement.full(row.external_id), statement.as_of
    # Who is stated for a day has joined by then.
    joined_on = row.joined_on or (min(known.joined_on, as_of) if known else as_of)
    if row.left_on is not None and row.left_on <= joined_on:
        raise RowInvalid(
            f"{row.external_id!r} left on {row.left_on}, not after joining on {joined_on}: "
            "state joined_on, or an as_of before they left",
            path=f"members.{n}.left_on",
        )
    unit_id = resolved(
        statement, row.unit, unit_ids, path=f"members.{n}.unit_external_id", what="unit"
    )
    history = known.memberships if known else ()
    # What was known about days before as_of stays, so a return after it leaves the gap.
    if known and known.left_on not in (None, row.left_on) and as_of < known.left_on:
        history = reopened(history, known.left_on)
    starts_on = max(as_of, joined_on)
    if row.left_on is None or starts_on < row.left_on:
        if unit_id is not None and starts_on < first_placed[unit_id]:
            raise MembershipOutside(
                f"unit {row.unit!r} is part of the organisation from {first_placed[unit_id]} on, "
                f"and {row.external_id!r} would be in it from {starts_on}",
                path=f"members.{n}.unit_external_id",
            )
        place = unit_id and Membership(member_ids[name], unit_id, starts_on, share_bp=row.share_bp)
        history = restated(history, place or None, starts_on)
    history = within(history, joined_on, row.left_on)
    return MemberRecord(member_ids[name], name, row.name, joined_on, row.left_on, history)


def _refuse_no_tree(statement: Statement, after: Mapping[str, UnitRecord]) -> None:
    """A row is named where it closes a cycle or hangs too deep on the stated day."""
    by_id = {unit.id: unit for unit in after.values()}
    above = {
        unit.id: next((p.parent_id for p in unit.placements if _holds(p, statement.as_of)), None)
        for unit in after.values()
    }
    for n, row in enumerate(statement.units):
        path, parent_id = [after[statement.full(row.external_id)].id], None
        while (parent_id := above.get(path[-1])) is not None:
            where = f"units.{n}.parent_external_id"
            if parent_id == path[0]:
                names = " → ".join(by_id[unit_id].external_id for unit_id in [*path, parent_id])
                raise UnitCycle(f"units lie below themselves: {names}", path=where)
            if parent_id in path:
                break  # below a cycle; the stated row that closed it is named
            path.append(parent_id)
            if len(path) > TREE_DEPTH:
                raise TreeTooDeep(
                    f"{row.external_id!r} is over {TREE_DEPTH} units deep",
                    path=where,
                )
    # Later days, and what hangs below the stated rows. External ids, so that messages are readable.
    placements = [
        Placement(
            unit.external_id, by_id[p.parent_id].external_id if p.parent_id else None,
            p.starts_on, p.ends_on,
        )
        for unit in after.values()
        for p in unit.placements
    ]  # fmt: skip
    Organisation.build([Unit(name, name) for name in after], placements, [])


def _holds(place: Placement, on: date) -> bool:
    return place.starts_on <= on and (place.ends_on is None or on < place.ends_on)
