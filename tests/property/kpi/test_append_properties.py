"""The log over a real database: shuffled, tripled, late deliveries give the numbers of a tidy one."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.databases import Urls
from services.kit import ids, limits
from services.kit.db import Database
from services.kpi.actions.append import append
from services.kpi.actions.facts import Fact
from services.kpi.actions.project import NO_END, advance
from services.kpi.actions.submission import Item, Outcome, Submission
from services.kpi.actions.world import World
from services.kpi.domain import events, intake, mapping
from services.kpi.domain.reading import EventReader, MappingReader
from tests.support.kpi import MAPPING, STAGES

NOW = datetime(2026, 3, 31, 4, tzinfo=UTC)
SOURCE, API = ids.new(), ids.new()
UNITS = {name: ids.new() for name in ("region", "north", "south")}
MEMBERS = {name: ids.new() for name in ("ann", "ben", "cai")}
DAYS = [f"2026-01-0{day}" for day in range(1, 9)]
POSTING = (
    "subject, log_offset, event_id::text, scope::text, measure, pipeline, stage, product, channel, "
    "currency, day, effective_on, days, deals, amount_minor"
)


@pytest.fixture(scope="module")
async def database(clone: Callable[[str], Urls]) -> AsyncIterator[Database]:
    """One database for all examples; each takes tenants of its own."""
    database = Database(clone("kpi").app)
    await database.open()
    yield database
    await database.close()


# --- what happens, in order ----------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """Facts in their order, and events of our API in some order."""

    facts: list[tuple[str, str, Mapping[str, Any]]]
    events: list[Mapping[str, Any]]


def unit(name: str, *spans: tuple[str | None, str, str | None]) -> tuple[str, str, Any]:
    placements = [
        {"parent_id": UNITS.get(parent or ""), "starts_on": start, "ends_on": end}
        for parent, start, end in spans
    ]
    return events.UNIT_PLACED, f"unit:{UNITS[name]}", {
        "unit_id": UNITS[name], "external_id": f"crm:{name}", "manager_id": None,
        "parent_id": placements[-1]["parent_id"], "placements": placements,
    }  # fmt: skip


def moved(name: str, *spans: tuple[str, str, str | None]) -> tuple[str, str, Any]:
    return events.MEMBER_MOVED, f"member:{MEMBERS[name]}", {
        "member_id": MEMBERS[name],
        "memberships": [
            {"unit_id": UNITS[unit], "starts_on": start, "ends_on": end, "share_bp": 10_000}
            for unit, start, end in spans
        ],
    }  # fmt: skip


def configured(zone: str) -> tuple[str, str, Any]:
    return events.TENANT_CONFIGURED, "tenant:acme", {
        "zone": zone, "currency": "CNY", "fiscal_start_month": 1, "week_rule": "iso_clipped",
        "effective_on": "2020-01-01",
    }  # fmt: skip


# Without these no event can be used.
FIRST = [
    configured("Asia/Shanghai"),
    (events.PIPELINE_CONFIGURED, "pipeline:sales", {
        "code": "sales", "name": "Sales",
        "stages": [{**stage, "position": n} for n, stage in enumerate(STAGES)],
    }),
    *((events.MEMBER_JOINED, f"member:{member}", {
        "member_id": member, "external_id": f"crm:{name}", "joined_on": "2020-01-01",
        "left_on": None,
      }) for name, member in MEMBERS.items()),
]  # fmt: skip
# These may come at any time; the last of a subject holds.
LATER = [
    unit("region", (None, "2020-01-01", None)),
    unit("north", ("region", "2020-01-01", None)),
    unit("south", ("region", "2020-01-01", None)),
    moved("ann", ("north", "2020-01-01", None)),
    moved("ben", ("north", "2020-01-01", None)),
    moved("cai", ("south", "2020-01-01", None)),
    configured("America/New_York"),  # not the last: it counts every deal anew
    moved("ann", ("north", "2020-01-01", "2026-01-04"), ("south", "2026-01-04", None)),
    unit("south", ("region", "2020-01-01", "2026-01-06"), ("north", "2026-01-06", None)),
]
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


# --- how it arrives ------------------------------------------------------------------------------


async def deliver(
    database: Database,
    tenant: str,
    facts: Sequence[tuple[str, str, Mapping[str, Any]]],
    batches: Sequence[Sequence[Mapping[str, Any]]],
) -> list[Outcome]:
    """One append: the facts, and each batch as a submission of its own."""
    stated = [Fact(ids.new(), type_, subject, NOW, payload) for type_, subject, payload in facts]
    submissions = [Submission(tenant, API, facts=stated)] if stated else []
    submissions += [
        Submission(
            tenant, SOURCE, EventReader(), [Item(str(intake.key(event)), event) for event in batch],
            strict=True,
        )
        for batch in batches
    ]  # fmt: skip
    async with database.write(tenant) as connection:
        return await append(connection, tenant, submissions, NOW)


async def project(
    database: Database, tenant: str, world: World | None = None, *, until: int = NO_END
) -> World | None:
    """Bring the projection to the head, or to an offset, a batch a transaction."""
    while True:
        async with database.write(tenant) as connection:
            moved = await advance(connection, tenant, world, until=until)
        if moved is None:
            return world
        world = moved[1]


async def rows(database: Database, tenant: str, query: str) -> list[tuple[Any, ...]]:
    async with database.read(tenant) as connection:
        return [tuple(row) for row in await connection.fetch(query)]


async def numbers(database: Database, tenant: str) -> dict[str, Any]:
    """What a reader can see, without ids and offsets."""
    net: Counter[Any] = Counter()
    for _, _, _, *key, deals, minor in await rows(
        database,
        tenant,
        f"SELECT {POSTING.replace('subject', 'subject AS s', 1)} FROM funnel_posting",
    ):
        net[*key, "deals"] += deals
        net[*key, "minor"] += minor
    return {
        "rollups": sorted(await rows(
            database, tenant,
            "SELECT scope::text, measure, pipeline, day, stage, product, channel, currency, days, "
            "deals, amount_minor FROM funnel_rollup WHERE deals <> 0 OR amount_minor <> 0",
        )),
        "deals": await rows(
            database, tenant,
            "SELECT subject, owners::text[], owner_history::text[], pipeline, stage, kind, "
            "amount_minor, currency, product, channel, created_on, closed_on, undated, incomplete, "
            "deleted FROM deal WHERE pipeline IS NOT NULL OR NOT deleted ORDER BY subject",
        ),
        "postings": {key: value for key, value in net.items() if value},
    }  # fmt: skip


async def copied(database: Database, tenant: str) -> str:
    """A tenant with the same log and nothing projected of it."""
    other = ids.new()
    columns = (
        "log_offset, id, kind, type, subject, effective_at, recorded_at, supersedes, cause, payload"
    )
    log = await rows(database, tenant, f"SELECT {columns} FROM entry ORDER BY log_offset")
    async with database.write(other) as connection:
        await connection.execute("INSERT INTO log_head VALUES ($1, $2)", other, len(log))
        await connection.executemany(
            f"INSERT INTO entry (tenant_id, {columns}) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            [(other, *row) for row in log],
        )
    return other


async def projected(database: Database, tenant: str) -> list[list[tuple[Any, ...]]]:
    """Every row of the projection, ids and offsets included."""
    postings = await rows(database, tenant, f"SELECT {POSTING} FROM funnel_posting")
    deals = await rows(database, tenant, "SELECT * FROM deal ORDER BY subject")
    versions = "SELECT subject_id::text, log_offset FROM subject_version ORDER BY subject_id"
    return [
        sorted(postings),
        [row[1:] for row in deals],  # all but the tenant
        await rows(database, tenant, versions),
    ]


async def tidy(database: Database, given: Given) -> str:
    """A tenant to which everything came once, in order, and was projected at the end."""
    tenant = ids.new()
    await deliver(database, tenant, [*FIRST, *given.facts], [given.events])
    await project(database, tenant)
    return tenant


async def messy(database: Database, given: Given, draw: Callable[[Any], Any]) -> str:
    """A tenant to which it came tripled, shuffled, a tenth late, in pieces."""
    tenant, facts = ids.new(), list(given.facts)
    late = given.events[:: len(given.events) // max(1, len(given.events) // 10)][:2]
    order = draw(st.permutations([event for event in given.events if event not in late] * 3))
    left = [*order, *late, *late, *late]
    await deliver(database, tenant, FIRST, [])
    world = None
    while left or facts:
        known, size = draw(st.integers(0, 3)) if left else len(facts), draw(st.integers(1, 12))
        batch, left = left[:size], left[size:]
        cut = size // 2
        requests = [request for request in (batch[:cut], batch[cut:]) if request]
        await deliver(database, tenant, facts[:known], requests)
        facts = facts[known:]
        if draw(st.booleans()):
            world = await project(database, tenant, world)
    await project(database, tenant, world)
    return tenant


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


async def offsets_have_no_gap(database: Database, tenant: str, given: Given) -> None:
    offsets = await rows(database, tenant, "SELECT log_offset FROM entry ORDER BY log_offset")
    assert [offset for (offset,) in offsets] == list(range(1, len(offsets) + 1))
    (outcome,) = await deliver(database, tenant, [], [given.events])
    assert outcome.offset == len(offsets)
    assert {result.status for result in outcome.results} == {"duplicate"}


async def the_log_tells_what_the_engine_keeps(database: Database, tenant: str) -> None:
    """The engine's conclusions are those of the log that no later entry superseded."""
    standing: dict[str, set[str]] = {}
    for subject, id_, type_, supersedes in await rows(
        database, tenant,
        "SELECT subject, id::text, type, supersedes::text[] FROM entry "
        "WHERE kind = 'conclusion' ORDER BY log_offset",
    ):  # fmt: skip
        mine = standing.setdefault(subject, set())
        assert set(supersedes) <= mine
        mine -= set(supersedes)
        mine |= set() if type_ == "conclusions.superseded.v1" else {id_}
    for subject, state in await rows(database, tenant, "SELECT subject, state FROM subject"):
        kept = {conclusion[0] for conclusion in orjson.loads(state)["conclusions"]}
        assert kept == standing.get(subject, set())


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
