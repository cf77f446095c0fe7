"""Pay is a function of what stands: nothing depends on order, repetition, or when it was closed."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import chain
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.incentives.domain import run_rate
from services.incentives.domain.commission import Band, Commission, Mode
from services.incentives.domain.credits import Credit, credits_of
from services.incentives.domain.lines import Key, recalculated
from services.incentives.domain.plan import ActivePlan, Terms
from services.incentives.domain.statement import Statement, statements
from services.kit.money import Rounding
from services.kit.period import Calendar
from services.kit.standing import Entry

FIRST = date(2026, 1, 1)
MEMBERS = ("ann", "ben", "cai")
_amounts = st.integers(0, 3_000_00)
_days = st.integers(0, 400)


@st.composite
def commissions(draw: Any, mode: Mode | None = None) -> Commission:
    ends = sorted(draw(st.sets(st.integers(1, 2_000_00), max_size=3)))
    rates = draw(st.lists(st.integers(0, 3_000), min_size=len(ends) + 1, max_size=len(ends) + 1))
    bands = tuple(Band(end, rate) for end, rate in zip([*ends, None], rates, strict=True))
    chosen = mode or draw(st.sampled_from(["marginal", "retroactive"]))
    return Commission("commission", chosen, bands, "CNY", draw(st.sampled_from(list(Rounding))))


@st.composite
def deals(draw: Any, number: int) -> list[Credit]:
    """The credits of one deal: won, perhaps reopened and won again, changed, refunded."""
    subject = f"deal:crm:{number}"
    shares = draw(
        st.sampled_from([(("ann", 10_000),), (("ann", 6_000), ("ben", 4_000)),
                         (("cai", 3_334), ("ann", 3_333), ("ben", 3_333))])
    )  # fmt: skip
    types = ["deal.won.v1", *draw(
        st.lists(
            st.sampled_from(["deal.amount_changed.v1", "deal.reopened.v1", "deal.won.v1",
                             "deal.deleted.v1", "deal.restored.v1"]),
            max_size=3,
        )
    )]  # fmt: skip
    told = [
        _entry(f"{subject}/{place}", type_, subject, draw(_days), draw(_amounts), shares)
        for place, type_ in enumerate(types)
    ]
    refunds = [
        _entry(f"{subject}/r{place}", "collection.refunded.v1", "refund:crm:1", draw(_days),
               draw(_amounts), ())
        for place in range(draw(st.integers(0, 2)))
    ]  # fmt: skip
    return credits_of(told, refunds, lambda instant: instant.date())


def _entry(
    id_: str, type_: str, subject: str, day: int, minor: int, shares: Iterable[tuple[str, int]]
) -> Entry:
    at = datetime(2026, 1, 1, 4, tzinfo=UTC) + timedelta(days=day)
    payload = {
        "amount": {"minor": minor, "currency": "CNY"}, "order": 0, "stage": {"kind": "won"},
        "owners": [{"member": member, "share_bp": share} for member, share in shares],
    }  # fmt: skip
    return Entry(1, id_, "conclusion", type_, subject, at, (), payload)


@st.composite
def histories(draw: Any) -> list[Credit]:
    count = draw(st.integers(1, 5))
    return [
        credit
        for number in range(count)
        for credit in draw(deals(number))
        if credit.member_id == "ann"
    ]


@st.composite
def plans(draw: Any) -> list[ActivePlan]:
    """One plan, or a quarterly one that a monthly one follows in July."""
    components = (draw(commissions()),)
    quarterly = Terms("Sales", "quarter", "CNY", components, frozenset(), frozenset())
    if draw(st.booleans()):
        return [ActivePlan("q", 1, quarterly, FIRST, None)]
    monthly = Terms("Sales", "month", "CNY", (draw(commissions()),), frozenset(), frozenset())
    july = date(2026, 7, 1)
    return [
        ActivePlan("q", 1, quarterly, FIRST, july - timedelta(days=1)),
        ActivePlan("m", 2, monthly, july, None),
    ]


def made(
    credited: Iterable[Credit], active: Sequence[ActivePlan], closed: Iterable[Statement] = ()
) -> list[Statement]:
    def plan_on(day: date) -> ActivePlan | None:
        return next((one for one in active if one.holds(day)), None)

    return statements("ann", credited, plan_on, closed, Calendar())


def by_key(all_statements: Iterable[Statement]) -> dict[Key, int]:
    """What all lines come to, by the period of the wins, component and band."""
    found: Counter[Key] = Counter()
    for one in all_statements:
        for line in one.lines:
            found[line.key] += line.amount_minor
    return {key: amount for key, amount in found.items() if amount}


@given(commissions(), st.integers(-3_000_00, 3_000_00))
def test_slices_are_the_whole_and_a_line_is_rounded_once(commission, minor):
    slices = commission.slices(minor)
    assert sum(one.part_minor for one in slices) == minor
    for one in slices:
        exact = Fraction(one.part_minor * one.rate_bp, 10_000)
        assert abs(one.amount_minor - exact) <= Fraction(1, 2)
        assert one.rate_bp == commission.bands[one.band - 1].rate_bp
    assert commission.pay(-minor) == -commission.pay(minor)


@given(commissions("marginal"), st.integers(0, 3_000_00), st.integers(0, 3_000_00))
def test_more_credit_never_pays_less_by_the_marginal_plan(commission, some, more):
    assert commission.pay(some + more) >= commission.pay(some) - 1  # a line less may round up


@given(commissions(), st.integers(0, 3_000_00))
def test_the_next_band_is_where_it_is_said_to_be(commission, minor):
    found = commission.next_band(minor)
    reached = commission.slices(minor)[-1].band if minor else 1
    if found is None:
        assert reached == len(commission.bands)
        return
    there = minor + found.gap_minor
    assert there in [band.up_to_minor for band in commission.bands]
    assert commission.slices(there + 1)[-1].band > reached
    if commission.mode == "marginal":
        assert found.worth_minor == commission.pay(there) - commission.pay(minor)


@given(commissions("marginal"), st.lists(st.integers(-1_000, 60_000).filter(bool), min_size=1))
def test_each_paid_band_names_who_filled_it(commission, parts):
    filled = commission.fill(parts)
    assert set(filled) == {one.band for one in commission.slices(sum(parts))}
    assert all(places for places in filled.values())
    assert all(parts[place] for places in filled.values() for place in places)


@given(deals(0))
def test_credit_is_never_negative_and_dated_after_its_win(found):
    standing: Counter[tuple[str, date]] = Counter()
    for credit in found:
        standing[credit.member_id, credit.won_on] += credit.amount_minor
        assert credit.credited_on >= credit.won_on
        assert standing[credit.member_id, credit.won_on] >= 0


@settings(deadline=None)
@given(histories(), plans(), st.randoms(use_true_random=False))
def test_order_plays_no_part(credited, active, dice):
    shuffled = list(credited)
    dice.shuffle(shuffled)
    assert made(shuffled, active) == made(credited, active)


@settings(deadline=None, max_examples=40)
@given(histories(), plans(), st.randoms(use_true_random=False))
def test_whatever_was_closed_when_all_lines_are_a_fresh_calculation(credited, active, dice):
    """What is known of each deal comes and goes; periods are closed in between."""
    by_deal: dict[str, list[Credit]] = {}
    for credit in credited:
        by_deal.setdefault(credit.deal, []).append(credit)
    known: dict[str, list[Credit]] = {}
    closed: list[Statement] = []
    for _ in range(6):
        for deal, all_of_it in by_deal.items():
            known[deal] = all_of_it[: dice.randint(0, len(all_of_it))]
        closed += _close_one(made(chain(*known.values()), active, closed), closed, dice)
    now = made(credited, active, closed)
    for one in closed:
        assert one in now
    fresh = made(credited, active)
    assert by_key(now) == by_key(fresh)
    assert sum(one.total_minor for one in now) == sum(one.total_minor for one in fresh)
    for one in now:
        for line in one.lines:
            assert recalculated(line.rule, line.inputs, "CNY") == line.amount_minor
            assert 1 <= len(line.event_ids) <= 100
    assert made(reversed(credited), active, closed) == now


def _close_one(
    now: Sequence[Statement], closed: Sequence[Statement], dice: random.Random
) -> list[Statement]:
    firsts = {one.period.first for one in closed}
    open_ = [one for one in now if one.period.first not in firsts]
    return [dice.choice(open_)] if open_ else []


@given(st.integers(0, 10**9), st.integers(0, 89))
def test_the_run_rate_ends_at_what_was_earned(minor, day):
    terms = Terms(
        "Sales", "quarter", "CNY",
        (Commission("commission", "marginal", (Band(None, 1_000),), "CNY"),),
        frozenset(), frozenset(),
    )  # fmt: skip
    plan = ActivePlan("q", 1, terms, FIRST, None)
    win = Credit("d", "e", "won", "ann", "CNY", FIRST, FIRST, minor)
    (one,) = made([win], [plan])
    on = FIRST + timedelta(days=day)
    assert run_rate.projected(one, on) >= one.total_minor
    assert run_rate.projected(one, one.period.last) == one.total_minor
