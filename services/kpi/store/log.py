"""Queries of the append path. All run inside the append's transaction, under the head's lock."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from services.kit.db import Connection


class Entry(NamedTuple):
    """A row of the log before it has an offset. `payload` is JSON text."""

    id: str
    kind: str
    type: str
    subject: str
    effective_at: datetime | None
    supersedes: Sequence[str]
    cause: str | None
    payload: str


class Delivery(NamedTuple):
    id: str
    connection_id: str
    received_at: datetime
    content_type: str
    message_id: str | None
    body: bytes


class Held(NamedTuple):
    """A quarantined item."""

    id: str
    connection_id: str
    delivery_id: str
    item_key: str
    item: str
    reason: str
    message: str
    path: str | None
    waits_for: str | None


def text_of(payload: Any) -> str:
    return orjson.dumps(payload).decode()


async def lock_head(connection: Connection, tenant_id: str) -> int:
    """The tenant's last offset, with its row locked until the transaction ends."""
    offset = await connection.fetchval(
        "SELECT log_offset FROM log_head WHERE tenant_id = $1 FOR UPDATE", tenant_id
    )
    if offset is None:
        await connection.execute(
            "INSERT INTO log_head (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING", tenant_id
        )
        return await lock_head(connection, tenant_id)
    return int(offset)


async def set_head(connection: Connection, tenant_id: str, offset: int) -> None:
    await connection.execute(
        "UPDATE log_head SET log_offset = $2 WHERE tenant_id = $1", tenant_id, offset
    )


async def seen_items(
    connection: Connection, tenant_id: str, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], bytes]:
    """Body hashes of the items among `keys` (connection, item key) that were taken before.

    OFFSET 0 keeps a look-up per key: a plan made while the table was empty would read all of it.
    """
    rows = await connection.fetch(
        "SELECT i.* FROM unnest($2::uuid[], $3::text[]) AS k(c, key), LATERAL (SELECT "
        "connection_id::text, item_key, body_hash FROM item WHERE tenant_id = $1 "
        "AND connection_id = k.c AND item_key = k.key OFFSET 0) AS i",
        tenant_id, [key[0] for key in keys], [key[1] for key in keys],
    )  # fmt: skip
    return {(row[0], row[1]): row[2] for row in rows}


async def insert_items(
    connection: Connection, tenant_id: str, items: Sequence[tuple[str, str, bytes, str]]
) -> None:
    """`items`: connection, item key, body hash, delivery."""
    if items:
        await connection.execute(
            "INSERT INTO item (tenant_id, connection_id, item_key, body_hash, delivery_id) "
            "SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::bytea[], $5::uuid[])",
            tenant_id, *map(list, zip(*items, strict=True)),
        )  # fmt: skip


async def insert_deliveries(
    connection: Connection, tenant_id: str, deliveries: Sequence[Delivery]
) -> None:
    if deliveries:
        await connection.execute(
            "INSERT INTO delivery (tenant_id, id, connection_id, received_at, content_type, "
            "message_id, body) SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[], "
            "$5::text[], $6::text[], $7::bytea[])",
            tenant_id, *map(list, zip(*deliveries, strict=True)),
        )  # fmt: skip


async def insert_entries(
    connection: Connection, tenant_id: str, head: int, entries: Sequence[Entry], now: datetime
) -> None:
    """Append `entries` at head + 1 and on."""
    await connection.execute(
        "INSERT INTO entry (tenant_id, log_offset, recorded_at, id, kind, type, subject, "
        "effective_at, supersedes, cause, payload) "
        "SELECT $1, $2 + n, $3, id, kind, type, subject, at, supersedes::uuid[], cause, p::jsonb "
        "FROM unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], "
        "$9::text[], $10::uuid[], $11::text[]) WITH ORDINALITY "
        "AS e(id, kind, type, subject, at, supersedes, cause, p, n)",
        tenant_id, head, now,
        [entry.id for entry in entries], [entry.kind for entry in entries],
        [entry.type for entry in entries], [entry.subject for entry in entries],
        [entry.effective_at for entry in entries],
        ["{" + ",".join(entry.supersedes) + "}" for entry in entries],
        [entry.cause for entry in entries], [entry.payload for entry in entries],
    )  # fmt: skip


async def insert_held(
    connection: Connection, tenant_id: str, held: Sequence[Held], now: datetime
) -> None:
    if held:
        await connection.execute(
            "INSERT INTO quarantine (tenant_id, created_at, state, id, connection_id, delivery_id, "
            "item_key, item, reason, message, path, waits_for) SELECT $1, $2, 'open', * FROM "
            "unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], "
            "$9::text[], $10::text[], $11::text[])",
            tenant_id, now, *map(list, zip(*held, strict=True)),
        )  # fmt: skip


async def load_states(
    connection: Connection, tenant_id: str, subjects: Sequence[str]
) -> dict[str, Any]:
    rows = await connection.fetch(
        "SELECT subject, state FROM subject WHERE tenant_id = $1 AND subject = ANY($2::text[])",
        tenant_id, subjects,
    )  # fmt: skip
    return {row["subject"]: orjson.loads(row["state"]) for row in rows}


async def save_states(
    connection: Connection, tenant_id: str, states: Mapping[str, Any], head: int
) -> None:
    if states:
        await connection.execute(
            "INSERT INTO subject (tenant_id, log_offset, subject, state) "
            "SELECT $1, $2, s, t::jsonb FROM unnest($3::text[], $4::text[]) AS u(s, t) "
            "ON CONFLICT (tenant_id, subject) DO UPDATE "
            "SET state = excluded.state, log_offset = excluded.log_offset",
            tenant_id, head, list(states), [text_of(state) for state in states.values()],
        )  # fmt: skip


async def waiting(
    connection: Connection, tenant_id: str, causes: Iterable[str] | None, limit: int,
    ids: Sequence[str] | None = None,
) -> list[Any]:  # fmt: skip
    """Open quarantined items that wait for one of `causes`, or the ones named by `ids`."""
    condition = "id = ANY($2::uuid[])" if ids is not None else "waits_for = ANY($2::text[])"
    return list(
        await connection.fetch(
            "SELECT id::text, connection_id::text, delivery_id::text, item_key, item, reason "
            f"FROM quarantine WHERE tenant_id = $1 AND state = 'open' AND {condition} "
            "ORDER BY id LIMIT $3 FOR UPDATE",
            tenant_id,
            list(ids if ids is not None else causes or ()),
            limit,
        )
    )


async def settle_held(
    connection: Connection, tenant_id: str, held_ids: Sequence[str], state: str, now: datetime
) -> None:
    if held_ids:
        await connection.execute(
            "UPDATE quarantine SET state = $3, settled_at = $4 "
            "WHERE tenant_id = $1 AND id = ANY($2::uuid[])",
            tenant_id, list(held_ids), state, now,
        )  # fmt: skip


async def blame_held(
    connection: Connection, tenant_id: str, held_id: str, reason: str, message: str,
    path: str | None, waits_for: str | None,
) -> None:  # fmt: skip
    """A release was tried and met another fault: the item waits on under the new reason."""
    await connection.execute(
        "UPDATE quarantine SET reason = $3, message = $4, path = $5, waits_for = $6 "
        "WHERE tenant_id = $1 AND id = $2",
        tenant_id, held_id, reason, message, path, waits_for,
    )  # fmt: skip
