"""The log over a real database: shuffled, tripled, late deliveries give the numbers of a tidy one."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.databases import Urls
from services.kit import ids, limits
from services.kit.db import Database
from services.kpi.actions.append import append
from services.kpi.actions.submission import Item, Submission
from services.kpi.domain import mapping
from services.kpi.domain.reading import MappingReader
from tests.support.appending import (
    DAYS,
    FIRST,
    LATER,
    MEMBERS,
    NOW,
    SOURCE,
    Given,
    copied,
    deliver,
    messy,
    numbers,
    offsets_have_no_gap,
    project,
    projected,
    rows,
    the_log_tells_what_the_engine_keeps,
    tidy,
)
from tests.support.kpi import MAPPING, STAGES


@pytest.fixture(scope="module")
async def database(clone: Callable[[str], Urls]) -> AsyncIterator[Database]:
    """One database for all examples; each takes tenants of its own."""
    database = Database(clone("kpi").app)
    await database.open()
    yield database
    await database.close()


_data = st.fixed_dictionaries(
    {"deal": st.sampled_from(["D1", "D2", "D3"])},
    optional={
        "stage": st.sampled_from([stage["code"] for stage in STAGES]),
        "amount": st.integers(0, 500).map(str),
        "product": st.sampled_from(["disk", "tape"]),
        "owners": st.sampled_from([
            [{"owner": "crm:ann", "share_bp": 10_000}],
            [{"owner": "crm:cai", "share_bp": 10_000}],
            [{"owner": "crm:ann", "share_bp": 6_000}, {"owner": "crm:ben", "share_bp": 4_000}],
            [{"owner": "crm:ann", "share_bp": 4_000}, {"owner": "crm:ben", "share_bp": 3_000},
             {"owner": MEMBERS["ben"], "share_bp": 3_000}],
        ]),
        "version": st.integers(0, 1),
        "kind": st.just("snapshot"),
    },
)  # fmt: skip
_signs = st.builds(
    lambda deal, kind: {"deal": deal, "kind": kind},
    st.sampled_from(["D1", "D2", "D3"]),
    st.sampled_from(["deleted", "restored", "notice"]),
)
_times = st.none() | st.sampled_from(
    [f"{day}T{hour}:00:00Z" for day in DAYS for hour in ("02", "20")]
)


@st.composite
def histories(draw: Any) -> Given:
    found: list[Mapping[str, Any]] = []
    for number, (data, at) in enumerate(
        draw(st.lists(st.tuples(_data | _data | _data | _signs, _times), min_size=3, max_size=16))
    ):
        found.append({"id": f"e{number}", "type": "deal.observed.v1", "time": at, "data": data})
    for number in draw(st.sets(st.integers(0, len(found) - 1), max_size=2)):
        data = {"deal": found[number]["data"]["deal"], "retracts": f"e{number}"}
        found.append({"id": f"r{number}", "type": "observation.retracted.v1", "data": data})
    return Given(LATER, found)


# --- what must hold ------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(histories(), st.data())
async def test_tripled_shuffled_and_late_gives_the_same_numbers(database, given, data):
    tenant = await messy(database, given, data.draw)
    assert await numbers(database, tenant) == await numbers(database, await tidy(database, given))
    await offsets_have_no_gap(database, tenant, given)
    await the_log_tells_what_the_engine_keeps(database, tenant)


@settings(max_examples=25, deadline=None)
@given(histories(), st.data())
async def test_a_rebuilt_projection_is_the_live_one(database, given, data):
    tenant = await messy(database, given, data.draw)
    live = await projected(database, tenant)
    for size in (500, 1, data.draw(st.integers(2, 9))):
        other = await copied(database, tenant)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(limits, "PROJECTION_BATCH", size)
            await project(database, other)
        assert await projected(database, other) == live


# --- by example ----------------------------------------------------------------------------------


def event(id_: str, at: str | None = None, **data: Any) -> dict[str, Any]:
    return {"id": id_, "type": "deal.observed.v1", "time": at, "data": {"deal": "D1", **data}}


async def test_a_retraction_may_come_before_its_event(database):
    tenant = ids.new()
    await deliver(database, tenant, FIRST, [[event("a", "2026-01-01T02:00:00Z", stage="lead")]])
    taken_back = {
        "id": "r",
        "type": "observation.retracted.v1",
        "data": {"deal": "D1", "retracts": "b"},
    }
    await deliver(database, tenant, [], [[taken_back]])
    await deliver(database, tenant, [], [[event("b", "2026-01-02T02:00:00Z", stage="won")]])
    await project(database, tenant)
    assert await rows(database, tenant, "SELECT kind, deleted FROM deal") == [("open", False)]


async def test_a_row_that_changes_within_one_append_ends_as_its_last(database):
    """An import's items may have one source and bodies, so keys, of their own."""
    tenant, document = ids.new(), {**MAPPING, "source": "deal"}
    reader = MappingReader(mapping.compile(document), "crm")
    items = [
        Item(
            stage, {"deal": "D1", "at": "2026-01-05T09:00:00+08:00", "stage": stage, "owner": "ann"}
        )
        for stage in ("lead", "won", "intent")
    ]
    await deliver(database, tenant, FIRST, [])
    async with database.write(tenant) as connection:
        await append(connection, tenant, [Submission(tenant, SOURCE, reader, items)], NOW)
    await project(database, tenant)
    assert await rows(database, tenant, "SELECT stage FROM deal") == [("intent",)]
    observed = (
        "SELECT cardinality(supersedes) FROM entry WHERE kind = 'observation' ORDER BY log_offset"
    )
    assert await rows(database, tenant, observed) == [(0,), (1,), (1,)]


async def test_an_owner_named_by_two_ids_is_one_owner(database):
    tenant = ids.new()
    shares = [{"owner": "crm:ben", "share_bp": 4_000}, {"owner": MEMBERS["ben"], "share_bp": 2_000},
              {"owner": "crm:ann", "share_bp": 4_000}]  # fmt: skip
    first = event("a", "2026-01-01T02:00:00Z", stage="lead", amount="1", owners=shares)
    await deliver(database, tenant, FIRST, [[first]])
    await project(database, tenant)
    found = await rows(
        database, tenant,
        "SELECT scope::text, deals, amount_minor FROM funnel_rollup WHERE measure = 'open'",
    )  # fmt: skip
    assert sorted(found) == sorted([(MEMBERS["ben"], 1, 60), (MEMBERS["ann"], 1, 40)])


@pytest.mark.parametrize("at", ["1900-01-01T00:30:00+08:00", "2200-12-31T23:30:00-08:00"])
async def test_a_time_that_no_calendar_has_is_refused_and_blocks_nothing(database, at):
    """1900 began in Shanghai while it was 1899 in UTC; the projection must never meet that."""
    tenant = ids.new()
    bad, good = event("a", at, stage="lead"), event("b", "2026-01-02T02:00:00Z", stage="lead")
    _, outcome = await deliver(database, tenant, FIRST, [[bad, good]])
    assert [result.code for result in outcome.results] == ["bad_time", None]
    await project(database, tenant)
    assert len(await rows(database, tenant, "SELECT 1 FROM deal")) == 1


async def test_a_move_later_in_a_batch_leaves_alone_whom_the_deal_left(database):
    """Projected with the change of owner in one batch, or apart: a move finds the same deals."""
    tenant = ids.new()
    await deliver(database, tenant, [*FIRST, *LATER[:6]], [
        [event("a", "2026-01-01T02:00:00Z", stage="lead", owner="crm:ann")],
    ])  # fmt: skip
    world = await project(database, tenant)
    taken_back = {
        "id": "r",
        "type": "observation.retracted.v1",
        "data": {"deal": "D1", "retracts": "a"},
    }
    (handed_over,) = await deliver(database, tenant, [], [
        [event("b", "2026-01-02T02:00:00Z", stage="lead", owner="crm:cai"), taken_back]
    ])  # fmt: skip
    await deliver(database, tenant, [LATER[7]], [])
    await project(database, tenant, world)
    other = await copied(database, tenant)
    await project(database, other, until=handed_over.offset)
    await project(database, other)
    assert await projected(database, other) == await projected(database, tenant)
