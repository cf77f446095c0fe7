"""Migrations: from nothing, twice, at once, back and forth, and after being killed."""

import asyncio
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

import migrations
from headwater import databases
from headwater.databases import SERVICES, Urls
from headwater.postgres import Server

_numbers = itertools.count(1)
INI = str(Path(migrations.__file__).parent / "alembic.ini")
# Everything that a migration can make, in words that do not depend on when it was made.
SHAPE = """
SELECT 'column', table_schema, table_name, column_name, udt_name, is_nullable, column_default
FROM information_schema.columns WHERE table_schema IN ('public', 'beside')
UNION ALL SELECT 'index', schemaname, tablename, indexname, indexdef, '', ''
FROM pg_indexes WHERE schemaname IN ('public', 'beside')
UNION ALL SELECT 'policy', schemaname, tablename, policyname, qual, with_check, ''
FROM pg_policies
UNION ALL SELECT 'security', relnamespace::regnamespace::text, relname, relrowsecurity::text,
relforcerowsecurity::text, '', '' FROM pg_class
WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('public', 'beside')
UNION ALL SELECT 'grant', table_schema, table_name, grantee, privilege_type, '', ''
FROM information_schema.role_table_grants WHERE table_schema IN ('public', 'beside')
UNION ALL SELECT 'key', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', ''
FROM pg_constraint WHERE contype IN ('p', 'f', 'u')
"""


class Migrated:
    """Asks a database without a loop of the test's own."""

    def __init__(self, server: Server, urls: Urls) -> None:
        self.url = server.url(urls.app.rpartition("/")[2])

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        async def answer() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(self.url)
            try:
                return [tuple(row) for row in await connection.fetch(question)]
            finally:
                await connection.close()

        return asyncio.run(answer())

    def shape(self) -> list[tuple[str, ...]]:
        return sorted(tuple(map(str, row)) for row in self.ask(SHAPE))

    def versions(self) -> list[str]:
        return [row[0] for row in self.ask("SELECT version_num FROM alembic_version")]


@pytest.fixture
def empty(server: Server, template: dict[str, Urls]) -> dict[str, Urls]:
    """Four databases with their roles and nothing in them."""
    admin = Migrated(server, Urls("/postgres", "/postgres"))
    made = {}
    for service, urls in template.items():
        name = f"m{next(_numbers)}_{service}"
        owner = urlsplit(urls.owner).username
        admin.ask(f"CREATE DATABASE {name} OWNER {owner}")
        made[service] = Urls(
            *(url.rpartition("/")[0] + f"/{name}" for url in (urls.app, urls.owner))
        )
    return made


def started(urls: dict[str, Urls], *services: str) -> "subprocess.Popen[bytes]":
    environment = dict(os.environ)
    for service, pair in urls.items():
        environment[f"HEADWATER_{service.upper()}_DATABASE_URL"] = pair.app
        environment[f"HEADWATER_{service.upper()}_MIGRATION_URL"] = pair.owner
    return subprocess.Popen(
        [sys.executable, "-m", "headwater.databases", *services], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_from_nothing_and_twice_gives_what_the_template_has(
    server: Server, template: dict[str, Urls], empty: dict[str, Urls]
) -> None:
    databases.migrate(empty)
    first = {service: Migrated(server, urls).shape() for service, urls in empty.items()}
    databases.migrate(empty)
    for service, urls in empty.items():
        assert Migrated(server, urls).shape() == first[service]
        assert first[service] == Migrated(server, template[service]).shape()
        assert len(Migrated(server, urls).versions()) == 1
        assert any(row[0] == "policy" for row in first[service])


def test_three_processes_at_once_make_it_once(
    server: Server, template: dict[str, Urls], empty: dict[str, Urls]
) -> None:
    running = [started(empty, *order) for order in (SERVICES, SERVICES, tuple(reversed(SERVICES)))]
    for process in running:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    for service, urls in empty.items():
        assert Migrated(server, urls).shape() == Migrated(server, template[service]).shape()
        assert Migrated(server, urls).versions() == Migrated(server, template[service]).versions()


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    patience = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < patience, "waited in vain"
        time.sleep(0.01)


def test_a_migration_that_is_killed_leaves_nothing_half_made(
    server: Server, template: dict[str, Urls], empty: dict[str, Urls]
) -> None:
    database = Migrated(server, empty["kpi"])

    def inside() -> bool:
        # Under its lock, with tables that only its own transaction sees.
        return bool(
            database.ask(
                "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
                "WHERE a.datname = current_database() AND l.mode = 'AccessExclusiveLock' "
                "AND l.relation IS NOT NULL"
            )
        )

    process = started(empty, "kpi")
    until(inside)
    process.kill()
    process.communicate()
    count = "SELECT count(*)::int FROM pg_tables WHERE schemaname = 'public'"
    ended = "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()"
    until(lambda: database.ask(ended) == [(1,)])
    tables = database.ask(count)
    assert tables in (
        [(0,)],
        [(1,)],
        database_of(template, server).ask(count),
    )  # nothing, or all of it
    databases.migrate({"kpi": empty["kpi"]}, ["kpi"])
    assert database.shape() == database_of(template, server).shape()


def database_of(template: dict[str, Urls], server: Server) -> Migrated:
    return Migrated(server, template["kpi"])


@pytest.mark.parametrize("service", SERVICES)
def test_down_and_up_again_is_where_it_was(
    server: Server, empty: dict[str, Urls], service: str
) -> None:
    from alembic import command
    from alembic.config import Config

    databases.migrate(empty, [service])
    database = Migrated(server, empty[service])
    before = database.shape()
    config = Config(INI, ini_section=service)
    config.attributes["url"] = empty[service].owner
    config.attributes["app_role"] = urlsplit(empty[service].app).username
    command.downgrade(config, "base")
    left = database.ask("SELECT tablename FROM pg_tables WHERE schemaname IN ('public', 'beside')")
    assert left == [("alembic_version",)]
    command.upgrade(config, "head")
    assert database.shape() == before


def test_where_there_is_no_citus_distributing_does_nothing(
    server: Server, template: dict[str, Urls]
) -> None:
    database = database_of(template, server)
    assert database.ask("SELECT extname FROM pg_extension") == [("plpgsql",)]
    assert any(row[:3] == ("column", "public", "entry") for row in database.shape())


def test_names_of_revisions_are_dated_and_each_history_has_one_head() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    for service in SERVICES:
        config = Config(INI, ini_section=service)
        script = ScriptDirectory.from_config(config)
        assert len(script.get_heads()) == 1, service
        for revision in script.walk_revisions():
            assert revision.revision[:4].isdigit()
            assert revision.path.endswith(f"/{revision.revision}.py")
