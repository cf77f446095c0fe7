"""Where members and units stand on a day: memberships and placements with their gaps."""

from datetime import date

import pytest

from services.kit.limits import TREE_DEPTH
from services.kit.organisation.whereabouts import Whereabouts, nearest
from tests.support.deals import company, span


def on(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2019-06-01", "first"),  # before every span: the first one
        ("2020-01-01", "first"),
        ("2020-06-30", "first"),
        ("2020-07-01", "first"),  # the last day is not in it: a gap takes the one before
        ("2020-12-31", "first"),
        ("2021-01-01", "second"),
        ("2021-12-31", "second"),
        ("2030-01-01", "second"),  # a leaver stays where they last were
    ],
)
def test_a_day_takes_the_span_that_covers_it_or_the_nearest(day, expected):
    spans = [span("first", "2020-01-01", "2020-07-01"), span("second", "2021-01-01", "2022-01-01")]
    assert [found.target for found in nearest(spans, on(day))] == [expected]
    assert [found.target for found in nearest(spans[::-1], on(day))] == [expected]


def test_nearest_of_nothing_is_nothing():
    assert nearest([], on("2020-01-01")) == []


def test_spans_that_begin_or_end_together_are_taken_together():
    spans = [
        span("a", "2020-01-01", "2021-01-01", 6_000), span("b", "2020-01-01", "2021-01-01", 4_000),
        span("c", "2021-06-01", None, 10_000),
    ]  # fmt: skip
    for day in ("2019-01-01", "2020-05-05", "2021-03-03"):
        assert [found.target for found in nearest(spans, on(day))] == ["a", "b"]


def test_a_members_units_come_with_their_shares():
    where = company({"ann": [span("north", "2020-01-01", None, 6_000),
                             span("south", "2020-01-01", None, 4_000)]})  # fmt: skip
    assert where.units_on("ann", on("2026-01-01")) == [("north", 6_000), ("south", 4_000)]
    assert where.units_on("nobody", on("2026-01-01")) == []


def test_two_spans_in_one_unit_are_one_share():
    where = company({"ann": [span("north", "2020-01-01", None, 6_000),
                             span("north", "2021-01-01", None, 4_000)]})  # fmt: skip
    assert where.units_on("ann", on("2026-01-01")) == [("north", 10_000)]


def test_a_chain_follows_the_placements_of_its_day():
    where = company(
        placements={
            "north": [span("region", "2020-01-01", "2026-01-01"), span("south", "2026-01-01")]
        }
    )
    assert where.chain("north", on("2025-12-31")) == ("north", "region")
    assert where.chain("north", on("2026-01-01")) == ("north", "south", "region")
    assert where.chain("north", on("2025-12-31")) == ("north", "region")
    assert where.chain("unplaced", on("2026-01-01")) == ("unplaced",)


def test_a_circle_of_units_ends():
    where = Whereabouts({}, {"a": [span("b", "2020-01-01")], "b": [span("a", "2020-01-01")]})
    assert where.chain("a", on("2026-01-01")) == ("a", "b")


def test_a_chain_is_as_deep_as_a_tree_may_be_and_no_deeper():
    placements = {str(n): [span(str(n + 1), "2020-01-01")] for n in range(TREE_DEPTH * 2)}
    assert len(Whereabouts({}, placements).chain("0", on("2026-01-01"))) == TREE_DEPTH + 1


def test_the_days_on_which_a_member_may_count_elsewhere():
    where = company(
        {"ann": [span("north", "2021-01-01", "2022-01-01"), span("south", "2022-01-01")]},
        {
            "south": [span("region", "2020-02-02", "2023-03-03"), span(None, "2023-03-03")],
            "region": [span(None, "2020-04-04")],
            "elsewhere": [span("region", "2024-04-04")],
        },
    )
    assert where.moves("ann") == [
        on("2020-01-01"), on("2020-02-02"), on("2020-04-04"), on("2021-01-01"), on("2022-01-01"),
        on("2023-03-03"),
    ]  # fmt: skip
    assert where.moves("nobody") == []
