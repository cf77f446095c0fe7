"""What follows from the observations of contracts, receipts, activities and customers."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kpi.domain import records
from services.kpi.domain.records import crediting, postings
from services.kpi.domain.records.fees import annual_fee
from services.kpi.domain.transitions import Conclusion, Observed
from tests.support.deals import cny, owners, seen

history = {record: records.history_of(f"{record}:erp:1") for record in (
    "contract", "collection", "refund", "activity", "customer",
)}  # fmt: skip


def told(found: Sequence[Conclusion]) -> list[tuple[str, str | None]]:
    return [
        (one.type.split(".")[1], one.effective_at and f"{one.effective_at:%m-%d}") for one in found
    ]


def test_a_contract_is_signed_changed_and_ended():
    found = history["contract"]([
        seen("a", "2026-01-05", amount=100, starts_on="2026-01-01", ends_on="2026-12-31"),
        seen("b", "2026-02-05", amount=100),
        seen("c", "2026-03-05", amount=120),
        seen("d", "2026-04-05", "deleted"),
        seen("e", "2026-05-05", amount=999),
    ])  # fmt: skip
    assert told(found) == [("signed", "01-05"), ("changed", "03-05"), ("ended", "04-05")]
    assert [one.payload["annual_fee"] for one in found] == [cny(100), cny(120), cny(120)]


def test_a_restored_contract_is_shown_as_it_then_is():
    found = history["contract"]([
        seen("a", "2026-01-05", amount=100), seen("b", "2026-02-05", "deleted"),
        seen("c", "2026-02-06", amount=90), seen("d", "2026-03-05", "restored"),
    ])  # fmt: skip
    assert told(found) == [("signed", "01-05"), ("ended", "02-05"), ("changed", "03-05")]
    assert found[-1].payload["amount"] == cny(90)
    unseen = [seen("a", "2026-01-05", "deleted"), seen("b", "2026-01-06", amount=9),
              seen("c", "2026-01-07", "restored")]  # fmt: skip
    assert told(history["contract"](unseen)) == [("signed", "01-07")]


def test_what_a_contract_leaves_out_follows():
    (plain,) = history["contract"]([seen("a", "2026-01-05", amount=100)])
    assert plain.payload == {
        "account": None, "deal": None, "owners": [], "amount": cny(100), "annual_fee": None,
        "starts_on": None, "ends_on": None, "contract_kind": "new", "renews": None,
        "schedule": [], "precision": "instant",
    }  # fmt: skip
    (renewal,) = history["contract"]([seen("a", None, renews="contract:erp:0")])
    assert (renewal.payload["contract_kind"], renewal.effective_at) == ("renewal", None)
    (stated,) = history["contract"]([
        seen("a", None, renews="contract:erp:0", contract_kind="addon", annual_fee=cny(0),
             amount=9, starts_on="2026-01-01", ends_on="2026-12-31"),
    ])  # fmt: skip
    assert (stated.payload["contract_kind"], stated.payload["annual_fee"]) == ("addon", cny(0))


@pytest.mark.parametrize(
    ("starts_on", "ends_on", "fee"),
    [
        ((2026, 1, 1), (2026, 12, 31), 1_000_003),
        ((2024, 1, 1), (2024, 12, 31), 1_000_003),  # a leap year is a year
        ((2026, 1, 15), (2029, 1, 14), 333_334),  # 333,334.33…
        ((2026, 1, 31), (2026, 2, 27), 12_000_036),  # to the month's last day: a month
        ((2026, 1, 1), (2026, 6, 30), 2_000_006),
        ((2026, 1, 1), (2026, 1, 30), None),  # less than a month: one-off
        ((2026, 1, 10), (2026, 3, 1), 7_156_884),  # 51 days: × 365 ÷ 51 = 7,156,884.2…
        ((2026, 3, 1), (2026, 2, 1), None),
    ],
)
def test_the_annual_fee_is_the_amount_for_a_year_of_the_term(starts_on, ends_on, fee):
    found = annual_fee(cny(1_000_003), date(*starts_on), date(*ends_on))
    assert found == (None if fee is None else cny(fee))


def test_the_annual_fee_rounds_half_to_even():
    two_years = date(2026, 1, 1), date(2027, 12, 31)
    assert annual_fee(cny(5), *two_years) == cny(2)
    assert annual_fee(cny(7), *two_years) == cny(4)


def test_a_receipt_is_where_it_was_first_seen_and_says_what_was_last_said():
    found = history["collection"]([
        seen("c", "2026-02-09", amount=80), seen("a", None, contract="contract:erp:1"),
        seen("b", "2026-02-01", amount=100, account="X"),
    ])  # fmt: skip
    assert told(found) == [("received", "02-01")]
    assert found[0].payload == {
        "account": "X", "contract": "contract:erp:1", "deal": None, "owners": [],
        "amount": cny(80), "precision": "instant",
    }  # fmt: skip
    assert history["refund"]([seen("a", "2026-02-01", account="X")]) == []
    gone = [seen("a", "2026-02-01", amount=1), seen("b", "2026-02-02", "deleted")]
    assert history["refund"](gone) == []
    assert told(history["refund"]([*gone, seen("c", "2026-02-03", "restored")])) == [
        ("refunded", "02-01")
    ]


def test_an_activity_and_a_customer_have_a_kind_and_a_name():
    (activity,) = history["activity"]([seen("a", "2026-02-01", owner="ann")])
    assert (activity.payload["activity_kind"], activity.payload["minutes"]) == ("other", None)
    (customer,) = history["customer"]([seen("a", "2026-02-01", account="X")])
    assert (customer.type, customer.payload["name"]) == ("customer.described.v1", "X")


# --- any set of observations ---------------------------------------------------------------------

_DAYS = ["2026-01-31", "2026-02-01", "2026-03-15"]
_fields = st.fixed_dictionaries({}, optional={
    "amount": st.none() | st.integers(0, 500).map(cny),
    "owners": st.sampled_from([[], owners(("ann", 10_000)), owners(("ben", 4), ("cai", 9_996))]),
    "deal": st.sampled_from([None, "deal:crm:1"]),
    "starts_on": st.sampled_from([None, "2026-01-01"]),
    "ends_on": st.sampled_from([None, "2026-12-31", "2028-06-30"]),
    "schedule": st.sampled_from([
        [], [{"due_on": "2026-02-01", "amount": cny(7)}, {"due_on": "2026-03-01", "amount": cny(3)}],
    ]),
})  # fmt: skip
_kinds = st.sampled_from(["delta", "delta", "delta", "snapshot", "deleted", "restored"])


@st.composite
def contracts(draw: Any) -> list[Observed]:
    found = []
    for number in range(draw(st.integers(1, 6))):
        kind = draw(_kinds)
        fields = draw(_fields) if kind in {"delta", "snapshot"} else {}
        found.append(seen(f"s{number}", draw(st.none() | st.sampled_from(_DAYS)), kind, **fields))
    return found


@given(contracts(), st.data())
def test_the_order_of_arrival_is_of_no_account(observations, data):
    shuffled = data.draw(st.permutations(observations))
    for follow in (history["contract"], history["collection"], history["activity"]):
        assert follow(shuffled) == follow(observations)


@given(contracts())
def test_a_contracts_postings_say_what_it_is_in_the_end(observations):
    """Whatever happened on the way, the sums are the last state's, or nothing once it ended."""
    events = [
        Conclusion(one.type, one.effective_at, one.payload, one.cause, one.order, f"c{number}")
        for number, one in enumerate(history["contract"](observations))
    ]
    ann = owners(("ann", 10_000))
    found = postings.postings(events, ann, _day, _NOWHERE)
    sums: dict[str, int] = {}
    for one in found:
        sums[one.key.measure] = sums.get(one.key.measure, 0) + one.amount_minor
    last = events[-1] if events else None
    ended = last is None or last.type == records.CONTRACT_ENDED
    for measure in ("contract", "annual_fee"):
        amount = None if ended else last.payload["amount" if measure == "contract" else measure]
        assert sums.get(measure, 0) == (amount["minor"] if amount else 0)
    if not ended:
        assert sums.get("due", 0) == sum(
            line["amount"]["minor"] for line in last.payload["schedule"]
        )


def _day(event: Conclusion) -> date:
    return event.effective_at.date() if event.effective_at else date.min


class _Nowhere:
    """An organisation without units: only the owners themselves count."""

    def units_on(self, _member: str, _day: date) -> list[tuple[str, int]]:
        return []


_NOWHERE: Any = _Nowhere()


def test_a_contract_that_ends_takes_back_what_would_be_due_later():
    schedule = [{"due_on": f"2026-0{month}-10", "amount": cny(month)} for month in (1, 2, 3)]
    events = history["contract"]([
        seen("a", "2026-01-05", amount=6, schedule=schedule), seen("b", "2026-02-10", "deleted"),
    ])  # fmt: skip
    found = postings.postings(events, owners(("ann", 10_000)), _day, _NOWHERE)
    due = {
        day: sum(
            one.amount_minor for one in found if one.key[1:2] == ("due",) and one.key.day == day
        )
        for day in {one.key.day for one in found if one.key.measure == "due"}
    }
    assert due == {date(2026, 1, 10): 1, date(2026, 2, 10): 2, date(2026, 3, 10): 0}
    taken_back = next(one for one in found if one.key.measure == "due" and one.amount_minor < 0)
    assert (taken_back.key.day, taken_back.key.effective_on) == (
        date(2026, 3, 10),
        date(2026, 2, 10),
    )


# --- whose a record is ---------------------------------------------------------------------------


def at(type_: str, *who: str, **payload: Any) -> Conclusion:
    shares = owners(*((name, 10_000 // len(who)) for name in who))
    return Conclusion(type_, None, {"owners": shares, **payload}, "")


def credit(**standing: list[Conclusion]) -> crediting.Credit:
    subjects = {"deal": "deal:crm:1", "contract": "contract:erp:1", "refund": "refund:erp:1"}
    stands = {subjects[name]: events for name, events in standing.items()}
    return crediting.credit("refund:erp:1", lambda subject: stands.get(subject, []))


BARE = at("", deal="deal:crm:1", contract="contract:erp:1")


def names(found: crediting.Credit) -> list[str]:
    return [owner["member"] for owner in found.owners]


def test_owners_are_its_own_else_its_deals_at_winning_else_its_contracts():
    deal = [
        at("deal.created.v1", "ann"),
        at("deal.won.v1", "ben"),
        at("deal.owner_changed.v1", "cai"),
    ]
    contract = [at("", deal=None), at("", "dan", deal=None), at("", "eve", deal=None)]
    own = at("", "zoe", deal="deal:crm:1", contract="contract:erp:1")
    assert credit(refund=[own], deal=deal) == (own.payload["owners"], ())
    assert names(credit(refund=[BARE], deal=deal, contract=contract)) == ["ben"]
    assert names(credit(refund=[BARE], deal=deal[:1], contract=contract)) == ["ann"]
    assert names(credit(refund=[BARE], deal=[at("deal.won.v1")], contract=contract)) == ["dan"]
    nobody = credit(refund=[BARE])
    assert nobody == ([], ("deal:crm:1", "contract:erp:1"))
    by_contract = at("", deal=None, contract="contract:erp:1")
    through = credit(refund=[by_contract], contract=[at("", deal="deal:crm:1")], deal=deal)
    assert (names(through), through.leans_on) == (["ben"], ("contract:erp:1", "deal:crm:1"))
