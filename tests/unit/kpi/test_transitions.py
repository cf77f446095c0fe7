"""The fold's rules, each with the shortest history that shows it."""

from dataclasses import replace

import pytest

from services.kpi.domain import transitions
from services.kpi.domain.transitions import Conclusion, Folded, Observed, State, fold, history
from tests.support.deals import cny, owners, seen, stage, told


def folded(state: State, *new: Observed, retracted: tuple[str, ...] = ()) -> tuple[State, Folded]:
    """One append: the state afterwards, its new conclusions with ids of their own."""
    result = fold(state, new, retracted)
    number = len(state.conclusions) * 100
    fresh = [replace(c, id=f"c{number + n}") for n, c in enumerate(result.concluded)]
    return replace(result.state, conclusions=[*result.state.conclusions, *fresh]), result


def only(conclusions: list[Conclusion], type_: str) -> Conclusion:
    (found,) = (conclusion for conclusion in conclusions if conclusion.type == type_)
    return found


def test_the_first_sight_invents_no_earlier_stage():
    found = history([seen("a", "2026-01-05", stage="negotiation", amount=100, owner="ann")])
    assert told(found) == [("created", "2026-01-05")]
    assert found[0].payload == {
        "stage": stage("negotiation"), "amount": cny(100), "owners": owners(("ann", 10_000)),
        "product": None, "channel": None, "account": None,
        "precision": "instant", "incomplete": False,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["won", "lost"])
def test_a_deal_first_seen_closed_is_created_and_closed(kind):
    found = history([seen("a", "2026-01-05", stage=kind)])
    assert told(found) == [("created", "2026-01-05"), (kind, "2026-01-05")]
    assert [conclusion.order for conclusion in found] == [0, 1]


def test_a_deal_may_be_seen_before_it_has_a_stage():
    found = history([seen("a", "2026-01-05", amount=1), seen("b", "2026-01-06", stage="won")])
    assert told(found) == [
        ("created", "2026-01-05"), ("stage_changed", "2026-01-06"), ("won", "2026-01-06"),
    ]  # fmt: skip
    assert found[1].payload["from_stage"] is None


def test_a_delta_keeps_what_it_does_not_name_and_a_snapshot_clears_it():
    first = seen("a", "2026-01-05", stage="lead", amount=100, product="disk", owner="ann")
    delta = history([first, seen("b", "2026-01-06", stage="intent")])[-1].payload
    assert (delta["amount"], delta["product"], len(delta["owners"])) == (cny(100), "disk", 1)
    found = history([first, seen("b", "2026-01-06", "snapshot", stage="intent")])
    assert told(found[1:]) == [
        ("details_changed", "2026-01-06"), ("owner_changed", "2026-01-06"),
        ("amount_changed", "2026-01-06"), ("stage_changed", "2026-01-06"),
    ]  # fmt: skip
    snapshot = found[-1].payload
    assert (snapshot["amount"], snapshot["product"], snapshot["owners"]) == (None, None, [])
    assert found[2].payload["from_owners"] == owners(("ann", 10_000))
    assert found[3].payload["from_amount"] == cny(100)


def test_what_did_not_change_concludes_nothing():
    first = seen("a", "2026-01-05", stage="lead", amount=100)
    assert told(history([first, seen("b", "2026-01-06", stage="lead", amount=100)])) == [
        ("created", "2026-01-05")
    ]


def test_a_stage_that_only_moved_in_its_pipeline_is_the_same_stage():
    found = history([
        seen("a", "2026-01-05", stage="intent"),
        seen("b", "2026-01-06", stage=stage("intent", position=4)),
        seen("c", "2026-01-07", stage=stage("intent", pipeline="renewals")),
    ])  # fmt: skip
    assert told(found) == [("created", "2026-01-05"), ("stage_changed", "2026-01-07")]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("won", "lead"), ["created", "won", "reopened", "stage_changed"]),
        (("lost", "lead"), ["created", "lost", "reopened", "stage_changed"]),
        (("lost", "won"), ["created", "lost", "stage_changed", "won"]),
        (("won", "lost"), ["created", "won", "stage_changed", "lost"]),
        (("won", None), ["created", "won", "reopened", "stage_changed"]),
        (("lead", None, "won"), ["created", "stage_changed", "stage_changed", "won"]),
        (
            ("won", "lead", "won"),
            ["created", "won", "reopened", "stage_changed", "stage_changed", "won"],
        ),
    ],
)
def test_closing_and_reopening(path, expected):
    found = history(
        seen(f"s{n}", f"2026-01-0{n + 1}", "snapshot", **({"stage": code} if code else {}))
        for n, code in enumerate(path)
    )
    assert [type_ for type_, _ in told(found)] == expected


def test_two_won_stages_are_one_win():
    found = history([
        seen("a", "2026-01-05", stage="won"),
        seen("b", "2026-01-06", stage=stage("won", code="paid", position=9)),
    ])  # fmt: skip
    assert [type_ for type_, _ in told(found)] == ["created", "won", "stage_changed"]


def test_an_older_snapshot_that_arrives_late_supersedes_what_follows():
    state, _ = folded(State(), seen("new", "2026-02-10", stage="negotiation"))
    state, result = folded(state, seen("old", "2026-01-10", stage="lead"))
    assert told(result.concluded) == [("created", "2026-01-10"), ("stage_changed", "2026-02-10")]
    assert result.superseded == ["c0"]
    assert told(state.conclusions) == told(result.concluded)
    assert result.replaced_observations == {}


def test_late_input_lets_stand_what_stays_true():
    state, _ = folded(
        State(), seen("a", "2026-01-01", stage="lead"), seen("c", "2026-01-09", stage="won")
    )
    state, result = folded(state, seen("b", "2026-01-05", amount=7))
    assert told(result.concluded) == [
        ("amount_changed", "2026-01-05"), ("stage_changed", "2026-01-09"), ("won", "2026-01-09"),
    ]  # fmt: skip
    assert result.superseded == ["c1", "c2"]
    assert only(state.conclusions, transitions.CREATED).id == "c0"


def test_within_one_instant_the_version_decides_then_the_place_in_the_item_then_the_source():
    def last(*observations: Observed) -> int:
        return int(history(observations)[-1].payload["amount"]["minor"])

    older, newer = (seen(s, "2026-01-05", amount=a, version=v) for s, a, v in
                    (("z", 1, 1), ("a", 2, 2)))  # fmt: skip
    assert last(older, newer) == last(newer, older) == 2
    first, second = (
        seen("z", "2026-01-05", amount=1),
        seen("a", "2026-01-05", amount=2, ordinal=1),
    )
    assert last(first, second) == last(second, first) == 2
    left, right = seen("a", "2026-01-05", amount=1), seen("b", "2026-01-05", amount=2)
    assert last(left, right) == last(right, left) == 2
    assert [c.order for c in history([left, right])] == [0, 1]


def test_undated_observations_come_before_all_dated_ones():
    found = history([seen("d", "1950-01-01", stage="intent"), seen("u", None, stage="lead")])
    assert told(found) == [("created", None), ("stage_changed", "1950-01-01")]
    assert found[0].payload["precision"] == "unknown"


def test_an_update_of_a_deleted_deal_is_kept_but_does_not_revive_it():
    observations = [
        seen("a", "2026-01-01", stage="lead"),
        seen("b", "2026-01-05", "deleted"),
        seen("c", "2026-01-07", stage="intent", amount=9),
        seen("d", "2026-01-08", "deleted"),
    ]
    assert told(history(observations)) == [("created", "2026-01-01"), ("deleted", "2026-01-05")]
    restored = history([*observations, seen("e", "2026-01-09", "restored")])
    assert told(restored)[2:] == [("restored", "2026-01-09")]
    assert restored[-1].payload["stage"] == stage("intent")
    assert restored[-1].payload["amount"] == cny(9)


def test_restoring_what_was_not_deleted_says_nothing():
    observations = [seen("a", "2026-01-01", stage="lead"), seen("b", "2026-01-05", "restored")]
    assert told(history(observations)) == [("created", "2026-01-01")]
    assert history([seen("b", "2026-01-05", "restored"), seen("c", "2026-01-06", "deleted")]) == []


def test_what_was_deleted_before_it_was_seen_is_created_when_it_is_restored():
    hidden = [seen("a", "2026-01-01", "deleted"), seen("b", "2026-01-05", stage="won")]
    assert history(hidden) == []
    found = history([*hidden, seen("c", "2026-01-09", "restored")])
    assert told(found) == [("created", "2026-01-09"), ("won", "2026-01-09")]


def test_what_was_won_while_it_was_deleted_is_won_when_it_is_restored():
    found = history([
        seen("a", "2026-01-01", stage="lead"), seen("b", "2026-01-02", "deleted"),
        seen("c", "2026-01-03", stage="won"), seen("d", "2026-01-04", "restored"),
    ])  # fmt: skip
    assert told(found)[2:] == [("restored", "2026-01-04"), ("won", "2026-01-04")]
    still = history([
        seen("a", "2026-01-01", stage="won"), seen("b", "2026-01-02", "deleted"),
        seen("d", "2026-01-04", "restored"),
    ])  # fmt: skip
    assert told(still)[2:] == [("deleted", "2026-01-02"), ("restored", "2026-01-04")]


def test_a_notice_marks_the_path_after_it_incomplete():
    found = history([
        seen("a", "2026-01-01", stage="lead"),
        seen("b", "2026-01-03", "notice"),
        seen("c", "2026-01-05", stage="won"),
    ])  # fmt: skip
    assert [(c.type, c.payload["incomplete"]) for c in found] == [
        (transitions.CREATED, False), (transitions.STAGE_CHANGED, True), (transitions.WON, True),
    ]  # fmt: skip
    assert history([seen("b", "2026-01-03", "notice")]) == []


def test_an_item_replaces_what_an_earlier_item_of_its_source_said():
    state, _ = folded(State(), seen("row", "2026-01-05", stage="lead", amount=100))
    again = replace(seen("row", "2026-01-06", stage="lead", amount=120), id="o2")
    state, result = folded(state, again)
    assert result.replaced_observations == {"o2": ["o-row-0"]}
    assert result.superseded == ["c0"]
    assert told(state.conclusions) == [("created", "2026-01-06")]
    assert [observation.id for observation in state.observations] == ["o2"]


def test_a_mapping_that_says_the_same_again_concludes_nothing_new():
    state, _ = folded(State(), seen("row", "2026-01-05", stage="lead"))
    same = replace(seen("row", "2026-01-05", stage="lead"), id="o2")
    _, result = folded(state, same)
    assert (result.superseded, result.concluded) == ([], [])
    assert result.replaced_observations == {"o2": ["o-row-0"]}


def test_observations_of_one_item_stand_together():
    item = [
        seen("row", "2026-01-05", stage="lead"),
        seen("row", "2026-01-09", stage="won", ordinal=1),
    ]
    _, result = folded(State(), *item)
    assert told(result.concluded)[-1] == ("won", "2026-01-09")
    assert result.replaced_observations == {}


def test_a_retraction_takes_back_what_its_source_said():
    state, _ = folded(State(), seen("a", "2026-01-05", stage="lead"))
    state, _ = folded(state, seen("b", "2026-01-09", stage="won"))
    state, result = folded(state, retracted=("b",))
    assert result.superseded == ["c100", "c101"]
    assert told(state.conclusions) == [("created", "2026-01-05")]
    state, result = folded(state, retracted=("a", "never seen"))
    assert (state.observations, state.conclusions) == ([], [])


def test_a_retraction_may_come_before_what_it_takes_back():
    state, _ = folded(State(), retracted=("b",))
    state, result = folded(state, seen("b", "2026-01-09", stage="won"))
    assert (result.concluded, state.conclusions) == ([], [])
    state, _ = folded(state, seen("a", "2026-01-05", stage="lead"))
    assert told(state.conclusions) == [("created", "2026-01-05")]
