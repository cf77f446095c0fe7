"""The caller's deadline ends a read, and the metrics name routes by their templates."""

import pytest

from services.kit import deadline
from services.kit.db import Database
from services.kit.errors import DeadlineExceeded, Unavailable
from tests.support.kpi import running_kpi


async def test_a_read_ends_with_the_callers_patience(kpi_url: str) -> None:
    database = Database(kpi_url)
    await database.open()
    try:
        deadline.begin(b"100")
        with pytest.raises(Unavailable):
            async with database.read(None) as connection:
                await connection.execute("SELECT pg_sleep(20)")
        deadline.begin(b"0")
        with pytest.raises(DeadlineExceeded):
            async with database.read(None):
                pass
    finally:
        deadline.begin(None)
        await database.close()


async def test_a_patient_callers_read_is_not_cut(kpi_url: str) -> None:
    async with running_kpi(kpi_url) as kpi:
        await kpi.company()
        headers = {**kpi.token("acme"), "headwater-deadline-millis": "5000"}
        assert (await kpi.client.get("/kpi/v1/deals", headers=headers)).status_code == 200
        impatient = {**kpi.token("acme"), "headwater-deadline-millis": "0"}
        answer = await kpi.client.get("/kpi/v1/deals", headers=impatient)
        assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")


async def test_metrics_name_templates(kpi_url: str) -> None:
    async with running_kpi(kpi_url) as kpi:
        company = await kpi.company()
        await kpi.connect(company)
        await kpi.deliver({"deal": "D1", "stage": "lead", "owner": "ann"})
        text = (await kpi.client.get("/metrics")).text
    assert 'route="/webhooks/{connection}",status="202"' in text
    assert company.tenant_id not in text
