"""Doctor sees what is wrong, replay puts it right, and a kpi that is away loses nothing."""

from services.incentives.actions.rebuild import pay
from services.kit.db import Database
from services.kit.feed import Feed
from tests.support.pay import ANN, BEN, plan, running, won


async def sold(world):
    await world.organise()
    await world.use(plan())
    await world.log.append(world.tenant_id, **won("d1", "2026-01-12", 900_000))
    await world.log.append(world.tenant_id, **won("d2", "2026-01-13", 100_000, BEN))
    await world.log.start_day(world.tenant_id, "2026-04-01")
    await world.close(ANN, "2026-Q1")


async def test_doctor_finds_a_changed_row_and_replay_mends_it(clone):
    urls = clone("incentives")
    async with running(urls.app) as world:
        await sold(world)
        before = await world.earned(ANN)
        database = world.app.state.office.database
        async with database.write(world.tenant_id) as connection:
            await connection.execute(
                "UPDATE credit SET amount_minor = amount_minor + 1 WHERE tenant_id = $1 "
                "AND member_id = $2", world.tenant_id, ANN,
            )  # fmt: skip
            await connection.execute(
                "DELETE FROM statement WHERE tenant_id = $1 AND member_id = $2",
                world.tenant_id, BEN,
            )  # fmt: skip
        found = await world.doctor()
        assert {(one.table, one.side) for one in found.examples} == {
            ("credit", "live"), ("credit", "rebuilt"), ("statement", "rebuilt"),
        }  # fmt: skip
        assert found.differences == 3

        owner = Database(urls.owner)
        await owner.open()
        beside = pay(Feed(service="incentives", kpi=world.log.client, signer=world.signer))
        async with owner.write(world.tenant_id) as connection:
            reached = await beside.replay(connection, world.tenant_id, lambda _done, _all: None)
        await owner.close()
        assert reached == found.offset
        assert (await world.doctor()).differences == 0
        assert await world.earned(ANN) == before
        assert (await world.earned(BEN))["earned"] == "8000.00"


async def test_a_log_that_is_away_delays_and_loses_nothing(clone):
    async with running(clone("incentives").app) as world:
        await sold(world)
        one = (await world.get(f"/statements?member={BEN}&period=2026-Q1"))["items"][0]
        world.log.away = 503
        await world.post(f"/statements/{one['id']}/approve")
        await world.post(f"/statements/{one['id']}/close")
        await world.log.append(world.tenant_id, **won("d3", "2026-03-30", 50_000, BEN))
        waiting = await world.get("/outbox", role="admin")
        assert waiting["pending"] == 2
        assert (await world.get(f"/statements/{one['id']}"))["statement"]["status"] == "closed"
        world.log.away = None
        adjusted = await world.earned(BEN, "2026-Q2")
        assert [line["amount"] for line in adjusted["lines"]] == ["4000.00"]
        told = [fact["type"] for fact in world.log.facts]
        assert told[-2:] == ["statement.approved.v1", "statement.closed.v1"]
        assert (await world.get("/outbox", role="admin"))["pending"] == 0
