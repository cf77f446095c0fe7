"""One embedded PostgreSQL per test process; a migrated template cloned for each test that asks."""

import asyncio
import itertools
from collections.abc import Callable, Iterator

import asyncpg
import pytest

from headwater import databases
from headwater.databases import Urls
from headwater.postgres import EmbeddedPostgres, Server, role_password
from tests.support.folders import FAST, enterable_folder

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A running server. Without it tests fail: nothing is skipped."""
    with enterable_folder() as folder, EmbeddedPostgres(folder, settings=FAST) as running:
        yield running


@pytest.fixture(scope="session")
def template(server: Server) -> dict[str, Urls]:
    """The four databases, migrated; never written to by a test."""
    passwords = {role: role_password(server.superuser_password, role) for role in databases.roles()}
    urls = asyncio.run(databases.provision(server.url("postgres"), passwords))
    databases.migrate(urls)
    return urls


async def _admin(server: Server, *statements: str) -> None:
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _in_thread(server: Server, *statements: str) -> None:
    """Run SQL from a synchronous fixture, whether or not a loop runs in this thread."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, _admin(server, *statements)).result()


@pytest.fixture(scope="session")
def clone(server: Server, template: dict[str, Urls]) -> Callable[[str], Urls]:
    """`clone("kpi")`: a fresh migrated database of that service."""

    def make(service: str) -> Urls:
        name = f"t{next(_numbers)}_{service}"
        owner, app = f"headwater_{service}_owner", f"headwater_{service}_app"
        _in_thread(
            server,
            f"CREATE DATABASE {name} TEMPLATE headwater_{service} OWNER {owner}",
            f"GRANT CONNECT ON DATABASE {name} TO {app}",
        )
        source = template[service]
        return Urls(
            source.app.rpartition("/")[0] + f"/{name}", source.owner.rpartition("/")[0] + f"/{name}"
        )

    return make


@pytest.fixture
def fresh(clone: Callable[[str], Urls]) -> dict[str, Urls]:
    """All four databases, fresh for one test."""
    return {service: clone(service) for service in databases.SERVICES}


@pytest.fixture
def targets_url(clone: Callable[[str], Urls]) -> str:
    return clone("targets").app


@pytest.fixture
def kpi_url(clone: Callable[[str], Urls]) -> str:
    return clone("kpi").app
