"""Records over a real database: whatever comes first, late or thrice, the numbers are the same."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.databases import Urls
from services.kit import limits
from services.kit.db import Database
from tests.support.appending import (
    DAYS,
    LATER,
    Given,
    copied,
    messy,
    numbers,
    offsets_have_no_gap,
    project,
    projected,
    rows,
    the_log_tells_what_the_engine_keeps,
    tidy,
)


@pytest.fixture(scope="module")
async def database(clone: Callable[[str], Urls]) -> AsyncIterator[Database]:
    """One database for all examples; each takes tenants of its own."""
    database = Database(clone("kpi").app)
    await database.open()
    yield database
    await database.close()


_owners = st.sampled_from([
    [], [{"owner": "crm:ann", "share_bp": 10_000}], [{"owner": "crm:cai", "share_bp": 10_000}],
    [{"owner": "crm:ann", "share_bp": 3_333}, {"owner": "crm:ben", "share_bp": 6_667}],
])  # fmt: skip
_amounts = st.integers(0, 500).map(str)
_deals = st.none() | st.sampled_from(["D1", "D2", "elsewhere:D9"])
_contracts = st.none() | st.sampled_from(["C1", "C2"])
_schedules = st.sampled_from(
    [[], [{"due_on": DAYS[2], "amount": "1.01"}], [{"due_on": DAYS[5], "amount": "70"}]]
)
_parties = {"owners": _owners, "deal": _deals}
_STATED: Mapping[str, Any] = {
    "deal": {"owners": _owners, "amount": _amounts, "stage": st.sampled_from(["lead", "won"])},
    "contract": {
        **_parties, "amount": _amounts, "schedule": _schedules,
        "starts_on": st.just("2026-01-01"), "ends_on": st.sampled_from(["2026-06-30", "2028-03-09"]),
    },
    "collection": {**_parties, "amount": _amounts, "contract": _contracts},
    "refund": {**_parties, "amount": _amounts, "contract": _contracts},
    "activity": {**_parties, "activity_kind": st.sampled_from(["call", "visit"])},
}  # fmt: skip
_times = st.none() | st.sampled_from(
    [f"{day}T{hour}:00:00Z" for day in DAYS for hour in ("02", "20")]
)


@st.composite
def happenings(draw: Any) -> Given:
    """Events about two of each record, and now and then a retraction."""
    found: list[Mapping[str, Any]] = []
    for number in range(draw(st.integers(4, 16))):
        record = draw(st.sampled_from(sorted(_STATED)))
        data = {record: f"{record[0].upper()}{draw(st.integers(1, 2))}"}
        kind = draw(st.sampled_from(["delta", "delta", "delta", "snapshot", "deleted", "restored"]))
        if kind in {"delta", "snapshot"}:
            data |= draw(st.fixed_dictionaries({}, optional=dict(_STATED[record])))
        found.append({
            "id": f"e{number}", "type": f"{record}.observed.v1", "time": draw(_times),
            "data": {**data, "kind": kind},
        })  # fmt: skip
    for number in draw(st.sets(st.integers(0, len(found) - 1), max_size=2)):
        record = found[number]["type"].partition(".")[0]
        data = {record: found[number]["data"][record], "retracts": f"e{number}"}
        found.append({"id": f"r{number}", "type": "observation.retracted.v1", "data": data})
    return Given(LATER, found)


@settings(max_examples=40, deadline=None)
@given(happenings(), st.data())
async def test_tripled_shuffled_and_late_gives_the_same_numbers(database, given, data):
    tenant = await messy(database, given, data.draw)
    other = await tidy(database, given)
    assert await numbers(database, tenant) == await numbers(database, other)
    whose = "SELECT subject, owners::text[], leans_on FROM record ORDER BY subject"
    standing = [row for row in await rows(database, tenant, whose) if row[1] or row[2]]
    assert standing == [row for row in await rows(database, other, whose) if row[1] or row[2]]
    await offsets_have_no_gap(database, tenant, given)
    await the_log_tells_what_the_engine_keeps(database, tenant)


@settings(max_examples=30, deadline=None)
@given(happenings(), st.data())
async def test_a_rebuilt_projection_is_the_live_one(database, given, data):
    tenant = await messy(database, given, data.draw)
    live = await projected(database, tenant)
    for size in (500, 1, data.draw(st.integers(2, 9))):
        other = await copied(database, tenant)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(limits, "PROJECTION_BATCH", size)
            await project(database, other)
        assert await projected(database, other) == live
