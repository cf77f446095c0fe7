"""POST /webhooks/{connection}: what happens when a CRM delivers (webhooks.md sections 3 and 6).

Read with a limit → verify the signature over the raw bytes → parse strictly → split into items →
hand to the writer → answer 202 after the commit. Malformed or unauthenticated deliveries get a 4xx;
well-formed but unusable items a 2xx and quarantine, so that no sender retries a business error.
A plain Starlette route: nothing else stands between the socket and the writer.
"""

import asyncio
import time
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from services.kit import ids, limits, strictjson
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.errors import Gone, NotFound, Refusal, TooLarge, UnsupportedMedia
from services.kit.http import JSONResponse, read_body, refused
from services.kit.metrics import IngestMetrics
from services.kit.vault import Vault
from services.kpi.actions.connections import from_public_id
from services.kpi.actions.submission import Item, Outcome, Submission
from services.kpi.domain.reading import MappingReader
from services.kpi.store import connections
from services.kpi.store.log import Delivery
from services.kpi.vendors import standard_webhooks
from services.kpi.writer import Writer

_FRESH_SECONDS = 1.0
"""How long a connection's row is trusted; a rotation or a disabling is seen within it."""


@dataclass(frozen=True, slots=True)
class _Live:
    """A connection as the fast path needs it."""

    tenant_id: str
    id: str
    secrets: list[bytes]
    reader: MappingReader | None
    disabled: bool


class Webhooks:
    def __init__(
        self, database: Database, writer: Writer, vault: Vault, clock: Clock, metrics: IngestMetrics
    ) -> None:
        self._database = database
        self._writer = writer
        self._vault = vault
        self._clock = clock
        self._metrics = metrics
        self._live: dict[str, tuple[float, _Live]] = {}
        self._loading: dict[str, asyncio.Future[_Live]] = {}

    async def receive(self, request: Request) -> Response:
        try:
            return await self._take(request)
        except Refusal as refusal:
            self._metrics.refused(refusal.code)
            return refused(refusal)

    async def _take(self, request: Request) -> Response:
        connection = await self._connection(request.path_params["connection"])
        body = await read_body(request)
        now = self._clock.now()
        message_id = standard_webhooks.verify(connection.secrets, request.headers, body, now)
        content_type = request.headers.get("content-type", "")
        _need_json(content_type)
        parsed = strictjson.parse(body)
        raw_items = _items(connection, parsed)
        outcome = await self._writer.submit(
            Submission(
                connection.tenant_id,
                connection.id,
                connection.reader,
                [
                    Item(_key(connection, message_id, index, len(raw_items), raw), raw)
                    for index, raw in enumerate(raw_items)
                ],
                Delivery(ids.new(), connection.id, now, content_type, message_id, body),
            )
        )
        self._metrics.results("webhook", (result.status for result in outcome.results))
        return answer(outcome)

    async def _connection(self, public_id: str) -> _Live:
        known = self._live.get(public_id)
        if known is None or known[0] < time.monotonic():
            until = time.monotonic() + _FRESH_SECONDS
            known = (until, await self._loaded_once(public_id))
            if len(self._live) > 10_000:
                self._live.clear()
            self._live[public_id] = known
        if known[1].disabled:
            raise Gone("this connection is disabled: enable it, or remove the webhook")
        return known[1]

    async def _loaded_once(self, public_id: str) -> _Live:
        """Requests that find the row stale together wait for one query."""
        loading = self._loading.get(public_id)
        if loading is None:
            loading = self._loading[public_id] = asyncio.ensure_future(self._load(public_id))
            loading.add_done_callback(lambda _done: self._loading.pop(public_id))
        return await asyncio.shield(loading)

    async def _load(self, public_id: str) -> _Live:
        both = from_public_id(public_id)
        if both is None:
            raise NotFound("no such connection")
        tenant_id, connection_id = both
        async with self._database.read(tenant_id) as database:
            row = await connections.one(database, tenant_id, connection_id)
        if row is None:
            raise NotFound("no such connection")
        reader = None
        if row["document"] is not None:
            compiled = connections.compiled(row["document"])
            reader = MappingReader(compiled, row["short_name"])
        return _Live(
            tenant_id,
            connection_id,
            self._vault.open(row["secrets"]),
            reader,
            row["disabled_at"] is not None,
        )


def _key(connection: _Live, message_id: str, index: int, count: int, raw: object) -> str:
    """The item's dedupe key: the mapping's own, else the delivery's id and the item's place."""
    if connection.reader is not None and connection.reader.mapping.keyed:
        return connection.reader.mapping.key(raw)
    return standard_webhooks.item_key(message_id, index, count)


def _need_json(content_type: str) -> None:
    media, *parameters = content_type.lower().split(";")
    if media.strip() not in {"application/json", "application/cloudevents+json"}:
        raise UnsupportedMedia("send application/json")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(' "') not in {"utf-8", "utf8"}:
            raise UnsupportedMedia("send UTF-8")


def _items(connection: _Live, parsed: object) -> list[object]:
    """The delivery's items; without a mapping the body itself waits for one."""
    if connection.reader is not None:
        found = connection.reader.mapping.items(parsed)
    else:
        found = parsed if isinstance(parsed, list) else [parsed]
    if len(found) > limits.ARRAY_ITEMS:
        raise TooLarge(f"a delivery may have {limits.ARRAY_ITEMS} items at most")
    return found


def answer(outcome: Outcome) -> Response:
    return JSONResponse(
        {
            "accepted": outcome.count("accepted"),
            "duplicates": outcome.count("duplicate"),
            "quarantined": outcome.count("quarantined", "conflict"),
            "offset": outcome.offset,
        },
        202,
    )
