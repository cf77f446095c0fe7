import pytest

from tests.support.pay import running


@pytest.fixture
async def world(clone):
    """incentives with a small company; no plan is active yet."""
    async with running(clone("incentives").app) as found:
        await found.organise()
        await found.caught_up()
        yield found
