"""GraphQL over HTTP: one operation a POST, within 64 KiB, for a verified viewer."""

import logging
from pathlib import Path

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, Response

from gateway import errors
from gateway.context import Clients
from gateway.execution.deadlines import Caller
from gateway.execution.engine import Answer, Engine, Request
from services.kit import limits
from services.kit.auth import Verifier
from services.kit.errors import Invalid, Malformed, Refusal, UnsupportedMedia
from services.kit.http import problem, read_body

log = logging.getLogger(__name__)

_GRAPHQL_JSON = "application/graphql-response+json"
_PAGE = Path(__file__).parent.parent / "graphiql.html"


class Endpoint:
    def __init__(self, engine: Engine, clients: Clients, verifier: Verifier, *, page: bool) -> None:
        self._engine = engine
        self._clients = clients
        self._verifier = verifier
        self._page = page

    async def get(self, request: HttpRequest) -> Response:
        """GraphiQL where it is on; a query in the address is never run."""
        if self._page and "query" not in request.query_params:
            return HTMLResponse(_PAGE.read_text(encoding="utf-8"))
        return problem(
            405, "method_not_allowed", "send the document by POST", headers={"Allow": "POST"}
        )

    async def post(self, request: HttpRequest) -> Response:
        viewer = await self._verifier.viewer(request.headers)
        caller = Caller.of(viewer, request.state.request_id, _min_offset(request))
        asked = Request.of(await _json(request))
        try:
            run = await self._engine.prepare(asked)
            if run.is_live:
                raise errors.SubscriptionNeedsSocket(
                    "subscribe on the WebSocket of this address, by graphql-transport-ws"
                )
        except Refusal as refusal:
            return _response(request, {"errors": errors.refused(refusal, caller.request_id)})
        return _response(request, await self._engine.answer(run, self._clients.context(caller)))


def _min_offset(request: HttpRequest) -> int | None:
    text = request.headers.get("headwater-min-offset")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Invalid(
            "Headwater-Min-Offset is an offset: a whole number", path="Headwater-Min-Offset"
        )
    return int(text)


async def _json(request: HttpRequest) -> object:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != "application/json" or charset not in {"", "utf-8"}:
        raise UnsupportedMedia("send JSON in UTF-8: Content-Type: application/json")
    body = await read_body(request, limits.GRAPHQL_BODY_BYTES)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        raise Malformed(f"the body is not JSON: {fault}") from None


def _response(request: HttpRequest, answer: Answer) -> Response:
    """By the GraphQL over HTTP draft: 400 for a refused request only to who knows its media type."""
    modern = _GRAPHQL_JSON in request.headers.get("accept", "")
    status = 400 if modern and "data" not in answer else 200
    kind = _GRAPHQL_JSON if modern else "application/json"
    return Response(orjson.dumps(answer), status, media_type=f"{kind}; charset=utf-8")
