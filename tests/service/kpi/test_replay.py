"""Replay: a spoilt projection is rebuilt from the log and swapped in, under the owner's role."""

from collections.abc import Callable

import pytest

from headwater.databases import Urls
from services.kit.db import Database
from services.kpi.actions.rebuild import FUNNEL
from tests.support.kpi import running_kpi, stage


def _quiet(_done: int, _total: int) -> None:
    """Nobody watches the progress."""


@pytest.mark.parametrize("spoil", [
    "UPDATE funnel_rollup SET deals = deals + 5 WHERE tenant_id = $1",
    "DELETE FROM funnel_posting WHERE tenant_id = $1",
    "DELETE FROM deal WHERE tenant_id = $1",
])  # fmt: skip
async def test_a_spoilt_projection_is_rebuilt(clone: Callable[[str], Urls], spoil: str) -> None:
    urls = clone("kpi")
    async with running_kpi(urls.app) as kpi:
        company = await kpi.company()
        await kpi.connect(company)
        ann = company.members["ann"]

        async def deliver(deal: str, at: str) -> int:
            body = {"deal": deal, "at": at, "stage": "lead", "owner": "ann", "amount": "10"}
            offset: int = (await kpi.deliver(body)).json()["offset"]
            return offset

        before = await kpi.funnel(
            company, ann, "2026-Q1", offset=await deliver("D1", "2026-01-05T09:00:00+08:00")
        )
        owner = Database(urls.owner)
        await owner.open()
        try:
            async with owner.write(company.tenant_id) as connection:
                await connection.execute(spoil, company.tenant_id)
            found = await FUNNEL.check(owner, company.tenant_id, _quiet)
            assert found.differences > 0
            async with owner.write(company.tenant_id) as connection:
                await FUNNEL.replay(connection, company.tenant_id, _quiet)
            assert await kpi.funnel(company, ann, "2026-Q1") == before
            # The live projection goes on from there.
            after = await kpi.funnel(
                company, ann, "2026-Q1", offset=await deliver("D2", "2026-01-06T09:00:00+08:00")
            )
            assert stage(after, "lead")["entered"] == stage(before, "lead")["entered"] + 1
            again = await FUNNEL.check(owner, company.tenant_id, _quiet)
            assert (again.differences, again.examples) == (0, [])
        finally:
            await owner.close()


async def test_the_apps_role_may_not_replay(clone: Callable[[str], Urls]) -> None:
    async with running_kpi(clone("kpi").app) as kpi:
        company = await kpi.company()
        database = kpi.app.state.kpi.database
        with pytest.raises(Exception, match="permission denied"):
            async with database.write(company.tenant_id) as connection:
                await FUNNEL.replay(connection, company.tenant_id, _quiet)
