"""What scenarios run on: the stack in one process, the same as five processes, and an installation
that commands find in their environment. Maven's export is a generated one, and the real one too where
MAVEN_CRM_DIR names its folder.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from headwater.databases import SERVICES, Urls
from headwater.settings import HeadwaterSettings
from services.kit.settings import load
from tests.support.split import Split, split, stack_of
from tests.support.stack import RunningStack, running_stack

if TYPE_CHECKING:
    from tests.support.maven import Count

SETS = ["generated", *(["real"] if os.environ.get("MAVEN_CRM_DIR") else [])]
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


@pytest.fixture(scope="module", params=SETS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "real":
        return Path(os.environ["MAVEN_CRM_DIR"])
    from tests.support import maven

    return maven.generate(tmp_path_factory.mktemp("maven"), seed=20_161_020, deals=600)


@pytest.fixture(scope="module")
def count(folder: Path) -> "Iterator[Count]":
    from tests.support.maven import Count  # it brings a database of its own: only where it is asked

    counted = Count(folder)
    yield counted
    counted.sql.close()


@pytest.fixture
def settings(
    fresh: dict[str, Urls], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> HeadwaterSettings:
    """An installation over fresh databases, as the commands find it in their environment."""
    for service, urls in fresh.items():
        monkeypatch.setenv(f"HEADWATER_{service.upper()}_DATABASE_URL", urls.app)
        monkeypatch.setenv(f"HEADWATER_{service.upper()}_MIGRATION_URL", urls.owner)
    return load(HeadwaterSettings, data_dir=tmp_path / "headwater")
