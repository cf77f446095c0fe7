"""Planning classes: their order, their edges, and when they are fixed."""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from services.customers.domain.classes import classes, next_start, planning_periods
from services.customers.domain.days import Wall
from services.customers.domain.tiers import TierPolicyInvalid, checked, dated, default_policy
from services.kit.period import Calendar
from tests.support import accounts
from tests.support.accounts import standing

WALL = Wall([(date(2020, 1, 1), ZoneInfo("UTC"))])
DEFAULT = default_policy("CNY")
CALENDAR = Calendar()


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def fixed(*conclusions, policies=(DEFAULT,), since="2026-01-01", until="2026-06-30"):
    periods = planning_periods(
        policies, CALENDAR, date.fromisoformat(since), date.fromisoformat(until)
    )
    found = classes(standing(*conclusions), WALL, "CNY", policies, "acme", periods)
    return [(fix.period, fix.planning_class) for fix in found]


def test_who_never_bought_is_a_prospect():
    assert fixed(accounts.deal("created", "D", at("2026-01-05"))) == [
        ("2026-Q1", "prospect"), ("2026-Q2", "prospect"),
    ]  # fmt: skip


def test_what_happens_during_a_period_counts_from_the_next_one():
    assert fixed(accounts.won("D", at("2026-01-01T00:00"), 10)) == [
        ("2026-Q1", "prospect"), ("2026-Q2", "new"),
    ]  # fmt: skip
    assert fixed(accounts.won("D", at("2025-12-31T23:59"), 10)) == [
        ("2026-Q1", "new"), ("2026-Q2", "new"),
    ]  # fmt: skip


@pytest.mark.parametrize(("won", "expected"), [("2025-01-01", "existing"), ("2025-01-02", "new")])
def test_new_is_within_twelve_months(won, expected):
    assert fixed(accounts.won("D", at(won), 10))[0] == ("2026-Q1", expected)


def test_key_comes_first_by_tier_or_by_mark():
    big = accounts.contract("C", at("2025-06-01"), 100_001, "2025-06-01", None)
    assert fixed(big)[0] == ("2026-Q1", "key")
    marked = replace(DEFAULT, version=1, effective_on=date(2026, 2, 1),
                     key_accounts=frozenset({"acme"}))  # fmt: skip
    found = fixed(accounts.won("D", at("2025-06-01"), 10), policies=dated([DEFAULT, marked]))
    assert found == [("2026-Q1", "new"), ("2026-Q2", "key")]


def test_a_contract_that_was_signed_before_and_starts_on_the_first_day_counts():
    signed = accounts.contract("C", at("2025-12-20"), 200_000, "2026-01-01", None)
    assert fixed(signed)[0] == ("2026-Q1", "key")
    late = accounts.contract("C", at("2026-01-02"), 200_000, "2026-01-01", None)
    assert fixed(late) == [("2026-Q1", "prospect"), ("2026-Q2", "key")]


def test_periods_follow_the_fiscal_year_and_the_policy():
    april = Calendar(fiscal_start_month=4)
    found = planning_periods([DEFAULT], april, date(2026, 2, 10), date(2026, 4, 1))
    assert [period.code for period in found] == ["2025-Q4", "2026-Q1"]
    monthly = replace(DEFAULT, version=1, planning_period="month", effective_on=date(2026, 2, 10))
    found = planning_periods(
        dated([DEFAULT, monthly]), CALENDAR, date(2026, 1, 20), date(2026, 4, 30)
    )
    assert [(one.code, str(one.first)) for one in found] == [
        ("2026-Q1", "2026-01-01"), ("2026-03", "2026-03-01"), ("2026-04", "2026-04-01"),
    ]  # fmt: skip


def test_a_new_kind_of_period_that_begins_on_its_day_is_fixed_on_it():
    yearly = replace(DEFAULT, version=1, planning_period="year", effective_on=date(2026, 4, 1))
    policies = dated([DEFAULT, yearly])
    assert next_start(policies, CALENDAR, date(2026, 2, 1)) == date(2027, 1, 1)
    monthly = replace(yearly, planning_period="month")
    assert next_start(dated([DEFAULT, monthly]), CALENDAR, date(2026, 2, 1)) == date(2026, 4, 1)


@pytest.mark.parametrize(("above", "below"), [(100, 0), (100, -1), (100, 101)])
def test_thresholds_cut_three_tiers(above, below):
    with pytest.raises(TierPolicyInvalid):
        checked(replace(DEFAULT, strategic_above_minor=above, basic_below_minor=below))
    assert checked(replace(DEFAULT, strategic_above_minor=5, basic_below_minor=5))
