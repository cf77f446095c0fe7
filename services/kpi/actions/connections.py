"""Connections: made with a secret that is shown once, rotated with two live, mapped by version."""

import base64
import secrets as randomness
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.kit import ids
from services.kit.db import Connection
from services.kit.errors import Conflict, Invalid, NotFound
from services.kit.vault import Vault
from services.kpi.actions.append import append
from services.kpi.actions.facts import Fact
from services.kpi.actions.submission import Submission
from services.kpi.domain import events, mapping
from services.kpi.domain.observation import Pipeline
from services.kpi.store import connections as store
from services.kpi.vendors import standard_webhooks

KPI = "00000000-0000-7000-8000-00000000c0de"
"""The connection under which kpi's own facts are deduplicated."""
VENDORS = ("standard",)


class Activated(NamedTuple):
    version: int
    changed: bool
    released: int
    tried_until: str | None
    """The last quarantined item that was tried."""


def public_id(tenant_id: str, connection_id: str) -> str:
    """The id in a webhook's URL: it contains the tenant, so no look-up crosses tenants."""
    both = UUID(tenant_id).bytes + UUID(connection_id).bytes
    return base64.urlsafe_b64encode(both).decode().rstrip("=")


def from_public_id(text: str) -> tuple[str, str] | None:
    """(tenant, connection) of a public id; None where it is not one."""
    try:
        both = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    if len(both) != 32 or len(text) != 43:
        return None
    return str(UUID(bytes=both[:16])), str(UUID(bytes=both[16:]))


async def create(
    connection: Connection,
    tenant_id: str,
    vault: Vault,
    short_name: str,
    vendor: str,
    now: datetime,
) -> tuple[Any, str | None]:
    """The connection and its secret; the secret is None where the connection existed already."""
    if vendor not in VENDORS:
        raise Invalid(f"the vendor is one of {', '.join(VENDORS)}", path="vendor")
    secret = standard_webhooks.new_secret(randomness.token_bytes(32))
    sealed = vault.seal([standard_webhooks.secret_bytes(secret)])
    made = await store.insert(connection, tenant_id, ids.new(), short_name, vendor, sealed, now)
    row = await store.one(connection, tenant_id, short_name)
    return row, secret if made else None


async def found(
    connection: Connection, tenant_id: str, reference: str, *, lock: bool = False
) -> Any:
    row = await store.one(connection, tenant_id, reference, lock=lock)
    if row is None:
        raise NotFound(f"no connection {reference}", path="connection")
    return row


async def rotate(
    connection: Connection, tenant_id: str, vault: Vault, reference: str, given: str | None = None
) -> tuple[Any, str]:
    """A new secret beside the last one: both are accepted until the next rotation."""
    row = await found(connection, tenant_id, reference, lock=True)
    secret = given or standard_webhooks.new_secret(randomness.token_bytes(32))
    try:
        raw = standard_webhooks.secret_bytes(secret)
    except ValueError as wrong:
        raise Invalid(str(wrong), path="secret") from None
    old = [live for live in vault.open(row["secrets"]) if live != raw]
    await store.set_secrets(connection, tenant_id, row["id"], vault.seal([raw, *old[:1]]))
    return row, secret


async def set_disabled(
    connection: Connection, tenant_id: str, reference: str, at: datetime | None
) -> Any:
    row = await found(connection, tenant_id, reference, lock=True)
    await store.set_disabled(connection, tenant_id, row["id"], at)
    return await store.one(connection, tenant_id, row["id"])


async def activate_mapping(
    connection: Connection,
    tenant_id: str,
    reference: str,
    document: Mapping[str, Any],
    now: datetime,
) -> Activated:
    """Activate `document` as the connection's mapping, where it is not the active one already.

    The document's pipeline becomes the tenant's; what waited in quarantine is tried again in the
    same transaction.
    """
    row = await found(connection, tenant_id, reference, lock=True)
    compiled = mapping.compile(document)
    if compiled.connection != row["short_name"]:
        raise mapping.MappingInvalid(
            f"the mapping is of connection {compiled.connection}, not of {row['short_name']}",
            path="connection",
        )
    latest = await store.latest_mapping(connection, tenant_id, row["id"])
    # Compiled again, because an older document may lack what its format has gained since.
    same = latest is not None and store.compiled(latest["document"]).document == compiled.document
    if same and row["mapping_version"] == latest["version"]:
        return Activated(latest["version"], False, 0, None)
    version = latest["version"] if same else (latest["version"] if latest else 0) + 1
    if not same:
        await store.insert_mapping(
            connection, tenant_id, row["id"], version, compiled.document, now
        )
    await store.activate(connection, tenant_id, row["id"], version)
    facts = (
        await _pipeline_facts(connection, tenant_id, compiled.pipeline, now)
        if compiled.pipeline is not None
        else []
    )
    held = await store.held_ids(connection, tenant_id, row["id"])
    both = [Submission(tenant_id, KPI, facts=facts), Submission(tenant_id, KPI, release=held)]
    _, released = await append(connection, tenant_id, both, now)
    return Activated(version, True, released.count("accepted"), held[-1] if held else None)


async def _pipeline_facts(
    connection: Connection, tenant_id: str, pipeline: Pipeline, now: datetime
) -> list[Fact]:
    """The fact that configures the tenant's pipeline, where the mapping's differs from it."""
    known = (await store.pipelines(connection, tenant_id)).get(pipeline.code)
    if known == pipeline:
        return []
    if known is not None:
        kept = {(stage.code, stage.kind) for stage in pipeline.stages}
        lost = [stage.code for stage in known.stages if (stage.code, stage.kind) not in kept]
        if lost:
            raise Conflict(
                f"pipeline {pipeline.code} has stages that this mapping drops or changes in kind: "
                f"{', '.join(lost)}. Keep them, or use another pipeline code",
                path="pipeline.stages",
            )
    payload = {
        "code": pipeline.code,
        "name": pipeline.name,
        "stages": [
            {"code": s.code, "name": s.name, "kind": s.kind, "position": s.position}
            for s in pipeline.stages
        ],
    }
    subject = f"pipeline:{pipeline.code}"
    return [Fact(ids.new(), events.PIPELINE_CONFIGURED, subject, now, payload)]
