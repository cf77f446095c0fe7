"""The log over a real database: what happens, in which order it arrives, and what a reader then sees."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import strategies as st

from services.kit import ids
from services.kit.db import Database
from services.kpi.actions.append import append
from services.kpi.actions.facts import Fact
from services.kpi.actions.project import NO_END, advance
from services.kpi.actions.submission import Item, Outcome, Submission
from services.kpi.actions.world import World
from services.kpi.domain import events, intake
from services.kpi.domain.reading import EventReader
from tests.support.kpi import STAGES

NOW = datetime(2026, 3, 31, 4, tzinfo=UTC)
SOURCE, API = ids.new(), ids.new()
UNITS = {name: ids.new() for name in ("region", "north", "south")}
MEMBERS = {name: ids.new() for name in ("ann", "ben", "cai")}
DAYS = [f"2026-01-0{day}" for day in range(1, 9)]
POSTING = (
    "subject, log_offset, event_id::text, scope::text, measure, pipeline, stage, product, channel, "
    "currency, day, effective_on, days, deals, amount_minor"
)


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
    records = "SELECT subject, owners::text[], leans_on, log_offset FROM record ORDER BY subject"
    return [
        sorted(postings),
        await rows(database, tenant, records),
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
