"""Contracts as files under review: OpenAPI of each service, the SDL, the events' schema."""

import difflib
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from gateway.schema import sdl
from headwater.databases import SERVICES, Urls
from headwater.installation import Keys
from headwater.stack import Clients, create
from services.kit.auth import Signer, Verifier
from services.kit.clock import SystemClock
from services.kit.vault import Vault, new_key
from services.kpi.schemas.events import events_schema

ROOT = Path(__file__).resolve().parent.parent


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def openapi(service: str) -> dict[str, Any]:
    """The service's document; no database is asked."""
    signer = Signer(Ed25519PrivateKey.generate())
    keys = Keys(signer, Verifier(signer.public_key), Vault(new_key()))
    urls = {name: Urls("postgresql://localhost/x", "postgresql://localhost/x") for name in SERVICES}
    client = httpx.AsyncClient()
    app = create(service, urls, keys, SystemClock(), Clients(client, client, client, client))
    return cast("FastAPI", app).openapi()


def current() -> Iterator[tuple[Path, str]]:
    """Each snapshot's path and what it should hold."""
    for service in SERVICES:
        folder = importlib.import_module(f"services.{service}").__path__[0]
        yield Path(folder) / "openapi.json", _text(openapi(service))
    yield ROOT / "services" / "kpi" / "events.schema.json", _text(events_schema())
    yield ROOT / "gateway" / "schema.graphql", sdl().rstrip() + "\n"


def differences() -> list[str]:
    """A readable difference for each snapshot that is not what the code says."""
    found = []
    for path, wanted in current():
        have = path.read_text() if path.exists() else ""
        if have != wanted:
            lines = difflib.unified_diff(
                have.splitlines(), wanted.splitlines(), "committed", "code", lineterm="", n=1
            )
            shown = "\n".join(list(lines)[:40])
            found.append(f"{path.relative_to(ROOT)} is not what the code says:\n{shown}")
    return found


def write() -> None:
    for path, wanted in current():
        path.write_text(wanted)
