"""What was told ends up saying what is so, on every day, in as few statements as can be."""

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.customers.domain.telling import corrections, holds_on

START = date(2026, 1, 1)
DAYS = st.integers(0, 20).map(lambda n: START + timedelta(days=n))
VALUES = st.sampled_from([None, "basic", "growth", "strategic"])
TOLD = st.dictionaries(DAYS, VALUES, max_size=8)


@st.composite
def histories(draw):
    """Steps of which each differs from the one before it, from nothing."""
    days = sorted(draw(st.sets(DAYS, max_size=8)))
    steps, before = [], None
    for day in days:
        value = draw(VALUES.filter(lambda value, before=before: value != before))
        steps.append((day, value))
        before = value
    return steps


def so_on(steps, day):
    return next((value for on, value in reversed(steps) if on <= day), None)


@given(TOLD, histories())
def test_after_the_corrections_every_day_holds_what_is_so(told, steps):
    after = dict(told) | dict(corrections(told, steps))
    for n in range(-1, 25):
        day = START + timedelta(days=n)
        assert holds_on(after, day) == so_on(steps, day)


@given(TOLD, histories())
def test_nothing_is_told_twice(told, steps):
    after = dict(told) | dict(corrections(told, steps))
    assert corrections(after, steps) == []


@given(histories())
def test_who_was_told_nothing_is_told_each_change_once(steps):
    assert corrections({}, steps) == steps
    assert all(before[1] != after[1] for before, after in pairwise(steps))


@given(st.lists(histories(), max_size=4))
def test_many_corrections_are_as_good_as_one(versions):
    told = {}
    for steps in versions:
        told |= dict(corrections(told, steps))
    last = versions[-1] if versions else []
    for n in range(-1, 25):
        day = START + timedelta(days=n)
        assert holds_on(told, day) == so_on(last, day)
