from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from services.kit.period import (
    Calendar,
    Period,
    PeriodInvalid,
    business_day,
    children,
    local_midnight,
    parent,
    pieces,
)

PLAIN = Calendar()
APRIL = Calendar(fiscal_start_month=4)
QUARTERS = Calendar(week_rule="month_quarters")
SHANGHAI = ZoneInfo("Asia/Shanghai")


def codes(periods):
    return [period.code for period in periods]


@pytest.mark.parametrize(
    ("code", "calendar", "kind", "first", "last"),
    [
        ("2026", PLAIN, "year", "2026-01-01", "2026-12-31"),
        ("2026", APRIL, "year", "2026-04-01", "2027-03-31"),
        ("2026-Q1", PLAIN, "quarter", "2026-01-01", "2026-03-31"),
        ("2026-Q1", APRIL, "quarter", "2026-04-01", "2026-06-30"),
        ("2026-Q4", APRIL, "quarter", "2027-01-01", "2027-03-31"),
        ("2026-01", APRIL, "month", "2026-01-01", "2026-01-31"),
        ("2028-02", PLAIN, "month", "2028-02-01", "2028-02-29"),
        ("2026-01-W1", PLAIN, "week", "2026-01-01", "2026-01-04"),
        ("2026-01-W5", PLAIN, "week", "2026-01-26", "2026-01-31"),
        ("2026-01-W4", QUARTERS, "week", "2026-01-22", "2026-01-31"),
        ("2026-W03", PLAIN, "iso_week", "2026-01-12", "2026-01-18"),
        ("2026-W01", PLAIN, "iso_week", "2025-12-29", "2026-01-04"),
        ("2026-W53", PLAIN, "iso_week", "2026-12-28", "2027-01-03"),
        ("2026-01-15", PLAIN, "day", "2026-01-15", "2026-01-15"),
        ("1900", PLAIN, "year", "1900-01-01", "1900-12-31"),
        ("2200-12-31", PLAIN, "day", "2200-12-31", "2200-12-31"),
    ],
)
def test_what_a_code_names(code, calendar, kind, first, last):
    expected = Period(code, kind, date.fromisoformat(first), date.fromisoformat(last))
    assert Period.parse(code, calendar) == expected


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("2026-Q0", "quarters are 1 to 4, not 0"),
        ("2026-Q5", "quarters are 1 to 4, not 5"),
        ("2026-00", "months are 1 to 12, not 0"),
        ("2026-13", "months are 1 to 12, not 13"),
        ("2026-02-29", "days of that month are 1 to 28, not 29"),
        ("2026-01-00", "days of that month are 1 to 31, not 0"),
        ("2026-01-W6", "week pieces by iso_clipped are 1 to 5, not 6"),
        ("2026-01-W0", "week pieces by iso_clipped are 1 to 5, not 0"),
        ("2025-W53", "ISO weeks of that year are 1 to 52, not 53"),
        ("2026-W00", "ISO weeks of that year are 1 to 53, not 0"),
        ("1899-12-31", "years are 1900 to 2200"),
        ("2201", "years are 1900 to 2200"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_shows_the_forms(code, why):
    with pytest.raises(PeriodInvalid, match=why) as refusal:
        Period.parse(code, PLAIN)
    assert "2026-01-W1" in str(refusal.value)


@pytest.mark.parametrize(
    "code",
    ["", "26", "2026-1", "2026-W3", "2026-q1", "2026-01-w1", "2026-01-1", " 2026", "2026\n", "２０２６",
     "2026-Q1-01", "2026/01", "2026-01-15T00", "2026-W03-1", "x" * 10_000],
)  # fmt: skip
def test_other_forms_are_refused_briefly(code):
    with pytest.raises(
        PeriodInvalid, match="is not a period; write one of 2026 · 2026-Q1"
    ) as refusal:
        Period.parse(code, PLAIN)
    assert len(str(refusal.value)) < 200


def test_no_day_of_a_period_leaves_the_limits():
    with pytest.raises(PeriodInvalid, match="1900–2200"):
        Period.parse("2200", APRIL)
    with pytest.raises(PeriodInvalid, match="years are 1900"):
        parent(Period.parse("1900-01", APRIL), APRIL)


@pytest.mark.parametrize(
    "wrong",
    [{"fiscal_start_month": 0}, {"fiscal_start_month": 13}, {"week_rule": "4-4-5"}],
)
def test_a_calendar_is_checked(wrong):
    with pytest.raises(PeriodInvalid):
        Calendar(**wrong)


def test_january_2026_in_pieces():
    january = Period.parse("2026-01", PLAIN)
    assert [piece.days for piece in pieces(january, PLAIN)] == [4, 7, 7, 7, 6]
    assert [piece.days for piece in pieces(january, QUARTERS)] == [7, 7, 7, 10]


@pytest.mark.parametrize(
    ("month", "days"),
    [
        ("2026-06", [7, 7, 7, 7, 2]),
        ("2027-02", [7, 7, 7, 7]),
        ("2026-03", [1, 7, 7, 7, 7, 2]),
        ("2026-08", [2, 7, 7, 7, 7, 1]),
    ],
)
def test_iso_pieces_of_months_whose_ends_are_mondays_or_sundays(month, days):
    assert [piece.days for piece in pieces(Period.parse(month, PLAIN), PLAIN)] == days


def test_one_level_down():
    def down(code, calendar=APRIL):
        return codes(children(Period.parse(code, calendar), calendar))

    assert down("2026") == ["2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4"]
    assert down("2026-Q3") == ["2026-10", "2026-11", "2026-12"]
    assert down("2026-Q4") == ["2027-01", "2027-02", "2027-03"]
    assert down("2026-Q4", Calendar(fiscal_start_month=2)) == ["2026-11", "2026-12", "2027-01"]
    assert down("2026-01") == [f"2026-01-W{n}" for n in range(1, 6)]
    assert down("2026-01-W1") == ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]
    assert down("2026-W01")[:4] == ["2025-12-29", "2025-12-30", "2025-12-31", "2026-01-01"]
    assert down("2026-01-15") == []


def test_one_level_up():
    path, period = [], Period.parse("2027-01-15", APRIL)
    while period is not None:
        path.append(period.code)
        period = parent(period, APRIL)
    assert path == ["2027-01-15", "2027-01-W3", "2027-01", "2026-Q4", "2026"]
    assert parent(Period.parse("2026-W03", PLAIN), PLAIN) is None


def test_the_days_of_a_period():
    week = Period.parse("2026-01-W1", PLAIN)
    assert week.contains(date(2026, 1, 1))
    assert week.contains(date(2026, 1, 4))
    assert not week.contains(date(2025, 12, 31))
    assert not week.contains(date(2026, 1, 5))
    assert list(week.dates()) == [date(2026, 1, n) for n in range(1, 5)]
    assert week.span == (date(2026, 1, 1), date(2026, 1, 4))
    assert str(week) == "2026-01-W1"


def test_pieces_are_of_months_only():
    with pytest.raises(AssertionError):
        pieces(Period.parse("2026", PLAIN), PLAIN)


def test_the_business_day_is_the_tenants():
    assert business_day(datetime(2026, 1, 14, 15, 59, 59, tzinfo=UTC), SHANGHAI) == date(
        2026, 1, 14
    )
    assert business_day(datetime(2026, 1, 14, 16, tzinfo=UTC), SHANGHAI) == date(2026, 1, 15)


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 1, 14),  # noqa: DTZ001 — the refusal of a naive time is what is tested
        datetime(2026, 1, 14, tzinfo=timezone(timedelta(hours=8))),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, tzinfo=UTC),
    ],
)
def test_only_utc_instants_within_the_limits_have_a_business_day(instant):
    with pytest.raises(PeriodInvalid):
        business_day(instant, SHANGHAI)


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        ("Asia/Shanghai", "2026-01-15", "2026-01-14T16:00:00+00:00"),
        ("UTC", "2026-01-15", "2026-01-15T00:00:00+00:00"),
        # São Paulo jumped from 00:00 to 01:00: the day starts with the jump.
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00+00:00"),
        # Toronto jumped from 23:30 to 00:30: midnight lies inside the jump, the day starts at 00:30.
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00+00:00"),
        # Havana goes from 01:00 back to 00:00: midnight happens twice, the first counts.
        ("America/Havana", "2024-11-03", "2024-11-03T04:00:00+00:00"),
        # Samoa had no 30 December 2011: that day and the next start at the same instant.
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00+00:00"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00+00:00"),
    ],
)
def test_when_a_day_starts(zone, day, instant):
    start = local_midnight(date.fromisoformat(day), ZoneInfo(zone))
    assert start.isoformat() == instant
