"""Records read as dated spans: contracts by their terms, wins while they stand, refunds."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from services.customers.domain.days import UNDATED, Wall
from services.customers.domain.records import book
from services.customers.domain.tiers import default_policy as default
from services.customers.domain.tiers import tier_on, value_on
from tests.support import accounts
from tests.support.accounts import standing

WALL = Wall([(date(2020, 1, 1), ZoneInfo("Asia/Shanghai"))])


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def made(*conclusions):
    return book(standing(*conclusions), WALL, "CNY")


def fees(found):
    return [(str(s.starts_on), str(s.ends_before), s.amount_minor) for s in found.fee]


def test_a_contract_is_in_force_from_its_first_to_its_last_day():
    found = made(accounts.contract("C", at("2025-12-20"), 10, "2026-01-01", "2026-12-31"))
    assert fees(found) == [("2026-01-01", "2027-01-01", 1_000)]
    assert value_on(found, "annual_fee", date(2025, 12, 31)) == 0
    assert value_on(found, "annual_fee", date(2026, 1, 1)) == 1_000
    assert value_on(found, "annual_fee", date(2026, 12, 31)) == 1_000
    assert value_on(found, "annual_fee", date(2027, 1, 1)) == 0


def test_without_dates_it_is_in_force_from_its_signing_on():
    found = made(accounts.contract("C", at("2026-01-05T18:00"), 10, None, None))
    assert fees(found) == [("2026-01-06", "None", 1_000)]  # two in the morning in Shanghai


def test_changed_terms_hold_from_the_day_of_the_change():
    found = made(
        accounts.contract("C", at("2026-01-01T01:00"), 10, "2026-01-01", "2026-12-31"),
        accounts.contract(
            "C", at("2026-06-01T01:00"), 30, "2026-01-01", "2027-05-31", event="changed"
        ),
    )
    assert fees(found) == [
        ("2026-01-01", "2026-06-01", 1_000), ("2026-06-01", "2027-06-01", 3_000),
    ]  # fmt: skip


def test_an_ended_contract_is_out_from_that_day_and_its_customer_stays_one():
    found = made(
        accounts.contract("C", at("2026-01-01T01:00"), 10, "2026-01-01", "2026-12-31"),
        accounts.contract(
            "C", at("2026-03-01T01:00"), 10, "2026-01-01", "2026-12-31", event="ended"
        ),
    )
    assert fees(found) == [("2026-01-01", "2026-03-01", 1_000)]
    assert tier_on(found, [default("CNY")], date(2026, 3, 1)) == "basic"


def test_a_contract_that_ended_before_it_began_never_was():
    found = made(
        accounts.contract("C", at("2026-01-01T01:00"), 10, "2026-06-01", None),
        accounts.contract("C", at("2026-03-01T01:00"), 10, "2026-06-01", None, event="ended"),
    )
    assert (found.fee, found.relation) == ([], [])


def test_the_last_day_there_is_ends_nothing():
    found = made(accounts.contract("C", at("2026-01-01T01:00"), 10, "2026-01-01", "9999-12-31"))
    assert fees(found) == [("2026-01-01", "None", 1_000)]


def test_a_win_counts_for_twelve_months_and_a_refund_takes_away_for_as_long():
    found = made(
        accounts.won("D", at("2026-03-05T01:00"), 100),
        accounts.refund("R", at("2026-04-01T01:00"), 40, deal="D"),
    )
    assert value_on(found, "trailing_revenue", date(2026, 3, 4)) == 0
    assert value_on(found, "trailing_revenue", date(2026, 3, 5)) == 10_000
    assert value_on(found, "trailing_revenue", date(2027, 3, 4)) == 6_000
    assert value_on(found, "trailing_revenue", date(2027, 3, 5)) == -4_000
    assert value_on(found, "trailing_revenue", date(2027, 4, 1)) == 0


def test_win_and_refund_of_everything_is_nothing():
    found = made(
        accounts.won("D", at("2026-03-05T01:00"), 100),
        accounts.refund("R", at("2026-03-09T01:00"), 100, deal="D"),
    )
    assert value_on(found, "trailing_revenue", date(2026, 3, 9)) == 0


def test_a_reopened_or_deleted_deal_counts_no_longer_and_a_restored_one_again():
    reopened = made(
        accounts.won("D", at("2026-03-05T01:00"), 100),
        accounts.deal("reopened", "D", at("2026-03-10T01:00"), amount=100),
    )
    assert value_on(reopened, "trailing_revenue", date(2026, 3, 9)) == 10_000
    assert value_on(reopened, "trailing_revenue", date(2026, 3, 10)) == 0
    assert tier_on(reopened, [default("CNY")], date(2026, 3, 9)) == "basic"
    assert tier_on(reopened, [default("CNY")], date(2026, 3, 10)) is None
    assert reopened.wins == []
    restored = made(
        accounts.won("D", at("2026-03-05T01:00"), 100),
        accounts.deal("deleted", "D", at("2026-03-10T01:00"), amount=100, kind="won"),
        accounts.deal("restored", "D", at("2026-03-20T01:00"), amount=70, kind="won"),
    )
    assert value_on(restored, "trailing_revenue", date(2026, 3, 15)) == 0
    assert value_on(restored, "trailing_revenue", date(2026, 3, 20)) == 7_000
    assert value_on(restored, "trailing_revenue", date(2027, 3, 5)) == 0  # won a year ago
    assert [win.won_on for win in restored.wins] == [date(2026, 3, 5)]


def test_another_amount_after_the_win_holds_from_the_day_of_the_change():
    found = made(
        accounts.won("D", at("2026-03-05T01:00"), 100),
        accounts.deal("amount_changed", "D", at("2026-05-01T01:00"), amount=60, kind="won"),
    )
    assert value_on(found, "trailing_revenue", date(2026, 4, 30)) == 10_000
    assert value_on(found, "trailing_revenue", date(2026, 5, 1)) == 6_000


def test_a_win_without_a_date_makes_a_customer_and_no_revenue():
    found = made(accounts.won("D", None, 100))
    assert found.revenue == []
    assert found.relation[0].starts_on == UNDATED
    assert found.wins[0].won_on == UNDATED


def test_amounts_in_another_currency_count_nothing():
    found = made(
        accounts.won("D", at("2026-03-05T01:00"), 100, currency="USD"),
        accounts.contract("C", at("2026-03-05T01:00"), 100, None, None, currency="USD"),
    )
    assert value_on(found, "trailing_revenue", date(2026, 3, 5)) == 0
    assert value_on(found, "annual_fee", date(2026, 3, 5)) == 0
    assert tier_on(found, [default("CNY")], date(2026, 3, 5)) == "basic"


def test_the_business_day_follows_the_zone_of_the_day():
    wall = Wall([
        (date(2020, 1, 1), ZoneInfo("Asia/Shanghai")), (date(2026, 6, 1), ZoneInfo("UTC")),
    ])  # fmt: skip
    assert wall.day_of(at("2026-01-04T16:30")) == date(2026, 1, 5)
    assert wall.day_of(at("2026-07-04T16:30")) == date(2026, 7, 4)
    assert wall.midnight(date(2026, 1, 5)) == at("2026-01-04T16:00")
    assert wall.midnight(date(2026, 7, 4)) == at("2026-07-04T00:00")
    assert wall.midnight(date(2019, 1, 5)) == at("2019-01-04T16:00")
    assert Wall([]).day_of(at("2026-07-04T16:30")) == date(2026, 7, 4)
