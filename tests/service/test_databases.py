"""Provisioning by URL: an owner that is no superuser makes databases and roles, twice and at once."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from headwater import databases
from headwater.postgres import EmbeddedPostgres, Server, role_password
from tests.support.folders import FAST, enterable_folder


@pytest.fixture
def empty_server() -> Iterator[Server]:
    """A server of its own: roles are for a whole server."""
    with enterable_folder() as folder, EmbeddedPostgres(folder, settings=FAST) as running:
        yield running


async def test_an_owner_without_superuser_can_provision(empty_server: Server) -> None:
    server = empty_server
    admin = await asyncpg.connect(server.url("postgres"))
    try:
        await admin.execute("CREATE ROLE ops LOGIN CREATEDB CREATEROLE PASSWORD 'pw'")
    finally:
        await admin.close()
    passwords = {role: role_password("secret", role) for role in databases.roles()}
    url = server.url("postgres", "ops", "pw")
    both = await asyncio.gather(
        databases.provision(url, passwords), databases.provision(url, passwords)
    )
    assert both[0] == both[1]
    await asyncio.to_thread(databases.migrate, both[0])
    await databases.wait_until_ready(both[0], seconds=5)
    connection = await asyncpg.connect(both[0]["kpi"].app)
    try:
        rights = await connection.fetchrow(
            "SELECT rolsuper, rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        )
        assert tuple(rights) == (False, False, False)
        assert await connection.fetch("SELECT * FROM entry") == []
    finally:
        await connection.close()
