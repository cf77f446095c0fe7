"""Planning classes: fixed means fixed."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.customers.domain.customer import World, derive
from services.kit.period import Calendar
from tests.support.accounts import standing
from tests.support.lives import DAYS, WALL, lives, policies


@given(lives(), policies(), DAYS, st.integers(0, 400), st.integers(1, 12))
def test_what_happens_later_changes_no_class_that_is_fixed(life, versions, today, days, month):
    later = min(today + timedelta(days=days), date(2029, 1, 1))
    calendar = Calendar(fiscal_start_month=month)
    world = World(WALL, "CNY", calendar, versions, date(2026, 1, 1), today)
    known = [one for one in life if one.at is None or WALL.day_of(one.at) <= today]
    before = derive("acme", standing(*known), set(), world).dated.classes
    after = derive("acme", standing(*life), set(), replace(world, today=later)).dated.classes
    assert after[: len(before)] == before
    starts = [fix.effective_on for fix in after]
    assert starts == sorted(set(starts))
