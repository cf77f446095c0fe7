"""Importing: idempotent, blind to the order of rows, and moves never overlap."""

import itertools
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.errors import Refusal
from services.kit.organisation import Membership, Organisation, Unit
from services.targets.domain.imports import difference
from services.targets.domain.moves import restated, within
from services.targets.domain.statement import MemberRow, Statement, UnitRow

START = date(2026, 1, 1)
DAYS = [START + timedelta(days=n) for n in range(12)]
UNITS, PEOPLE = [f"u{n}" for n in range(5)], [f"m{n}" for n in range(4)]
days = st.sampled_from(DAYS)
some = {"max_size": 5}


def nothing_or(values):
    return st.none() | st.sampled_from(values)


@st.composite
def statements(draw):
    units = draw(st.lists(st.sampled_from(UNITS), unique=True, **some))
    people = draw(st.lists(st.sampled_from(PEOPLE), unique=True, **some))
    return Statement(
        "hr",
        draw(days),
        tuple(
            UnitRow(name, draw(st.sampled_from("ab")), draw(nothing_or(units)),
                    draw(nothing_or(people)) if people else None)
            for name in units
        ),
        tuple(
            MemberRow(name, draw(st.sampled_from("ab")), draw(nothing_or(UNITS)),
                      draw(st.none() | days), draw(st.none() | days))
            for name in people
        ),
    )  # fmt: skip


class Stored:
    """What a database would hold: applies differences, hands out ids."""

    def __init__(self):
        self.units, self.members = {}, {}
        self._numbers = itertools.count()

    def take(self, statement):
        try:
            change = difference(
                statement, self.units, self.members, lambda: str(next(self._numbers))
            )
        except Refusal:
            return None
        self.units |= {unit.external_id: unit for unit in change.units}
        self.members |= {member.external_id: member for member in change.members}
        return change

    def readable(self):
        """The same with external ids for ids, so that two stores compare."""
        name = {one.id: one.external_id for one in [*self.units.values(), *self.members.values()]}
        name[None] = None
        return (
            {u.external_id: (u.name, [(name[p.parent_id], name[p.manager_id], p.starts_on, p.ends_on)
                                      for p in u.placements]) for u in self.units.values()},
            {m.external_id: (m.name, m.joined_on, m.left_on,
                             [(name[s.unit_id], s.starts_on, s.ends_on) for s in m.memberships])
             for m in self.members.values()},
        )  # fmt: skip


histories = st.lists(statements(), min_size=1, max_size=4)


@given(histories)
@settings(max_examples=300, deadline=None)
def test_stating_the_same_again_changes_nothing(history):
    stored = Stored()
    for statement in history:
        if stored.take(statement) is None:
            continue
        before = stored.readable()
        again = stored.take(statement)
        assert again is not None
        assert (again.created, again.changed) == (0, 0)
        assert again.unchanged == len(statement.units) + len(statement.members)
        assert stored.readable() == before


@given(histories, st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_the_order_of_rows_does_not_matter(history, random):
    straight, shuffled = Stored(), Stored()
    for statement in history:
        other = replace(
            statement,
            units=tuple(random.sample(statement.units, len(statement.units))),
            members=tuple(random.sample(statement.members, len(statement.members))),
        )
        one, two = straight.take(statement), shuffled.take(other)
        assert (one is None) == (two is None)
    assert straight.readable() == shuffled.readable()


@given(histories)
@settings(max_examples=300, deadline=None)
def test_what_is_taken_is_always_an_organisation(history):
    stored = Stored()
    for statement in history:
        before = stored.readable()
        if stored.take(statement) is None:
            assert stored.readable() == before
            continue
        # The kit refuses overlaps, cycles, and places without a parent.
        organisation = Organisation.build(
            [Unit(unit.id, unit.name) for unit in stored.units.values()],
            [place for unit in stored.units.values() for place in unit.placements],
            [span for member in stored.members.values() for span in member.memberships],
        )
        for member in stored.members.values():
            for on in DAYS:
                there = member.joined_on <= on and (member.left_on is None or on < member.left_on)
                assert there or organisation.units_of(member.id, on) == ()
        for row in statement.members:
            member = stored.members[statement.full(row.external_id)]
            if member.joined_on <= statement.as_of and (
                member.left_on is None or statement.as_of < member.left_on
            ):
                expected = (stored.units[statement.full(row.unit)].id,) if row.unit else ()
                assert organisation.units_of(member.id, statement.as_of) == expected


moves = st.lists(st.tuples(st.sampled_from("xyz"), days), max_size=8)


@given(moves)
def test_moves_never_overlap_and_leave_earlier_days_alone(asked):
    history = ()
    for unit, on in asked:
        before = history
        history = restated(history, Membership("m", unit, on), on)
        for day in DAYS:
            held = [s for s in history if s.starts_on <= day and (not s.ends_on or day < s.ends_on)]
            assert len(held) <= 1
            if day == on:
                assert [span.unit_id for span in held] == [unit]
            if day < on:
                known = [
                    s for s in before if s.starts_on <= day and (not s.ends_on or day < s.ends_on)
                ]
                assert [s.unit_id for s in held] == [s.unit_id for s in known]
        assert restated(history, Membership("m", unit, on), on) == history
        # What is next to each other differs, or there is a day between.
        for earlier, later in itertools.pairwise(history):
            assert earlier.unit_id != later.unit_id or earlier.ends_on != later.starts_on
        assert within(history, DAYS[0], None) == history
