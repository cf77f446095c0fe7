"""One company for all tests of roles: they only read."""

from collections.abc import AsyncIterator, Callable

import pytest

from headwater.databases import Urls
from tests.support.kpi import MovingClock
from tests.support.roles import NOW, Everybody, fill
from tests.support.stack import running_stack


@pytest.fixture(scope="module")
async def everybody(clone: Callable[[str], Urls]) -> AsyncIterator[Everybody]:
    urls = {s: clone(s) for s in ("targets", "customers", "incentives", "kpi")}
    async with running_stack(urls, MovingClock(NOW)) as stack:
        tenant = await stack.tenant("acme")
        everybody = Everybody(stack, tenant)
        await fill(everybody)
        yield everybody
