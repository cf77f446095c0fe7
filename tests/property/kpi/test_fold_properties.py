"""A deal's history follows from the set of what was observed, however that arrived."""

import json
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kpi.domain import state as packing
from services.kpi.domain import transitions
from services.kpi.domain.funnel import effective_order
from services.kpi.domain.transitions import Conclusion, Observed, State, fold, history
from tests.support.histories import deals

CLOSED = {transitions.WON: "won", transitions.LOST: "lost"}


def essence(conclusions: list[Conclusion]) -> list[tuple[object, ...]]:
    """What conclusions say, without their ids and causes."""
    return [
        (c.type, c.effective_at, c.order, dict(c.payload))
        for c in sorted(conclusions, key=effective_order)
    ]


def again(item: list[Observed], number: int) -> list[Observed]:
    """The same item as it is observed a second time."""
    return [replace(observed, id=f"{observed.id}-{number}") for observed in item]


@st.composite
def arrivals(draw):
    """A deal's items tripled, shuffled and cut into appends; some are taken back somewhere."""
    deal = draw(deals())
    parcels = draw(st.permutations([n for n in range(len(deal)) for _ in range(3)]))
    retracted = draw(st.sets(st.sampled_from([item[0].source for item in deal]), max_size=2))
    appends: list[tuple[list[Observed], list[str]]] = [([], [])]
    taken: set[int] = set()
    for number, parcel in enumerate(parcels):
        if parcel in taken or draw(st.booleans()):
            appends.append(([], []))
            taken = set()
        taken.add(parcel)
        appends[-1][0].extend(again(deal[parcel], number))
    for source in sorted(retracted):
        appends[draw(st.integers(0, len(appends) - 1))][1].append(source)
    expected = [o for item in deal for o in item if o.source not in retracted]
    return expected, appends


def arrive(appends: list[tuple[list[Observed], list[str]]], *, stored: bool = False) -> State:
    """Fold one append after the other, as the append does, checking what it would write."""
    now, numbers = State(), count()
    for new, retracted in appends:
        if stored:
            now = packing.unpack(json.loads(json.dumps(packing.pack(now))))
        standing = {conclusion.id for conclusion in now.conclusions}
        result = fold(now, new, retracted)
        assert set(result.superseded) <= standing
        kept = {conclusion.id for conclusion in result.state.conclusions}
        assert kept == standing - set(result.superseded)
        fresh = [replace(c, id=f"c{next(numbers)}") for c in result.concluded]
        now = replace(result.state, conclusions=[*result.state.conclusions, *fresh])
    return now


@settings(max_examples=200, deadline=None)
@given(arrivals())
def test_the_standing_conclusions_follow_from_the_set(arrived):
    expected, appends = arrived
    assert essence(arrive(appends).conclusions) == essence(history(expected))


@settings(max_examples=60, deadline=None)
@given(arrivals())
def test_storing_the_state_between_appends_changes_nothing(arrived):
    _, appends = arrived
    kept, stored = arrive(appends), arrive(appends, stored=True)
    assert stored == kept


@settings(max_examples=60, deadline=None)
@given(arrivals())
def test_a_state_survives_json(arrived):
    state = arrive(arrived[1])
    assert packing.unpack(json.loads(json.dumps(packing.pack(state)))) == state
    assert packing.unpack(None) == State()


@settings(max_examples=60, deadline=None)
@given(deals())
def test_what_was_said_again_the_same_way_changes_nothing(deal):
    state = arrive([([o for item in deal for o in item], [])])
    for item in deal:
        result = fold(state, again(item, 1))
        assert (result.superseded, result.concluded) == ([], [])


@settings(max_examples=200, deadline=None)
@given(deals(most=8))
def test_a_history_tells_a_possible_life(deal):
    events = history(o for item in deal for o in item)
    assert [effective_order(e) for e in events] == sorted({effective_order(e) for e in events})
    shown, closed = False, None
    for event in events:
        stage = event.payload["stage"]
        if event.type in {transitions.CREATED, transitions.RESTORED}:
            assert not shown
            assert (event is events[0]) == (event.type == transitions.CREATED)
            shown = True
        else:
            assert shown
        if event.type == transitions.DELETED:
            shown = False
        if event.type in CLOSED:
            assert closed != CLOSED[event.type]
            assert stage["kind"] == CLOSED[event.type]
            closed = CLOSED[event.type]
        if event.type == transitions.REOPENED:
            assert closed is not None
            closed = None
        if event.type == transitions.RESTORED and (stage is None or stage["kind"] == "open"):
            closed = None
    if shown and events:
        stage = events[-1].payload["stage"]
        assert closed == (stage["kind"] if stage and stage["kind"] != "open" else None)


def test_the_oracle_notices_a_difference():
    one = history([Observed("o", "s", "delta", None, "unknown", {"product": "disk"})])
    other = history([Observed("o", "s", "delta", None, "unknown", {"product": "tape"})])
    with pytest.raises(AssertionError):
        assert essence(one) == essence(other)
