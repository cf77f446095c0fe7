"""One running kpi with a connected company for all tests of a module."""

from collections.abc import AsyncIterator, Callable

import pytest

from headwater.databases import Urls
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
