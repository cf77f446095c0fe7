"""What stands of a subject follows from its entries; storing it loses nothing."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.kit import standing
from services.kit.standing import SUPERSEDED, Entry


def entry(number, at=None, order=0, supersedes=(), type_="deal.won.v1", kind="conclusion"):
    return Entry(number, f"e{number}", kind, type_, "deal:crm:1", at, supersedes, {"order": order})


def test_a_conclusion_stands_until_it_is_superseded():
    left = standing.apply({}, entry(1))
    left = standing.apply(left, entry(2))
    left = standing.apply(left, entry(3, supersedes=("e1",), type_=SUPERSEDED))
    assert sorted(left) == ["e2"]


def test_facts_and_observations_change_nothing():
    assert standing.apply({}, entry(1, kind="fact")) == {}
    assert standing.apply({}, entry(1, kind="observation")) == {}


def test_order_is_by_time_then_place_and_the_undated_come_first():
    at = datetime(2026, 1, 5, tzinfo=UTC)
    entries = [entry(1, at, 1), entry(2, at, 0), entry(3)]
    assert [one.id for one in standing.in_order(entries)] == ["e3", "e2", "e1"]


@given(st.lists(st.tuples(st.datetimes(timezones=st.just(UTC)) | st.none(), st.integers(0, 3))))
def test_packing_loses_nothing(dated):
    stands = {f"e{n}": entry(n, at, order) for n, (at, order) in enumerate(dated)}
    assert standing.unpack("deal:crm:1", standing.pack(stands)) == stands
