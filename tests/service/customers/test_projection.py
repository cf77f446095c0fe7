"""The projection: whatever the order, the repetition, the replicas and the outages, the same."""

import random

import httpx
import orjson
import pytest

from services.customers.actions.project import world_of
from services.customers.domain.customer import derive
from services.kit import limits
from services.kit.db import Database
from tests.support import accounts
from tests.support.accounts import at, member

ANN, BOB, CID, EVE = (member(name) for name in ("ann", "bob", "cid", "eve"))


def life(seed, account):
    """A year and a half of one account, with everything that can be corrected."""
    chance = random.Random(f"{seed}-{account}")  # noqa: S311
    owners = chance.choice([{ANN: 10_000}, {ANN: 6_000, BOB: 4_000}, {CID: 10_000}])
    name = f"{account}-1"
    day = f"2025-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
    late = f"2026-{chance.randrange(1, 5):02}-{chance.randrange(1, 29):02}"
    found = [
        [
            accounts.deal("created", name, at("2024-12-01"), account=account, owners=owners),
            accounts.won(name, at(day), chance.choice([100, 29_999, 30_000, 90_000]),
                         account=account, owners=owners, order=1),
        ],
        [accounts.contract(name, at(day), chance.choice([29_999, 30_000, 100_000, 100_001]), day,
                           late, account=None, deal=name)],
        [accounts.refund(name, at(late), 50, deal=name)],
        [accounts.collection(name, at(late), 70, contract=name)],
    ]  # fmt: skip
    if chance.random() < 0.5:
        found.append([accounts.described(account, at(day), account.title(), owners={EVE: 10_000})])
    if chance.random() < 0.5:
        found[0].append(
            accounts.deal("reopened", name, at(late), account=account, owners=owners, order=2)
        )
    if chance.random() < 0.4:  # the deal turns out to be another account's
        wrong = found[0]
        right = [
            accounts.Made(one.type, one.subject, one.at, {**one.payload, "account": "other"})
            for one in wrong
        ]
        found[0] = [*wrong, accounts.taken_back(*wrong), *right]
    if chance.random() < 0.4:
        signed = found[1][0]
        found[1] += [accounts.taken_back(signed),
                     accounts.contract(name, at(day), 55_000, day, None, account=account)]  # fmt: skip
    return found


def interleaved(seed, sequences):
    """Any order that keeps each subject's own: as kpi appends what arrives in any order."""
    chance = random.Random(seed)  # noqa: S311
    waiting = [list(one) for one in sequences]
    while waiting:
        one = chance.choice(waiting)
        yield one.pop(0)
        if not one:
            waiting.remove(one)


async def shown(world):
    """Everything that is derived, without what depends on where pages were cut."""
    found = {}
    async with world.office.database.read(world.tenant_id) as connection:
        for table in ("customer", "tier_change", "class_fix", "task", "task_assignee"):
            rows = await connection.fetch(
                f"SELECT * FROM {table} WHERE tenant_id = $1", world.tenant_id
            )
            found[table] = sorted(
                orjson.dumps({k: v for k, v in dict(row).items() if k != "tenant_id"}, default=str)
                for row in rows
            )
    return found


async def fresh(world):
    """The same, worked out from the standing records of the whole log at once."""
    standing = {}
    for item in world.log.entries[world.tenant_id]:
        if item["kind"] == "conclusion":
            for gone in item["supersedes"]:
                standing.pop(gone, None)
            if item["type"] != accounts.SUPERSEDED:
                made = accounts.Made(
                    item["type"], item["subject"],
                    item["effective_at"] and at(item["effective_at"][:10]), item["payload"],
                )  # fmt: skip
                standing[item["id"]] = made
    by_subject = {}
    for one in standing.values():
        by_subject.setdefault(one.subject, []).append(one)

    def account(subject):
        payload = by_subject[subject][-1].payload
        if payload.get("account"):
            return payload["account"]
        links = (payload.get("deal"), payload.get("contract"))
        return next((account(link) for link in links if link in by_subject), None)

    grouped = {}
    for subject, made in by_subject.items():
        grouped.setdefault(account(subject), []).extend(made)
    async with world.office.database.read(world.tenant_id) as connection:
        common = await world_of(connection, world.tenant_id)
    return {
        name: derive(name, accounts.standing(*made), set(), common)
        for name, made in grouped.items()
        if name is not None
    }


async def agrees(world):
    """The live projection is what a fresh calculation says, and doctor agrees."""
    expected = await fresh(world)
    async with world.office.database.read(world.tenant_id) as connection:
        rows = await connection.fetch(
            "SELECT account, tier, value_minor, revenue_minor, collected_minor, owner_id::text, "
            "customer_since, planning_class FROM customer WHERE tenant_id = $1",
            world.tenant_id,
        )
        changes = await connection.fetch(
            "SELECT c.account, t.effective_on, t.tier FROM tier_change t JOIN customer c "
            "ON c.tenant_id = $1 AND c.id = t.customer_id WHERE t.tenant_id = $1 ORDER BY 1, 2",
            world.tenant_id,
        )
    assert {row["account"]: tuple(row)[1:] for row in rows} == {
        name: (
            one.dated.tier, one.dated.value_minor, one.dated.revenue_minor,
            one.dated.collected_minor, one.owner_id, one.dated.customer_since,
            one.dated.fixed.planning_class,
        )
        for name, one in expected.items()
    }  # fmt: skip
    assert [tuple(row) for row in changes] == [
        (name, change.effective_on, change.tier)
        for name in sorted(expected)
        for change in expected[name].dated.tiers
    ]
    found = await world.doctor()
    assert (found.differences, found.examples) == (0, [])
    assert found.rows > 20


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_and_page_gives_what_a_fresh_calculation_gives(world, seed, monkeypatch):
    monkeypatch.setattr(limits, "FEED_PAGE", [3, 7, 50, 11][seed])
    lives = [sequence for n in range(6) for sequence in life(seed, f"acct{n}")]
    said = list(interleaved(seed, lives))
    for n, made in enumerate(said):
        if n == len(said) // 3:
            await world.day("2026-02-10")
        if n == len(said) // 2:
            await world.day("2026-05-04")
        await world.say(made)
        if n % 11 == 0:
            await world.settled()
    await world.settled()
    await agrees(world)
    assert await told_is_so(world)
    # Six of the days on which contracts end and wins grow old.
    for day in ("2026-05-05", "2026-07-01", "2026-09-30", "2026-12-31", "2027-01-01", "2027-06-01"):
        await world.day(day)
    await world.settled()
    await agrees(world)
    assert await told_is_so(world)


async def told_is_so(world):
    """Who reads the facts in the log's order knows the history."""
    known = {}
    for fact in world.log.facts:
        if fact["type"] == "tier.changed.v1":
            payload = fact["payload"]
            known.setdefault(payload["account"], {})[payload["effective_on"]] = payload["tier"]
    for account, one in (await fresh(world)).items():
        steps = {change.effective_on.isoformat(): change.tier for change in one.dated.tiers}
        days = sorted({*known.get(account, {}), *steps})
        before_told = before_so = None
        for day in days:
            before_told = known.get(account, {}).get(day, before_told)
            before_so = steps.get(day, before_so)
            assert before_told == before_so, (account, day)
    return True


async def test_two_orders_of_the_same_set_end_alike(world):
    lives = [sequence for n in range(5) for sequence in life("x", f"acct{n}")]
    await world.day("2026-05-04")
    for made in interleaved(1, lives):
        await world.say(made)
    await world.settled()
    first = await shown(world)
    world.tenant_id = world.log.tenant("again")
    await world.organise()
    for made in interleaved(2, lives):
        await world.say(made)
    await world.day("2026-05-04")
    await world.settled()
    second = await shown(world)

    def plain(rows):  # ids are made of the tenant's
        keep = ("account", "name", "tier", "value_minor", "revenue_minor", "owner_id")
        return sorted([{key: one[key] for key in keep} for one in map(orjson.loads, rows)],
                      key=lambda one: one["account"])  # fmt: skip

    assert plain(first["customer"]) == plain(second["customer"])
    assert {table: len(rows) for table, rows in first.items()} == {
        table: len(rows) for table, rows in second.items()
    }


@pytest.mark.parametrize("away", [503, httpx.ConnectError("refused")])
async def test_kpi_away_delays_facts_and_loses_none(world, away):
    await world.day("2026-01-15")
    await world.say(accounts.contract("C1", at("2026-01-05"), 120_000, "2026-01-01", "2026-01-31"))
    await world.settled()
    before = len(world.log.facts)
    # The day reaches customers before kpi goes away; what follows from it cannot leave.
    taking = world.log._take

    async def refuse(_tenant_id, _facts):
        world.log.away = away
        return httpx.Response(503, json={"code": "unavailable"})

    world.log._take = refuse
    await world.day("2026-02-01")
    while world.log.away is None:
        await world.office.progress.wait(world.tenant_id, 0.05)
    assert len(world.log.facts) == before
    assert (await world.get("/outbox"))["pending"] == 1
    world.log._take, world.log.away = taking, None
    await world.settled()
    assert world.told("tier.changed.v1") == [
        ("acme", "2026-01-01", "strategic"), ("acme", "2026-02-01", "basic"),
    ]  # fmt: skip
    assert (await world.get("/outbox"))["pending"] == 0


async def test_replay_swaps_the_same_in_and_tells_nothing(world, clone_owner):
    await world.day("2026-05-04")
    for sequence in life(3, "acct1"):
        for made in sequence:
            await world.say(made)
    await world.settled()
    before, told = await shown(world), len(world.log.facts)
    # Somebody's hand in the live tables is what replay takes back.
    await world.admin.execute("UPDATE customer SET tier = 'basic', value_minor = 7")
    assert (await world.doctor()).differences > 0
    owner = Database(clone_owner)
    await owner.open()
    async with owner.write(world.tenant_id) as connection:
        offset = await world.beside().replay(connection, world.tenant_id, lambda _d, _a: None)
    await owner.close()
    assert offset == len(world.log.entries[world.tenant_id])
    assert await shown(world) == before
    assert (await world.doctor()).differences == 0
    assert len(world.log.facts) == told
    assert (await world.get("/outbox"))["pending"] == 0


async def test_a_record_that_moves_to_another_account_takes_what_names_it_along(world):
    await world.day("2026-05-04")
    wrong = accounts.won("D1", at("2026-03-01"), 90_000, account="acme", owners={ANN: 10_000})
    await world.say(accounts.refund("R1", at("2026-04-01"), 40_000, contract="C1"))
    await world.say(accounts.contract("C1", at("2026-03-01"), 50_000, None, None, account=None,
                                      deal="D1"))  # fmt: skip
    await world.settled()
    assert await world.read("acme") is None
    await world.say(wrong)
    await world.settled()
    read = await world.read("acme")
    assert (read["value"]["amount"], read["revenue"]["amount"]) == ("50000.00", "50000.00")
    await world.say(accounts.taken_back(wrong))
    await world.say(
        accounts.won("D1", at("2026-03-01"), 90_000, account="bolt", owners={ANN: 10_000})
    )
    await world.settled()
    assert await world.read("acme") is None
    read = await world.read("bolt")
    assert (read["value"]["amount"], read["revenue"]["amount"]) == ("50000.00", "50000.00")
    assert ("acme", "2026-03-01", None) in world.told("tier.changed.v1")
    await agrees(world)
