"""Everything that may become known of one customer, for property tests."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from services.customers.domain.days import Wall
from services.customers.domain.tiers import dated, default_policy
from tests.support import accounts

START = datetime(2026, 1, 1, 1, tzinfo=UTC)
WALL = Wall([(date(2020, 1, 1), ZoneInfo("Asia/Shanghai"))])
INSTANTS = st.one_of(st.none(), st.integers(0, 500).map(lambda n: START + timedelta(days=n)))
DAYS = st.integers(0, 700).map(lambda n: date(2026, 1, 1) + timedelta(days=n))
AMOUNTS = st.sampled_from([0, 1, 29_999, 30_000, 50_000, 100_000, 100_001])


@st.composite
def deals(draw, name):
    events = ["created", "won", "amount_changed", "reopened", "lost", "deleted", "restored"]
    found = []
    for n, event in enumerate(draw(st.lists(st.sampled_from(events), min_size=1, max_size=5))):
        kind = "won" if event in {"won", "amount_changed", "restored"} else "open"
        found.append(
            accounts.deal(
                event, name, draw(INSTANTS), amount=draw(AMOUNTS), kind=kind, order=n,
                owners={"ann": 6_000, "bob": 4_000},
            )
        )  # fmt: skip
    return found


@st.composite
def contracts(draw, name):
    found = []
    for n in range(draw(st.integers(1, 3))):
        event = draw(st.sampled_from(["signed", "changed", "ended"])) if n else "signed"
        starts, ends = draw(st.one_of(st.none(), DAYS)), draw(st.one_of(st.none(), DAYS))
        found.append(
            accounts.contract(
                name, draw(INSTANTS), draw(AMOUNTS), starts and starts.isoformat(),
                ends and ends.isoformat(), event=event, order=n,
            )
        )  # fmt: skip
    return found


@st.composite
def lives(draw):
    """Everything about one customer."""
    found = [one for n in range(draw(st.integers(0, 3))) for one in draw(deals(f"D{n}"))]
    found += [one for n in range(draw(st.integers(0, 3))) for one in draw(contracts(f"C{n}"))]
    for n in range(draw(st.integers(0, 2))):
        found.append(accounts.refund(f"R{n}", draw(INSTANTS), draw(AMOUNTS), account="acme"))
    return found


@st.composite
def policies(draw):
    found = [default_policy("CNY")]
    for version in range(1, draw(st.integers(0, 3)) + 1):
        basis = draw(st.sampled_from(["annual_fee", "trailing_revenue"]))
        period = draw(st.sampled_from(["year", "quarter", "month"]))
        found.append(
            replace(
                found[0], version=version, effective_on=draw(DAYS), basis=basis,
                planning_period=period,
            )
        )  # fmt: skip
    return dated(found)
