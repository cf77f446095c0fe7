"""The four databases: made with their two roles each, and brought to the current schema.

The owner role migrates; the app role serves and is bound by row-level security. Neither is a
superuser. Both steps are safe to repeat and to run at once.
"""

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

SERVICES = ("targets", "customers", "incentives", "kpi")
_ALREADY = (
    asyncpg.DuplicateObjectError,
    asyncpg.DuplicateDatabaseError,
    asyncpg.UniqueViolationError,
)


@dataclass(frozen=True, slots=True)
class Urls:
    """One service's database under its two roles."""

    app: str = field(repr=False)
    owner: str = field(repr=False)


def with_user(url: str, *, user: str, password: str, database: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(
        parts._replace(netloc=f"{user}:{quote(password)}@{host}", path=f"/{database}")
    )


def urls_of(
    server_url: str, passwords: Mapping[str, str], *, prefix: str = "headwater"
) -> dict[str, Urls]:
    """Where `provision` puts each service; `passwords` by role."""
    return {
        service: Urls(
            *(
                with_user(server_url, user=f"headwater_{service}_{role}",
                          password=passwords[f"headwater_{service}_{role}"],
                          database=f"{prefix}_{service}")
                for role in ("app", "owner")
            )
        )
        for service in SERVICES
    }  # fmt: skip


def roles(services: Iterable[str] = SERVICES) -> list[str]:
    return [f"headwater_{service}_{role}" for service in services for role in ("app", "owner")]


async def provision(
    server_url: str, passwords: Mapping[str, str], *, renew_passwords: bool = False
) -> dict[str, Urls]:
    """Make what is missing under `server_url`, whose user may create databases and roles.

    `renew_passwords`: set those of existing roles too, for what they derive from may have changed.
    """
    connection = await asyncpg.connect(server_url)
    try:
        for role in roles():
            quoted = passwords[role].replace("'", "''")
            try:
                await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{quoted}'")
            except _ALREADY:
                if renew_passwords:
                    await _renew(connection, f"ALTER ROLE {role} PASSWORD '{quoted}'")
        existing = {row[0] for row in await connection.fetch("SELECT datname FROM pg_database")}
        for service in SERVICES:
            if f"headwater_{service}" in existing:
                continue
            owner, app = f"headwater_{service}_owner", f"headwater_{service}_app"
            try:
                # Needed where the user is not a superuser: only members may give a database away.
                await connection.execute(f"GRANT {owner} TO current_user")
                await connection.execute(f"CREATE DATABASE headwater_{service} OWNER {owner}")
            except _ALREADY:
                continue
            await connection.execute(f"REVOKE ALL ON DATABASE headwater_{service} FROM public")
            await connection.execute(f"GRANT CONNECT ON DATABASE headwater_{service} TO {app}")
    finally:
        await connection.close()
    return urls_of(server_url, passwords)


async def _renew(connection: asyncpg.Connection, statement: str) -> None:
    """Several starting processes may alter a role at once: the last one's (equal) word stands."""
    while True:
        try:
            await connection.execute(statement)
        except asyncpg.InternalServerError as fault:
            if "concurrently updated" not in str(fault):
                raise
        else:
            return


def migrate(urls: Mapping[str, Urls], services: Iterable[str] = SERVICES) -> None:
    """Bring each database to the newest revision (blocking; not inside an event loop)."""
    from alembic import command
    from alembic.config import Config

    import migrations

    ini = Path(migrations.__file__).parent / "alembic.ini"
    for service in services:
        config = Config(str(ini), ini_section=service)
        config.attributes["url"] = urls[service].owner
        config.attributes["app_role"] = urlsplit(urls[service].app).username
        command.upgrade(config, "head")


async def wait_until_ready(urls: Mapping[str, Urls], *, seconds: float = 30) -> None:
    """Wait for a database server that is still starting."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            for pair in urls.values():
                connection = await asyncpg.connect(pair.app, timeout=5)
                await connection.close()
        except (OSError, asyncpg.PostgresError) as fault:
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(
                    f"the database did not answer in {seconds:.0f} s: {fault}"
                ) from fault
            await asyncio.sleep(0.2)
        else:
            return


def main(services: Iterable[str]) -> None:
    """`python -m headwater.databases SERVICE…`: migrate by the URLs in the environment."""
    pairs = {
        service: Urls(
            os.environ.get(f"HEADWATER_{service.upper()}_DATABASE_URL", ""),
            os.environ[f"HEADWATER_{service.upper()}_MIGRATION_URL"],
        )
        for service in services
    }
    migrate(pairs, list(pairs))


if __name__ == "__main__":
    main(sys.argv[1:])
