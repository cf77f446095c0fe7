"""Idempotency-Key: the first answer to a key is stored and replayed for the same request.

The row is claimed in a transaction of its own, so that a request in flight answers 409; its answer
is stored after the action committed. What the action commits marks the row as done in the same
transaction: where the answer is lost then, by a crash or a fault in reading it back, a repeat is
refused and never acts again. The same key with another body is refused with 422. Keys are per tenant
and caller and expire after 24 hours.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from services.kit import limits
from services.kit.auth import Viewer
from services.kit.db import Connection, Database, before_commit
from services.kit.errors import (
    IdempotencyAnswerLost,
    IdempotencyInFlight,
    IdempotencyKeyReused,
    Invalid,
)

_DONE = 0
"""The status of a row whose action is committed and whose answer is not stored."""

_CLAIM = """
INSERT INTO idempotency AS i (tenant_id, key, body_hash, created_at)
VALUES ($1, $2, $3, clock_timestamp())
ON CONFLICT (tenant_id, key) DO UPDATE
SET body_hash = $3, status = NULL, answer = NULL, created_at = clock_timestamp()
WHERE i.created_at < clock_timestamp() - make_interval(hours => $4)
   OR (i.status IS NULL AND i.body_hash = $3
       AND i.created_at < clock_timestamp() - interval '60 seconds')
RETURNING true
"""


class IdempotencyStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def once(
        self, request: Request, viewer: Viewer, tenant_id: str, body: bytes,
        act: Callable[[], Awaitable[Response]],
    ) -> Response:  # fmt: skip
        """Answer of `act`, or the stored answer of an earlier call with the same key."""
        asked = request.headers.get("idempotency-key", "").strip().strip('"')
        if not asked:
            return await act()
        if len(asked) > 255 or not asked.isprintable():
            raise Invalid(
                "an Idempotency-Key has 1 to 255 printable characters", path="Idempotency-Key"
            )
        key = f"{viewer.scope}|{asked}"
        digest = hashlib.sha256(
            f"{request.method} {request.url.path}?{request.url.query}\n".encode() + body
        ).digest()
        async with self._database.write(tenant_id) as connection:
            claimed = await connection.fetchval(
                _CLAIM, tenant_id, key, digest, limits.IDEMPOTENCY_HOURS
            )
            if not claimed:
                row = await connection.fetchrow(
                    "SELECT body_hash, status, answer FROM idempotency "
                    "WHERE tenant_id = $1 AND key = $2", tenant_id, key,
                )  # fmt: skip
        if not claimed:
            return _kept(row, digest)
        try:
            answer = await self._acted(tenant_id, key, act)
        except BaseException:
            # Where nothing was committed, nothing happened, and the key is free for another try.
            async with self._database.write(tenant_id) as connection:
                await connection.execute(
                    "DELETE FROM idempotency WHERE tenant_id = $1 AND key = $2 AND status IS NULL",
                    tenant_id, key,
                )  # fmt: skip
            raise
        async with self._database.write(tenant_id) as connection:
            await connection.execute(
                "UPDATE idempotency SET status = $3, answer = $4 WHERE tenant_id = $1 AND key = $2",
                tenant_id, key, answer.status_code, bytes(answer.body),
            )  # fmt: skip
        return answer

    async def _acted(
        self, tenant_id: str, key: str, act: Callable[[], Awaitable[Response]]
    ) -> Response:
        """Its answer; whatever it commits says so in the key's row."""

        async def mark(connection: Connection) -> None:
            await connection.execute(
                "UPDATE idempotency SET status = $3 WHERE tenant_id = $1 AND key = $2 "
                "AND status IS NULL",
                tenant_id, key, _DONE,
            )  # fmt: skip

        before = before_commit.set(mark)
        try:
            return await act()
        finally:
            before_commit.reset(before)


def _kept(row: Any, digest: bytes) -> Response:
    """The stored answer to a key that was used before, or why there is none to give."""
    if row["body_hash"] != digest:
        raise IdempotencyKeyReused(
            "this Idempotency-Key was used for another request: take a new key",
            path="Idempotency-Key",
        )
    if row["status"] is None:
        raise IdempotencyInFlight(
            "the first request with this Idempotency-Key is still being answered",
            retry_after_seconds=1,
        )
    if row["status"] == _DONE:
        raise IdempotencyAnswerLost(
            "the request with this Idempotency-Key is done and its answer is not there: "
            "read what it made"
        )
    return Response(
        row["answer"], row["status"], {"Idempotency-Replayed": "true"},
        media_type="application/json",
    )  # fmt: skip
