"""Postings add up: to the deals that stand, over the organisation, and never below nothing."""

from collections import Counter
from dataclasses import replace
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.organisation.whereabouts import Whereabouts
from services.kpi.domain import funnel, transitions
from services.kpi.domain.funnel import UNDATED, Posting
from services.kpi.domain.transitions import Conclusion
from tests.support.deals import company, day_of
from tests.support.histories import DAYS, MEMBERS, deals, organisations

LOOKED_AT = [UNDATED, *DAYS, date.max]


def conclude(deal: list[list[transitions.Observed]]) -> list[Conclusion]:
    events = transitions.history(o for item in deal for o in item)
    return [replace(event, id=f"e{n}") for n, event in enumerate(events)]


def post(events: list[Conclusion], where: Whereabouts) -> list[Posting]:
    return funnel.postings(events, day_of, where)


def summed(
    postings: list[Posting], names: tuple[str, ...], measure: str
) -> dict[object, list[int]]:
    found: dict[object, list[int]] = {}
    for posting in postings:
        if posting.key.measure == measure:
            name = tuple(getattr(posting.key, part) for part in names)
            totals = found.setdefault(name, [0, 0])
            totals[0] += posting.deals
            totals[1] += posting.amount_minor
    return {name: totals for name, totals in found.items() if totals != [0, 0]}


def standing(
    lives: list[list[Conclusion]], where: Whereabouts, day: date, kinds: set[str]
) -> dict[object, list[int]]:
    """Which deals stand where on a day, found without any posting."""
    found: dict[object, list[int]] = {}
    for events in lives:
        past = [event for event in events if day_of(event) <= day]
        last = past[-1] if past else None
        if last is None or last.type == transitions.DELETED or last.payload["stage"] is None:
            continue
        stage, amount = last.payload["stage"], last.payload["amount"]
        if stage["kind"] not in kinds:
            continue
        minor = amount["minor"] if amount else 0
        for scope, part in funnel.scopes(last.payload["owners"], minor, day, where).items():
            totals = found.setdefault((scope, stage["pipeline"], stage["code"]), [0, 0])
            totals[0] += 1
            totals[1] += part
    return found


several = st.lists(deals(), min_size=1, max_size=3).map(lambda found: [conclude(d) for d in found])


@settings(max_examples=150, deadline=None)
@given(several, organisations())
def test_open_postings_are_the_deals_that_stand_open_on_every_day(lives, where):
    postings = [posting for events in lives for posting in post(events, where)]
    for day in LOOKED_AT:
        until = [posting for posting in postings if posting.key.day <= day]
        found = summed(until, ("scope", "pipeline", "stage"), "open")
        assert found == standing(lives, where, day, {"open"})
        slices = summed(until, ("scope", "stage", "product", "channel", "currency"), "open")
        assert all(count > 0 for count, _ in slices.values())


@settings(max_examples=60, deadline=None)
@given(several, organisations())
def test_undated_postings_are_the_open_deals_without_any_date(lives, where):
    undated = [events for events in lives if all(event.effective_at is None for event in events)]
    for day in (UNDATED, date.max):
        found = summed(
            [p for events in undated for p in post(events, where) if p.key.day <= day],
            ("scope", "pipeline", "stage"), "undated",
        )  # fmt: skip
        assert found == standing(undated, where, day, {"open"})
    dated = [events for events in lives if events not in undated]
    late = [p for events in dated for p in post(events, where)]
    assert summed(late, ("scope", "stage"), "undated") == {}


@settings(max_examples=150, deadline=None)
@given(several, organisations())
def test_wins_and_losses_net_to_the_deals_that_stand_closed(lives, where):
    postings = [posting for events in lives for posting in post(events, where)]
    kinds = Counter(
        events[-1].payload["stage"]["kind"]
        for events in lives
        if events
        and events[-1].type != transitions.DELETED
        and events[-1].payload["stage"] is not None
    )
    owned = all(event.payload["owners"] for events in lives for event in events)
    for kind in ("won", "lost"):
        for day in LOOKED_AT:
            until = [posting for posting in postings if posting.key.day <= day]
            assert all(count >= 0 for count, _ in summed(until, ("scope",), kind).values())
        if owned:  # a deal that nobody owned when it closed counts nowhere
            count, _ = summed(postings, ("scope",), kind).get(("region",), [0, 0])
            assert count == kinds[kind]


@settings(max_examples=100, deadline=None)
@given(several, organisations())
def test_amounts_of_members_are_the_amounts_of_the_company(lives, where):
    postings = [posting for events in lives for posting in post(events, where)]
    parts: Counter[object] = Counter()
    whole: Counter[object] = Counter()
    for posting in postings:
        rest = (*posting.key[1:], posting.event_id)
        if posting.key.scope in MEMBERS:
            parts[rest] += posting.amount_minor
        elif posting.key.scope == "region":
            whole[rest] += posting.amount_minor
    assert {k: v for k, v in parts.items() if v} == {k: v for k, v in whole.items() if v}


@settings(max_examples=100, deadline=None)
@given(several)
def test_teams_add_up_to_their_region_and_shared_deals_count_once_in_it(lives):
    postings = [posting for events in lives for posting in post(events, company())]
    for measure in {posting.key.measure for posting in postings}:
        found = summed(postings, ("scope", "stage", "day", "days"), measure)
        names = {name[1:] for name in found}
        for name in names:
            north, south, region = (
                found.get((scope, *name), [0, 0]) for scope in ("north", "south", "region")
            )
            assert north[1] + south[1] == region[1]
            if measure in {"entered", "left", "advanced"}:
                assert max(north[0], south[0]) <= region[0] <= north[0] + south[0]


@settings(max_examples=100, deadline=None)
@given(several, organisations())
def test_no_more_advance_than_entered_and_nothing_is_entered_less_than_never(lives, where):
    postings = [posting for events in lives for posting in post(events, where)]
    for names in (("scope", "stage"), ("scope", "stage", "day", "product", "channel")):
        entered = summed(postings, names, "entered")
        for name, (count, minor) in summed(postings, names, "advanced").items():
            assert 0 <= count <= entered[name][0]
            assert 0 <= minor <= entered[name][1]
        for measure in ("entered", "left"):
            assert all(n >= 0 and m >= 0 for n, m in summed(postings, names, measure).values())


@settings(max_examples=100, deadline=None)
@given(deals(), organisations(), st.randoms(use_true_random=False))
def test_postings_do_not_depend_on_the_order_of_the_conclusions(deal, where, chance):
    events = conclude(deal)
    shuffled = list(events)
    chance.shuffle(shuffled)
    assert sorted(post(shuffled, where)) == sorted(post(events, where))


@settings(max_examples=100, deadline=None)
@given(deals(), organisations())
def test_each_posting_has_a_key_of_its_own_and_adds_something(deal, where):
    postings = post(conclude(deal), where)
    keys = [(posting.key, posting.event_id) for posting in postings]
    assert len(keys) == len(set(keys))
    assert all(posting.deals or posting.amount_minor for posting in postings)
