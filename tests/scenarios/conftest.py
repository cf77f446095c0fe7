"""The stack that scenarios run on: all in one process, and five processes that share nothing else."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from headwater.databases import SERVICES, Urls
from tests.support.split import Split, split, stack_of
from tests.support.stack import RunningStack, running_stack

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def apart(clone: Callable[[str], Urls]) -> Iterator[Split]:
    """Five processes, started once: tests keep apart by their tenants."""
    with split({service: clone(service) for service in SERVICES}) as processes:
        with ThreadPoolExecutor(1) as pool:  # a loop runs in this thread
            pool.submit(asyncio.run, processes.start()).result()
        yield processes


@pytest.fixture(params=["one process", "five processes"])
def running(request: pytest.FixtureRequest) -> Split | dict[str, Urls]:
    """Looked up by name, so that who wants one process alone does not start five."""
    found: Split | dict[str, Urls] = request.getfixturevalue(
        "apart" if request.param == "five processes" else "fresh"
    )
    return found


@pytest.fixture
async def stack(running: Split | dict[str, Urls]) -> AsyncIterator[RunningStack]:
    if isinstance(running, Split):
        async with stack_of(running, f"-{next(_numbers)}") as found:
            yield found
    else:
        async with running_stack(running) as found:
            yield found
