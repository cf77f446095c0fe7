"""Connections, their mappings, and the pipelines that mappings name."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from services.kit.db import Connection
from services.kit.limits import ARRAY_ITEMS
from services.kpi.domain import mapping
from services.kpi.domain.mapping import CompiledMapping
from services.kpi.domain.observation import Pipeline, Stage
from services.kpi.domain.reading import MappingReader

_COLUMNS = (
    "c.id::text, c.short_name, c.vendor, c.secrets, c.mapping_version, c.created_at, c.disabled_at"
)
_compiled: dict[str, CompiledMapping] = {}
"""By document, not by version: one whose transaction failed gives its number to the next."""
_COMPILED_MOST = 500


def compiled(document: str) -> CompiledMapping:
    if document not in _compiled:
        if len(_compiled) >= _COMPILED_MOST:
            _compiled.pop(next(iter(_compiled)))
        _compiled[document] = mapping.compile(orjson.loads(document))
    return _compiled[document]


async def insert(
    connection: Connection, tenant_id: str, id_: str, short_name: str, vendor: str, secrets: bytes,
    now: datetime,
) -> bool:  # fmt: skip
    """Whether it was new."""
    return bool(
        await connection.fetchval(
            "INSERT INTO connection (tenant_id, id, short_name, vendor, secrets, created_at) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, short_name) DO NOTHING "
            "RETURNING true",
            tenant_id,
            id_,
            short_name,
            vendor,
            secrets,
            now,
        )
    )


async def one(connection: Connection, tenant_id: str, reference: str, *, lock: bool = False) -> Any:
    """The connection by id or short name, with its active mapping's document; None if unknown."""
    return await connection.fetchrow(
        f"SELECT {_COLUMNS}, m.document FROM connection AS c LEFT JOIN mapping AS m "
        "ON m.tenant_id = c.tenant_id AND m.connection_id = c.id AND m.version = c.mapping_version "
        "WHERE c.tenant_id = $1 AND (c.id::text = $2 OR c.short_name = $2)"
        + (" FOR UPDATE OF c" if lock else ""),
        tenant_id, reference,
    )  # fmt: skip


async def listed(connection: Connection, tenant_id: str) -> list[Any]:
    return list(
        await connection.fetch(
            f"SELECT {_COLUMNS} FROM connection AS c WHERE tenant_id = $1 ORDER BY short_name",
            tenant_id,
        )
    )


async def readers(
    connection: Connection, tenant_id: str, connection_ids: Iterable[str]
) -> dict[str, MappingReader]:
    """Readers of the connections that have an active mapping."""
    wanted = list(connection_ids)
    if not wanted:
        return {}
    rows = await connection.fetch(
        "SELECT c.id::text, c.short_name, m.document FROM connection AS c "
        "JOIN mapping AS m ON m.tenant_id = c.tenant_id AND m.connection_id = c.id "
        "AND m.version = c.mapping_version WHERE c.tenant_id = $1 AND c.id = ANY($2::uuid[])",
        tenant_id, wanted,
    )  # fmt: skip
    return {row["id"]: MappingReader(compiled(row["document"]), row["short_name"]) for row in rows}


async def set_secrets(
    connection: Connection, tenant_id: str, connection_id: str, secrets: bytes
) -> None:
    await connection.execute(
        "UPDATE connection SET secrets = $3 WHERE tenant_id = $1 AND id = $2",
        tenant_id, connection_id, secrets,
    )  # fmt: skip


async def set_disabled(
    connection: Connection, tenant_id: str, connection_id: str, at: datetime | None
) -> None:
    await connection.execute(
        "UPDATE connection SET disabled_at = $3 WHERE tenant_id = $1 AND id = $2",
        tenant_id, connection_id, at,
    )  # fmt: skip


async def latest_mapping(connection: Connection, tenant_id: str, connection_id: str) -> Any:
    return await connection.fetchrow(
        "SELECT version, document FROM mapping WHERE tenant_id = $1 AND connection_id = $2 "
        "ORDER BY version DESC LIMIT 1",
        tenant_id, connection_id,
    )  # fmt: skip


async def insert_mapping(
    connection: Connection, tenant_id: str, connection_id: str, version: int,
    document: Mapping[str, Any], now: datetime,
) -> None:  # fmt: skip
    await connection.execute(
        "INSERT INTO mapping (tenant_id, connection_id, version, document, created_at) "
        "VALUES ($1, $2, $3, $4, $5)",
        tenant_id, connection_id, version, orjson.dumps(document).decode(), now,
    )  # fmt: skip


async def activate(
    connection: Connection, tenant_id: str, connection_id: str, version: int
) -> None:
    await connection.execute(
        "UPDATE connection SET mapping_version = $3 WHERE tenant_id = $1 AND id = $2",
        tenant_id, connection_id, version,
    )  # fmt: skip


async def pipelines(connection: Connection, tenant_id: str) -> dict[str, Pipeline]:
    """The tenant's pipelines by code; the first one made is the default."""
    rows = await connection.fetch(
        "SELECT code, name, stages FROM pipeline WHERE tenant_id = $1 ORDER BY number", tenant_id
    )
    return {
        row["code"]: Pipeline(
            row["code"], row["name"], tuple(Stage(**stage) for stage in orjson.loads(row["stages"]))
        )
        for row in rows
    }


async def put_pipeline(connection: Connection, tenant_id: str, pipeline: Mapping[str, Any]) -> None:
    await connection.execute(
        "INSERT INTO pipeline (tenant_id, code, name, stages, number) VALUES ($1, $2, $3, $4, "
        "(SELECT count(*) FROM pipeline WHERE tenant_id = $1)) ON CONFLICT (tenant_id, code) "
        "DO UPDATE SET name = $3, stages = $4",
        tenant_id, pipeline["code"], pipeline["name"], orjson.dumps(pipeline["stages"]).decode(),
    )  # fmt: skip


async def held_ids(
    connection: Connection, tenant_id: str, connection_id: str, after: str | None = None
) -> list[str]:
    """Items of the connection that another mapping may make usable, by id after one."""
    rows = await connection.fetch(
        "SELECT id::text FROM quarantine WHERE tenant_id = $1 AND connection_id = $2 "
        "AND state = 'open' AND reason <> 'key_conflict' AND ($3::uuid IS NULL OR id > $3) "
        "ORDER BY id LIMIT $4",
        tenant_id, connection_id, after, ARRAY_ITEMS,
    )  # fmt: skip
    return [row[0] for row in rows]
