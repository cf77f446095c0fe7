"""A forecast stays between what is won and what could be, whatever the funnel looks like."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.kpi.domain import forecast as ahead
from services.kpi.domain.bottlenecks import Cohort, bottlenecks
from services.kpi.domain.forecast import Span, Standing

FIRST = date(2026, 1, 1)
_standing = st.lists(
    st.builds(
        Standing, st.sampled_from(["lead", "intent", "talks"]), st.integers(0, 50),
        st.integers(0, 10**12),
    ),
    max_size=3, unique_by=lambda one: one.stage,
)  # fmt: skip
_closings = st.tuples(st.integers(-2, 60), st.integers(-2, 60))
_chances = st.dictionaries(
    st.sampled_from(["lead", "intent", "talks"]), st.builds(ahead.chance, _closings, _closings)
)
_spans = st.builds(
    lambda days, today: Span(
        FIRST, FIRST + timedelta(days), None if today is None else FIRST + timedelta(today)
    ),
    st.integers(0, 366), st.none() | st.integers(-30, 400),
)  # fmt: skip


@given(st.integers(-(10**12), 10**12), _standing, _chances, _spans)
def test_the_range_holds_the_weighted_figure(won, standing, chances, span):
    found = ahead.forecast(won, standing, chances, span)
    everything = won + sum(one.amount_minor for one in standing)
    assert won <= found.low_minor <= found.weighted_minor <= found.high_minor <= everything


@given(st.integers(-(10**12), 10**12), _standing, _chances, _spans)
def test_over_is_over(won, standing, chances, span):
    found = ahead.forecast(won, standing, chances, span)
    if span.is_over:
        assert {*vars_of(found)} == {won}
    elif span.today == span.last:
        assert found.run_rate_minor == won


def vars_of(found: ahead.Forecast) -> list[int | None]:
    return [found.weighted_minor, found.run_rate_minor, found.low_minor, found.high_minor]


@given(_standing, _chances)
def test_the_order_of_the_stages_does_not_matter(standing, chances):
    span = Span(FIRST, FIRST + timedelta(30), FIRST)
    there, back = (ahead.forecast(7, s, chances, span) for s in (standing, standing[::-1]))
    assert there == back


_cohorts = st.integers(0, 500).flatmap(
    lambda entered: st.builds(
        Cohort, st.just(entered), st.integers(0, entered), st.integers(0, 10**12)
    )
)
_by_stage = st.dictionaries(st.sampled_from("abc"), _cohorts)


@given(_by_stage, _by_stage)
def test_at_stake_is_a_part_of_what_entered(now, usual):
    found = bottlenecks("abc", now, usual)
    assert [b.at_stake_minor for b in found] == sorted(
        (b.at_stake_minor for b in found), reverse=True
    )
    for each in found:
        assert 0 <= each.at_stake_minor <= now[each.stage].entered_minor
        assert each.conversion <= each.usual
