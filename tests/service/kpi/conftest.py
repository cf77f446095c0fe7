"""A running kpi with a connected company: for all tests of a module, or for one."""

from collections.abc import AsyncIterator, Callable

import pytest

from headwater.databases import Urls
from tests.support.desk import Desk, open_desk
from tests.support.gate import Gate, until
from tests.support.kpi import running_kpi


@pytest.fixture(scope="module")
async def gate(clone: Callable[[str], Urls]) -> AsyncIterator[Gate]:
    async with running_kpi(clone("kpi").app) as kpi:
        company = await kpi.company("hidden-tenant")
        await kpi.connect(company)
        gate = Gate(kpi, company)
        await until(gate.day_started)
        yield gate


@pytest.fixture
async def desk(clone: Callable[[str], Urls]) -> AsyncIterator[Desk]:
    async with open_desk(clone("kpi").app) as desk:
        yield desk
