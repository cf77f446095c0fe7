"""The organisation equals a model that knows no index: it scans every row for every question."""

from collections import Counter
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.organisation import (
    Membership,
    Organisation,
    OrganisationInvalid,
    Placement,
    PlacementOverlap,
    SharesExceeded,
    TreeTooDeep,
    Unit,
    UnitCycle,
    UnitUnknown,
)

START = date(2026, 1, 1)
DAYS = [START + timedelta(days=n) for n in range(9)]
UNIT_IDS = [f"u{n}" for n in range(6)]
UNITS = [Unit(unit_id, unit_id) for unit_id in UNIT_IDS]
MEMBER_IDS = [f"m{n}" for n in range(4)]
MAX_DEPTH = 4


@st.composite
def spans(draw):
    first = draw(st.integers(0, 6))
    return DAYS[first], draw(st.none() | st.integers(first + 1, 8).map(DAYS.__getitem__))


@st.composite
def any_placements(draw):
    ids = st.sampled_from(UNIT_IDS)
    rows = draw(st.lists(st.tuples(ids, st.none() | ids, spans()), max_size=7))
    return [Placement(unit, above, *span) for unit, above, span in rows]


@st.composite
def tree_placements(draw):
    """Always valid: parents come from lower ids and all units stay from the first day on."""
    rows = []
    for n, unit_id in enumerate(UNIT_IDS):
        moves = sorted({0, *draw(st.lists(st.integers(1, 7), max_size=2))})
        for starts, ends in zip(moves, [*moves[1:], None], strict=True):
            above = draw(st.none() | st.sampled_from(UNIT_IDS[:n])) if n else None
            manager = draw(st.none() | st.sampled_from(MEMBER_IDS))
            until = None if ends is None else DAYS[ends]
            rows.append(Placement(unit_id, above, DAYS[starts], until, manager))
    return draw(st.permutations(rows))


@st.composite
def memberships(draw, most_bp=3_000):
    rows = st.tuples(
        st.sampled_from(MEMBER_IDS), st.sampled_from(UNIT_IDS), spans(), st.integers(1, most_bp)
    )
    return [
        Membership(member, unit, *span, share_bp)
        for member, unit, span, share_bp in draw(st.lists(rows, max_size=8))
    ]


def covers(row, on):
    return row.starts_on <= on < (row.ends_on or date.max)


class Model:
    def __init__(self, placements, rows, on):
        self.places = {p.unit_id: p for p in placements if covers(p, on)}
        self.rows = [r for r in rows if covers(r, on) and r.unit_id in self.places]

    def chain(self, unit_id):
        if unit_id not in self.places:
            return []
        above = self.places[unit_id].parent_id
        return [unit_id, *(self.chain(above) if above else [])]

    def subtree(self, unit_id):
        return {other for other in self.places if unit_id in self.chain(other)}

    def units_of(self, member_id):
        shares = Counter()
        for row in self.rows:
            if row.member_id == member_id:
                shares[row.unit_id] += row.share_bp
        return tuple(sorted(shares, key=lambda unit: (-shares[unit], unit)))

    def members_of(self, within):
        return {row.member_id for row in self.rows if row.unit_id in within}

    def manager_of(self, member_id):
        above = [u for unit in self.units_of(member_id) for u in self.chain(unit)]
        managers = [self.places[unit].manager_id for unit in above]
        return next((m for m in managers if m and m != member_id), None)


def fault(placements, rows):
    """The first kind of fault on any day, looked for in the order the build promises."""
    days = [*DAYS, date(2100, 1, 1)]
    for on in days:
        count = Counter(p.unit_id for p in placements if covers(p, on))
        if max(count.values(), default=0) > 1:
            return {PlacementOverlap, UnitUnknown}
    for on in days:
        model = Model(placements, rows, on)
        if any(p.parent_id and p.parent_id not in model.places for p in model.places.values()):
            return {UnitUnknown}
    faults = set()
    for on in days:
        try:
            deepest = max(map(len, map(Model(placements, rows, on).chain, UNIT_IDS)), default=0)
        except RecursionError:
            faults.add(UnitCycle)
        else:
            faults |= {TreeTooDeep} if deepest > MAX_DEPTH else set()
    if faults:
        return faults
    for on in days:
        shares = Counter()
        for row in rows:
            if covers(row, on):
                shares[row.member_id] += row.share_bp
        if max(shares.values(), default=0) > 10_000:
            return {SharesExceeded}
    return set()


@settings(max_examples=300, deadline=None)
@given(st.one_of(any_placements(), tree_placements()), memberships(most_bp=10_000))
def test_exactly_the_faulty_is_refused(placements, rows):
    expected = fault(placements, rows)
    try:
        Organisation.build(UNITS, placements, rows, max_depth=MAX_DEPTH)
    except OrganisationInvalid as refusal:
        found = {type(refusal)}
    else:
        found = set()
    assert found <= expected
    assert bool(found) == bool(expected)


@settings(deadline=None)
@given(tree_placements(), memberships(most_bp=1_250))
def test_every_answer_equals_the_models(placements, rows):
    org = Organisation.build(UNITS, placements, rows)
    for on in (START - timedelta(days=1), *DAYS):
        model = Model(placements, rows, on)
        for unit in UNIT_IDS:
            below = model.subtree(unit)
            assert org.ancestors(unit, on) == tuple(model.chain(unit)[1:])
            assert org.subtree(unit, on) == below
            assert org.members_of(unit, on, deep=True) == model.members_of(below)
            assert org.members_of(unit, on, deep=False) == model.members_of({unit})
        for member in MEMBER_IDS:
            assert org.units_of(member, on) == model.units_of(member)
            assert org.manager_of(member, on) == model.manager_of(member)
            managed = {u for u, place in model.places.items() if place.manager_id == member}
            assert org.managed_units(member, on) == managed
            for unit in UNIT_IDS:
                within = member in model.members_of(model.subtree(unit))
                assert org.is_in_subtree(member, unit, on) == within


@settings(deadline=None)
@given(tree_placements(), memberships(most_bp=1_250), st.data())
def test_the_order_of_rows_means_nothing(placements, rows, data):
    one = Organisation.build(UNITS, placements, rows)
    other = Organisation.build(
        data.draw(st.permutations(UNITS)),
        data.draw(st.permutations(placements)),
        data.draw(st.permutations(rows)),
    )
    for on in DAYS:
        for unit in UNIT_IDS:
            assert one.subtree(unit, on) == other.subtree(unit, on)
        for member in MEMBER_IDS:
            assert one.manager_of(member, on) == other.manager_of(member, on)
