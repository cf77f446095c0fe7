"""Tiers: the history agrees with each day asked alone, whatever the order of what is known."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.customers.domain.customer import World, derive
from services.customers.domain.records import book
from services.customers.domain.tiers import history, tier_on, value_on
from services.kit.period import Calendar
from tests.support.accounts import standing
from tests.support.lives import DAYS, WALL, lives, policies


@given(lives(), policies(), DAYS)
def test_the_history_is_what_each_day_alone_would_say(life, versions, until):
    made = book(standing(*life), WALL, "CNY")
    changes = history(made, versions, until)
    for day in (date(2025, 12, 31) + timedelta(days=n) for n in range(0, 730, 7)):
        if day <= until:
            at = [change for change in changes if change.effective_on <= day]
            assert (at[-1].tier if at else None) == tier_on(made, versions, day)
    for change in changes:
        assert change.tier == tier_on(made, versions, change.effective_on)
        assert change.value_minor == value_on(made, change.basis, change.effective_on)
        assert change.effective_on <= until
        assert change.causes
    assert all(before.tier == after.from_tier for before, after in pairwise(changes))
    assert all(change.tier != change.from_tier for change in changes)


@given(lives(), policies(), DAYS, st.randoms(use_true_random=False))
def test_the_order_in_which_it_became_known_does_not_matter(life, versions, today, random):
    world = World(WALL, "CNY", Calendar(), versions, date(2026, 1, 1), today)
    shuffled = list(life)
    random.shuffle(shuffled)
    assert derive("acme", standing(*life), set(), world) == derive(
        "acme", standing(*shuffled), set(), world
    )


@given(lives(), policies(), DAYS, st.integers(0, 120))
def test_nothing_changes_before_the_day_that_was_named(life, versions, today, ahead):
    world = World(WALL, "CNY", Calendar(), versions, date(2026, 1, 1), today)
    now = derive("acme", standing(*life), set(), world)
    assert now.next_change_on is not None
    assert now.next_change_on > today
    later = min(today + timedelta(days=ahead), now.next_change_on - timedelta(days=1))
    then = derive("acme", standing(*life), set(), replace(world, today=later))
    assert then == now
