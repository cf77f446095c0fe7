"""A check asked for by HTTP, done by a worker process."""

import asyncio

import pytest

from services.kit.db import Database
from tests.support.kpi import running_kpi


async def _finished(kpi: object, location: str) -> dict[str, object]:
    while True:
        answer = await kpi.client.get(location, headers=kpi.token("acme"))  # type: ignore[attr-defined]
        if answer.json()["state"] != "running":
            return answer.json()  # type: ignore[no-any-return]
        await asyncio.sleep(0.05)


async def test_a_check_finds_nothing_then_what_was_spoilt(kpi_url: str) -> None:
    async with running_kpi(kpi_url) as kpi:
        company = await kpi.company()
        await kpi.connect(company)
        body = {"deal": "D1", "at": "2026-01-05T09:00:00+08:00", "stage": "lead", "owner": "ann"}
        offset = (await kpi.deliver(body)).json()["offset"]
        await kpi.funnel(company, company.members["ann"], "2026-Q1", offset=offset)
        asked = await kpi.client.post("/kpi/v1/checks", headers=kpi.token("acme"))
        assert asked.status_code == 202
        clean = await _finished(kpi, asked.headers["location"])
        assert clean["state"] == "done", clean
        assert clean["result"]["differences"] == 0  # type: ignore[index]
        assert clean["result"]["rows"] > 0  # type: ignore[index]

        database = Database(kpi_url)
        await database.open()
        async with database.write(company.tenant_id) as connection:
            await connection.execute(
                "UPDATE funnel_rollup SET deals = deals + 1 WHERE measure = 'entered' "
                "AND scope = $1 AND tenant_id = $2", company.members["ann"], company.tenant_id,
            )  # fmt: skip
        await database.close()
        asked = await kpi.client.post("/kpi/v1/checks", headers=kpi.token("acme"))
        spoilt = await _finished(kpi, asked.headers["location"])
        assert spoilt["result"]["differences"] == 2  # type: ignore[index]
        sides = {e["side"] for e in spoilt["result"]["examples"]}  # type: ignore[index]
        assert sides == {"live", "rebuilt"}


@pytest.mark.parametrize("role", ["rep", "manager", "finance", "customer_success"])
async def test_a_check_is_for_sales_operations(kpi_url: str, role: str) -> None:
    async with running_kpi(kpi_url) as kpi:
        await kpi.company()
        asked = await kpi.client.post("/kpi/v1/checks", headers=kpi.token("acme", role))
        assert (asked.status_code, asked.json()["code"]) == (403, "forbidden")
