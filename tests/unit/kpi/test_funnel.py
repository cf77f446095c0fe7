"""What one deal adds to the funnel, by worked examples. ann and ben stand in north, cai in south."""

from dataclasses import replace
from datetime import date

import pytest

from services.kpi.domain import funnel, transitions
from services.kpi.domain.funnel import UNDATED, UNKNOWN_DAYS
from services.kpi.domain.transitions import Observed
from tests.support.deals import company, owners, post, seen, span, stage, total

EVERYBODY = ("ann", "ben", "cai", "north", "south", "region")


def day(text: str) -> date:
    return date.fromisoformat(f"2026-{text}")


def life(*stages: tuple[str, str], **fields: object) -> list[Observed]:
    """One owner's deal through dated stages; `fields` come with the first."""
    first = {"owner": "ann", "amount": 100, **fields}
    return [
        seen(f"s{n}", day, stage=code, **(first if n == 0 else {}))
        for n, (day, code) in enumerate(stages)
    ]


def test_a_deal_on_its_way_to_won():
    found = post(life(("2026-01-05", "lead"), ("2026-01-15", "negotiation"), ("2026-02-04", "won")))
    for scope in ("ann", "north", "region"):
        assert total(found, "measure", "stage", "day", scope=scope, until="2026-01-31") == {
            ("created", "", day("01-05")): (1, 100),
            ("entered", "lead", day("01-05")): (1, 100),
            ("open", "lead", day("01-05")): (1, 100),
            ("left", "lead", day("01-15")): (1, 100),
            ("advanced", "lead", day("01-05")): (1, 100),
            ("entered", "negotiation", day("01-15")): (1, 100),
            ("open", "lead", day("01-15")): (-1, -100),
            ("open", "negotiation", day("01-15")): (1, 100),
            ("advanced", "negotiation", day("01-15")): (1, 100),
        }
        assert total(found, "measure", "stage", "days", scope=scope, since="2026-02-01") == {
            ("left", "negotiation", 20): (1, 100),
            ("entered", "won", 0): (1, 100),
            ("open", "negotiation", 0): (-1, -100),
            ("won", "won", 30): (1, 100),
            ("won_from", "lead", 0): (1, 0),
            ("won_from", "negotiation", 0): (1, 0),
        }
    assert total(found, "measure", scope="ben") == {}
    assert total(found, "measure", scope="south") == {}


def test_who_leaves_a_stage_by_losing_did_not_advance():
    found = post(life(("2026-01-05", "lead"), ("2026-01-06", "intent"), ("2026-01-08", "lost")))
    assert total(found, "stage", measure="advanced", scope="ann") == {"lead": (1, 100)}
    assert total(found, "stage", measure="left", scope="ann") == {
        "lead": (1, 100), "intent": (1, 100),
    }  # fmt: skip
    assert total(found, "stage", "days", measure="lost", scope="ann") == {("lost", 3): (1, 100)}
    assert total(found, "stage", measure="open", scope="ann") == {}


def test_every_entry_of_a_stage_advances_once():
    found = post(
        life(
            ("2026-01-01", "lead"), ("2026-01-02", "negotiation"), ("2026-01-03", "lead"),
            ("2026-01-04", "negotiation"), ("2026-01-05", "intent"), ("2026-01-06", "won"),
        )
    )  # fmt: skip
    assert total(found, "stage", measure="entered", scope="ann") == {
        "lead": (2, 200), "negotiation": (2, 200), "intent": (1, 100), "won": (1, 100),
    }  # fmt: skip
    assert total(found, "stage", "day", "effective_on", measure="advanced", scope="ann") == {
        ("lead", day("01-01"), day("01-02")): (1, 100),
        ("lead", day("01-03"), day("01-04")): (1, 100),
        ("negotiation", day("01-02"), day("01-06")): (1, 100),
        ("negotiation", day("01-04"), day("01-06")): (1, 100),
        ("intent", day("01-05"), day("01-06")): (1, 100),
    }


def test_going_back_and_being_lost_advances_nothing():
    found = post(life(("2026-01-01", "intent"), ("2026-01-02", "lead"), ("2026-01-03", "lost")))
    assert total(found, "stage", measure="advanced") == {}


def test_a_deal_first_seen_won_is_created_entered_and_won():
    found = post(life(("2026-01-05", "won")))
    assert total(found, "measure", "stage", "days", scope="ann") == {
        ("created", "", 0): (1, 100), ("entered", "won", 0): (1, 100), ("won", "won", 0): (1, 100),
    }  # fmt: skip


def test_amounts_follow_the_shares_exactly_and_a_shared_deal_counts_once():
    found = post([
        seen("a", "2026-01-05", stage="lead", amount=10_001,
             owners=owners(("ann", 6_000), ("ben", 4_000))),
    ])  # fmt: skip
    assert total(found, "scope", measure="open") == {
        "ann": (1, 6_001), "ben": (1, 4_000), "north": (1, 10_001), "region": (1, 10_001),
    }  # fmt: skip


def test_a_deal_of_two_teams_counts_once_in_each_and_once_above():
    found = post([
        seen("a", "2026-01-05", stage="lead", amount=101,
             owners=owners(("ann", 5_000), ("cai", 5_000))),
    ])  # fmt: skip
    assert total(found, "scope", measure="open") == {
        "ann": (1, 51), "cai": (1, 50), "north": (1, 51), "south": (1, 50), "region": (1, 101),
    }  # fmt: skip


def test_a_member_of_two_units_counts_in_both_by_shares():
    where = company(
        memberships={
            "ann": [
                span("north", "2020-01-01", None, 7_000),
                span("south", "2020-01-01", None, 3_000),
            ]
        }
    )
    found = post(life(("2026-01-05", "lead"), amount=11), where)
    assert total(found, "scope", measure="open") == {
        "ann": (1, 11), "north": (1, 8), "south": (1, 3), "region": (1, 11),
    }  # fmt: skip


def test_an_open_deal_follows_its_owner_and_a_won_one_stays():
    where = company(
        memberships={
            "ann": [span("north", "2020-01-01", "2026-02-01"), span("south", "2026-02-01")]
        }
    )
    opened = post(life(("2026-01-05", "lead")), where)
    assert total(opened, "scope", measure="open", until="2026-01-31") == {
        "ann": (1, 100), "north": (1, 100), "region": (1, 100),
    }  # fmt: skip
    assert total(opened, "scope", measure="open") == {
        "ann": (1, 100), "south": (1, 100), "region": (1, 100),
    }  # fmt: skip
    assert total(opened, "scope", "day", measure="open", since="2026-02-01") == {
        ("north", day("02-01")): (-1, -100), ("south", day("02-01")): (1, 100),
    }  # fmt: skip
    won = post(life(("2026-01-05", "lead"), ("2026-01-20", "won")), where)
    assert total(won, "scope", measure="won") == {
        "ann": (1, 100), "north": (1, 100), "region": (1, 100),
    }  # fmt: skip
    later = post(life(("2026-01-05", "lead"), ("2026-02-20", "won")), where)
    assert total(later, "scope", measure="won") == {
        "ann": (1, 100), "south": (1, 100), "region": (1, 100),
    }  # fmt: skip
    assert total(later, "scope", measure="open") == {}
    assert total(later, "scope", measure="entered", stage="lead") == {
        "ann": (1, 100), "north": (1, 100), "region": (1, 100),
    }  # fmt: skip


def test_a_move_on_the_day_of_an_event_comes_before_it():
    where = company(
        memberships={
            "ann": [span("north", "2020-01-01", "2026-02-01"), span("south", "2026-02-01")]
        }
    )
    found = post(life(("2026-01-05", "lead"), ("2026-02-01", "won")), where)
    assert total(found, "scope", measure="won") == {
        "ann": (1, 100), "south": (1, 100), "region": (1, 100),
    }  # fmt: skip
    assert total(found, "scope", measure="open") == {}


def test_a_unit_under_another_parent_takes_its_open_deals_along():
    where = company(
        placements={
            "east": [span(None, "2020-01-01")],
            "north": [span("region", "2020-01-01", "2026-02-01"), span("east", "2026-02-01")],
        }
    )
    found = [*post(life(("2026-01-05", "lead")), where), *post(life(("2026-01-06", "won")), where)]
    assert total(found, "scope", measure="open") == {
        "ann": (1, 100), "north": (1, 100), "east": (1, 100),
    }  # fmt: skip
    assert total(found, "scope", measure="open", until="2026-01-31") == {
        "ann": (1, 100), "north": (1, 100), "region": (1, 100),
    }  # fmt: skip
    assert total(found, "scope", measure="won") == {
        "ann": (1, 100), "north": (1, 100), "region": (1, 100),
    }  # fmt: skip


def test_a_new_owner_takes_the_open_deal_and_not_the_won_one():
    handed = post([*life(("2026-01-05", "lead")), seen("h", "2026-01-09", owner="cai")])
    assert total(handed, "scope", measure="open") == {
        "cai": (1, 100), "south": (1, 100), "region": (1, 100),
    }  # fmt: skip
    won = post([*life(("2026-01-05", "won")), seen("h", "2026-01-09", owner="cai")])
    assert total(won, "scope", measure="won") == {
        "ann": (1, 100), "north": (1, 100), "region": (1, 100),
    }  # fmt: skip


def test_a_won_deals_new_amount_is_posted_on_its_day_to_who_won_it():
    found = post([
        *life(("2026-01-05", "won")),
        seen("b", "2026-02-09", owner="cai", amount=130),
    ])  # fmt: skip
    assert total(found, "scope", measure="won", until="2026-01-31") == {
        "ann": (1, 100), "north": (1, 100), "region": (1, 100),
    }  # fmt: skip
    assert total(found, "scope", "days", measure="won", since="2026-02-01") == {
        ("ann", 0): (0, 30), ("north", 0): (0, 30), ("region", 0): (0, 30),
    }  # fmt: skip


def test_an_amount_that_came_after_winning_and_one_that_went():
    found = post([*life(("2026-01-05", "won"), amount=None), seen("b", "2026-01-09", amount=5)])
    assert total(found, "currency", measure="won", scope="ann") == {"CNY": (1, 5)}
    gone = post([*life(("2026-01-05", "won")), seen("b", "2026-01-09", amount=None)])
    assert total(gone, "currency", measure="won", scope="ann") == {"": (1, 0)}


@pytest.mark.parametrize(("amount", "currency"), [(None, ""), (0, "CNY")])
def test_a_deal_without_worth_still_counts(amount, currency):
    found = post(life(("2026-01-05", "lead"), amount=amount))
    assert total(found, "currency", measure="open", scope="region") == {currency: (1, 0)}


def test_a_deal_reopened_later_is_taken_back_then():
    found = post(life(("2026-01-01", "lead"), ("2026-01-11", "won"), ("2026-04-02", "intent")))
    assert total(found, "measure", "stage", "days", scope="north", since="2026-04-01") == {
        ("won", "won", 10): (-1, -100),
        ("won_from", "lead", 0): (-1, 0),
        ("entered", "intent", 0): (1, 100),
        ("open", "intent", 0): (1, 100),
    }
    assert total(found, "measure", scope="north", measure="won", until="2026-03-31") == {
        "won": (1, 100)
    }
    again = post(
        life(("2026-01-01", "lead"), ("2026-01-11", "won"), ("2026-04-02", "intent"),
             ("2026-04-11", "won"))
    )  # fmt: skip
    assert total(again, "days", measure="won", scope="north") == {100: (1, 100)}
    assert total(again, "stage", "day", measure="won_from", scope="north") == {
        ("lead", day("01-11")): (1, 0),
        ("lead", day("04-02")): (-1, 0),
        ("lead", day("04-11")): (1, 0),
        ("intent", day("04-11")): (1, 0),
    }


def test_a_closing_counts_once_for_each_stage_that_led_to_it():
    again = life(
        ("2026-01-01", "lead"), ("2026-01-03", "intent"), ("2026-01-05", "lead"),
        ("2026-01-09", "lost"),
    )  # fmt: skip
    found = post([*again, seen("c", "2026-01-12", amount=700)])
    assert total(found, "measure", "stage", measure="lost_from", scope="region") == {
        ("lost_from", "lead"): (1, 0),
        ("lost_from", "intent"): (1, 0),
    }
    found = post([*again, seen("c", "2026-01-12", kind="deleted")])
    assert total(found, "stage", measure="lost_from", scope="ann") == {}


def test_an_entry_that_moved_on_says_after_how_many_days():
    found = post(
        [*life((None, "lead"), ("2026-01-05", "intent"), ("2026-01-15", "negotiation"))]
    )  # fmt: skip
    assert total(found, "stage", "days", measure="advanced", scope="ann") == {
        ("lead", UNKNOWN_DAYS): (1, 100),
        ("intent", 10): (1, 100),
    }


def test_from_lost_to_won_in_one_step():
    found = post(life(("2026-01-01", "lead"), ("2026-01-11", "lost"), ("2026-01-21", "won")))
    assert total(found, "measure", "days", measure="lost", scope="ann", until="2026-01-20") == {
        ("lost", 10): (1, 100)
    }
    assert total(found, "days", measure="lost", scope="ann") == {}
    assert total(found, "days", measure="won", scope="ann") == {20: (1, 100)}


def test_a_deleted_deal_is_taken_back_on_its_day():
    opened = post([*life(("2026-01-05", "lead")), seen("x", "2026-02-01", "deleted")])
    assert total(opened, "measure", "scope", measure="created") == {}
    assert total(opened, "scope", measure="created", until="2026-01-31").keys() == {
        "ann", "north", "region",
    }  # fmt: skip
    assert total(opened, "scope", measure="open") == {}
    won = post([*life(("2026-01-05", "won")), seen("x", "2026-02-01", "deleted")])
    assert total(won, "day", measure="won", scope="ann") == {
        day("01-05"): (1, 100), day("02-01"): (-1, -100),
    }  # fmt: skip


def test_a_restored_win_goes_back_to_who_won_it_with_its_days():
    moved = company(
        memberships={
            "ann": [span("north", "2020-01-01", "2026-02-01"), span("south", "2026-02-01")]
        }
    )
    found = post(
        [
            *life(("2026-01-01", "lead"), ("2026-01-11", "won")),
            seen("x", "2026-02-05", "deleted"),
            seen("y", "2026-02-06", owner="cai", amount=120),
            seen("r", "2026-03-01", "restored"),
        ],
        moved,
    )
    assert total(found, "scope", "days", measure="won") == {
        ("ann", 10): (1, 120), ("north", 10): (1, 120), ("region", 10): (1, 120),
    }  # fmt: skip
    assert total(found, "scope", measure="created") == {
        "ann": (1, 100), "north": (1, 100), "region": (1, 100),
    }  # fmt: skip


def test_a_deal_restored_in_another_stage_enters_it_then():
    hidden = [*life(("2026-01-01", "lead")), seen("x", "2026-01-05", "deleted")]
    found = post([
        *hidden, seen("y", "2026-01-06", stage="intent"), seen("r", "2026-01-09", "restored"),
    ])  # fmt: skip
    assert total(found, "stage", "day", measure="entered", scope="ann") == {
        ("lead", day("01-01")): (1, 100), ("intent", day("01-09")): (1, 100),
    }  # fmt: skip
    assert total(found, "stage", measure="open", scope="ann") == {"intent": (1, 100)}
    same = post([*hidden, seen("r", "2026-01-09", "restored")])
    assert total(same, "stage", measure="entered", scope="ann") == {"lead": (1, 100)}
    assert total(same, "stage", measure="open", scope="ann") == {"lead": (1, 100)}


def test_what_was_won_or_reopened_while_deleted_shows_when_restored():
    found = post([
        *life(("2026-01-01", "lead")), seen("x", "2026-01-05", "deleted"),
        seen("y", "2026-01-06", stage="won"), seen("r", "2026-01-09", "restored"),
    ])  # fmt: skip
    assert total(found, "day", "days", measure="won", scope="ann") == {(day("01-09"), 8): (1, 100)}
    assert total(found, "stage", measure="open", scope="ann") == {}
    reopened = post([
        *life(("2026-01-01", "won")), seen("x", "2026-01-05", "deleted"),
        seen("y", "2026-01-06", stage="lead"), seen("r", "2026-01-09", "restored"),
    ])  # fmt: skip
    assert total(reopened, "stage", measure="won", scope="ann") == {}
    assert total(reopened, "stage", measure="open", scope="ann") == {"lead": (1, 100)}


def test_an_undated_deal_is_open_and_in_no_period():
    found = post([seen("a", None, stage="lead", owner="ann", amount=100)])
    assert total(found, "measure", "day", scope="north") == {
        ("created", UNDATED): (1, 100), ("entered", UNDATED): (1, 100),
        ("open", UNDATED): (1, 100), ("undated", UNDATED): (1, 100),
    }  # fmt: skip


def test_a_deal_is_undated_until_its_first_date_and_keeps_unknown_durations():
    found = post([
        seen("a", None, stage="lead", owner="ann", amount=100),
        seen("b", "2026-01-05", stage="won"),
    ])  # fmt: skip
    assert total(found, "measure", scope="north", measure="undated", until="2026-01-04") == {
        "undated": (1, 100)
    }
    assert total(found, "measure", scope="north", measure="undated") == {}
    assert total(found, "days", scope="north", measure="won") == {UNKNOWN_DAYS: (1, 100)}
    assert total(found, "days", scope="north", measure="left") == {}


def test_an_undated_deal_is_listed_where_its_owner_is():
    where = company(
        memberships={
            "ann": [span("north", "2020-01-01", "2026-02-01"), span("south", "2026-02-01")]
        }
    )
    found = post([seen("a", None, stage="lead", owner="ann", amount=100)], where)
    for measure in ("open", "undated"):
        assert total(found, "scope", measure=measure) == {
            "ann": (1, 100), "south": (1, 100), "region": (1, 100),
        }  # fmt: skip


def test_an_open_deals_new_product_moves_its_slice():
    found = post([
        *life(("2026-01-05", "lead"), product="disk"), seen("b", "2026-01-07", product="tape"),
        seen("c", "2026-01-08", channel="partner"),
    ])  # fmt: skip
    assert total(found, "product", "channel", measure="open", scope="ann") == {
        ("tape", "partner"): (1, 100)
    }
    assert total(found, "product", measure="open", scope="ann", until="2026-01-06") == {
        "disk": (1, 100)
    }
    assert total(found, "product", measure="entered", scope="ann") == {"disk": (1, 100)}


def test_a_deal_in_another_pipeline_is_posted_there():
    found = post([
        *life(("2026-01-05", "negotiation")),
        seen("b", "2026-01-07", stage=stage("lead", pipeline="renewals", position=7)),
        seen("c", "2026-01-09", stage=stage("won", pipeline="renewals", position=8)),
    ])  # fmt: skip
    assert total(found, "measure", "pipeline", "stage", scope="ann") == {
        ("created", "sales", ""): (1, 100),
        ("entered", "sales", "negotiation"): (1, 100),
        ("left", "sales", "negotiation"): (1, 100),
        ("entered", "renewals", "lead"): (1, 100),
        ("left", "renewals", "lead"): (1, 100),
        ("advanced", "renewals", "lead"): (1, 100),
        ("entered", "renewals", "won"): (1, 100),
        ("won", "renewals", "won"): (1, 100),
        ("won_from", "renewals", "lead"): (1, 0),
    }


def test_a_deal_without_owner_or_stage():
    assert post([seen("a", "2026-01-05", stage="lead", amount=100)]) == []
    found = post([
        seen("a", "2026-01-05", owner="ann", amount=100), seen("b", "2026-01-08", stage="lead"),
    ])  # fmt: skip
    assert total(found, "measure", "pipeline", "day", scope="ann") == {
        ("created", "sales", day("01-05")): (1, 100),
        ("entered", "sales", day("01-08")): (1, 100),
        ("open", "sales", day("01-08")): (1, 100),
    }


def test_a_member_without_a_unit_counts_alone():
    found = post(life(("2026-01-05", "lead"), owner="dee"))
    assert total(found, "scope", measure="open") == {"dee": (1, 100)}
    assert not {posting.key.scope for posting in found} & set(EVERYBODY)


def test_days_never_go_back():
    """A zone that moves west makes a later instant fall on an earlier date."""
    events = [
        replace(conclusion, id=f"e{n}")
        for n, conclusion in enumerate(
            transitions.history(life(("2026-01-05", "lead"), ("2026-01-06", "won")))
        )
    ]
    days = {"deal.created.v1": date(2026, 1, 7)}
    found = funnel.postings(events, lambda event: days.get(event.type, date(2026, 1, 6)), company())
    assert total(found, "measure", "day", "days", scope="ann", measure="won") == {
        ("won", day("01-07"), 0): (1, 100)
    }
    assert total(found, "measure", scope="ann", measure="open", until="2026-01-06") == {}


def test_every_posting_names_the_event_behind_it():
    found = post(life(("2026-01-05", "lead"), ("2026-01-09", "won")))
    assert {(p.event_id, p.key.measure) for p in found if p.key.scope == "ann"} == {
        ("e0", "created"), ("e0", "entered"), ("e0", "open"),
        ("e1", "left"), ("e1", "advanced"), ("e1", "entered"), ("e1", "open"), ("e2", "won"),
        ("e2", "won_from"),
    }  # fmt: skip
