"""One installation: its keys, its databases (embedded or by URL), its migrations."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg

import migrations
from headwater import databases
from headwater.databases import SERVICES, Urls
from headwater.postgres import EmbeddedPostgres, role_password
from headwater.settings import HeadwaterSettings
from services.kit.auth import Signer, Verifier, issuers
from services.kit.settings import SettingsInvalid
from services.kit.vault import Vault, new_key

T = TypeVar("T")
_REVISION = re.compile(r"^(down_)?revision\b[^=]*=\s*\"([^\"]+)\"", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Keys:
    """What the installation signs and seals with."""

    signer: Signer
    verifier: Verifier
    vault: Vault


class Installation:
    """Opens its databases on `open` and lets go of them on `close`; both block."""

    def __init__(
        self, settings: HeadwaterSettings, environment: Mapping[str, str] = os.environ
    ) -> None:
        self.settings = settings
        self._environment = environment
        self._embedded: EmbeddedPostgres | None = None
        self.urls: dict[str, Urls] = {}

    def open(self) -> None:
        """Start or find the database server, make what is missing; `urls` says where."""
        pairs = self._pairs()
        if pairs:
            self.urls = pairs
            return
        if self.settings.database_url is not None:
            server_url = self.settings.database_url.get_secret_value()
            secret = self._secret_key()
        else:
            self._embedded = EmbeddedPostgres(self.settings.data_dir / "postgres")
            server = self._embedded.start()
            server_url, secret = server.url("postgres"), server.superuser_password
        passwords = {role: role_password(secret, role) for role in databases.roles()}
        renew = self._embedded is None
        self.urls = _run(databases.provision(server_url, passwords, renew_passwords=renew))

    def close(self) -> None:
        if self._embedded is not None:
            self._embedded.stop()

    def is_up(self) -> bool:
        """Whether the embedded server's process is there; others look after theirs."""
        return self._embedded is None or self._embedded.is_running()

    def restore(self) -> bool:
        """Start the embedded server again; whether `urls` still lead to it."""
        if self._embedded is None:
            return True
        port = self._embedded.start().port
        return all(urlsplit(pair.app).port == port for pair in self.urls.values())

    def keys(self) -> Keys:
        """Keys from the environment, or (embedded) made once and kept in the data directory."""
        own = self._embedded is not None or self.settings.environment == "development"
        path = self.settings.signing_key_file
        if "signing_key_file" not in self.settings.model_fields_set:
            path = self.settings.data_dir / "signing.pem"
        signer = Signer.from_file(path, create=own)
        configured = issuers(self.settings.issuers)
        verifier = Verifier(
            signer.public_key,
            configured,
            development_tokens=self.settings.environment == "development",
        )
        return Keys(signer, verifier, Vault(self._secret_key()))

    def migrate(self, services: Iterable[str] = SERVICES) -> list[str]:
        """Bring databases to the current schema; the services that needed it.

        Without an owner's URL a service is left as it is: migrating is then another process's.

        In a process of its own: what migrations import would stay in memory for good.
        """
        mine = [s for s in services if s in self.urls and self.urls[s].owner]
        behind = [s for s in mine if _run(_revision(self.urls[s].owner)) != newest(s)]
        if behind:
            environment = dict(self._environment)
            for service in behind:
                name = f"HEADWATER_{service.upper()}"
                environment[f"{name}_MIGRATION_URL"] = self.urls[service].owner
                environment[f"{name}_DATABASE_URL"] = self.urls[service].app
            done = subprocess.run(  # noqa: S603 — our own interpreter and module
                [sys.executable, "-m", "headwater.databases", *behind],
                env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                raise SettingsInvalid(
                    f"migrating {', '.join(behind)} failed:\n{done.stderr[-2000:]}"
                )
        return behind

    def _pairs(self) -> dict[str, Urls]:
        """The URLs that are given per service; a process may have those of its part alone."""
        env = self._environment
        found = {
            service: (
                env.get(f"HEADWATER_{service.upper()}_DATABASE_URL"),
                env.get(f"HEADWATER_{service.upper()}_MIGRATION_URL"),
            )
            for service in SERVICES
        }
        return {
            s: Urls(app or "", owner or "") for s, (app, owner) in found.items() if app or owner
        }

    def _secret_key(self) -> str:
        if self.settings.secret_key is not None:
            return self.settings.secret_key.get_secret_value()
        if self.settings.environment == "production":
            raise SettingsInvalid("HEADWATER_SECRET_KEY: production needs a key for stored secrets")
        path = self.settings.data_dir / "secret.key"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_suffix(f".{os.getpid()}")
            new.touch(mode=0o600)
            new.write_text(new_key())
            try:
                os.link(new, path)  # whole or not there: several processes may start at once
            except FileExistsError:
                pass
            finally:
                new.unlink()
        return path.read_text().strip()


def newest(service: str) -> str:
    """The head of a service's history, read without importing alembic."""
    revisions: set[str] = set()
    parents: set[str] = set()
    for path in (Path(migrations.__file__).parent / service).glob("*.py"):
        for down, revision in _REVISION.findall(path.read_text()):
            (parents if down else revisions).add(revision)
    (head,) = revisions - parents
    return str(head)


async def _revision(owner_url: str) -> str | None:
    connection = await asyncpg.connect(owner_url, timeout=10)
    try:
        found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return None
    else:
        return found
    finally:
        await connection.close()


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a loop of its own."""
    return asyncio.run(work)
