from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.period import (
    Calendar,
    Period,
    PeriodInvalid,
    business_day,
    children,
    local_midnight,
    parent,
    previous,
)

calendars = st.builds(
    Calendar,
    fiscal_start_month=st.integers(1, 12),
    week_rule=st.sampled_from(["iso_clipped", "month_quarters"]),
)
years = st.integers(1901, 2199)
zones = st.sampled_from(
    ["Asia/Shanghai", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Cairo",
     "Asia/Kathmandu", "Pacific/Apia", "Europe/London"]
).map(ZoneInfo)  # fmt: skip


def below(period, calendar):
    yield period
    for child in children(period, calendar):
        yield from below(child, calendar)


@settings(deadline=None)  # a whole year of days is walked
@given(years, calendars)
def test_children_tile_their_parent_and_know_it(year, calendar):
    seen = 0
    for period in below(Period.parse(str(year), calendar), calendar):
        tiles = children(period, calendar)
        for child in tiles:
            assert parent(child, calendar) == period
        if tiles:
            assert (tiles[0].first, tiles[-1].last) == period.span
            for left, right in pairwise(tiles):
                assert right.first - left.last == timedelta(days=1)
        seen += period.kind == "day"
    assert seen in (365, 366)


@settings(deadline=None)  # a whole year of days is walked
@given(years, calendars)
def test_parse_undoes_str(year, calendar):
    for period in below(Period.parse(str(year), calendar), calendar):
        assert Period.parse(str(period), calendar) == period


@given(st.dates(date(1900, 1, 1), date(2200, 12, 28)), calendars)
def test_an_iso_week_is_monday_to_sunday_in_every_calendar(day, calendar):
    iso = day.isocalendar()
    week = Period.parse(f"{iso.year}-W{iso.week:02d}", calendar)
    assert week.contains(day)
    assert [d.isoweekday() for d in week.dates()] == list(range(1, 8))
    assert [d.first for d in children(week, calendar)] == list(week.dates())


@given(st.dates(date(1900, 1, 1), date(2200, 12, 31)))
def test_clipped_pieces_change_on_mondays_and_first_days_only(day):
    calendar = Calendar()
    piece = parent(Period.parse(day.isoformat(), calendar), calendar)
    assert piece.contains(day)
    assert piece.days <= 7
    assert piece.first.day == 1 or piece.first.isoweekday() == 1
    assert piece.last.isoweekday() == 7 or (piece.last + timedelta(days=1)).day == 1


code_like = st.from_regex(r"[0-9]{4}(-(Q[0-9]|W?[0-9]{2}(-(W[0-9]|[0-9]{2}))?))?", fullmatch=True)


@given(st.one_of(code_like, st.text(max_size=12)))
def test_a_code_is_a_period_that_prints_as_itself_or_refused(code):
    try:
        period = Period.parse(code, Calendar())
    except PeriodInvalid:
        return
    assert str(period) == code
    assert period.first <= period.last


@given(st.dates(date(1970, 1, 1), date(2100, 1, 1)), zones)
def test_a_day_starts_at_its_first_instant(day, zone):
    start = local_midnight(day, zone)
    assert start.tzinfo is UTC
    assert business_day(start - timedelta(seconds=1), zone) < day
    # Not equal only for a day that a zone skipped: it starts, and ends, with the next one.
    assert business_day(start, zone) == day or start == local_midnight(
        day + timedelta(days=1), zone
    )


@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)), zones)  # noqa: DTZ001
def test_an_instant_lies_between_its_days_midnights(naive, zone):
    instant = naive.replace(tzinfo=UTC)
    day = business_day(instant, zone)
    assert local_midnight(day, zone) <= instant < local_midnight(day + timedelta(days=1), zone)


@settings(deadline=None)  # a whole year of days is walked
@given(years, calendars)
def test_the_previous_period_ends_the_day_before_and_is_of_the_same_kind(year, calendar):
    walked = [*below(Period.parse(str(year), calendar), calendar)]
    for period in [*walked, Period.parse(f"{year}-W01", calendar)]:
        before = previous(period, calendar)
        assert before.kind == period.kind
        assert period.first - before.last == timedelta(days=1)
        assert Period.parse(before.code, calendar) == before


@given(calendars)
def test_nothing_comes_before_the_first_year(calendar):
    first = Period.parse("1900", calendar)
    with pytest.raises(PeriodInvalid):
        previous(first, calendar)
