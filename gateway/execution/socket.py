"""GraphQL over a WebSocket: graphql-transport-ws and nothing older.

The viewer's token comes in `connection_init` (`{"authorization": "Bearer …"}`) or in the header of
the handshake, and is verified again before every event: a socket does not outlive its token.
"""

import asyncio
import contextlib
import logging
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from gateway import errors
from gateway.context import Clients, Context
from gateway.execution.deadlines import Caller
from gateway.execution.engine import Answer, Engine, Request, Run
from services.kit import ids, limits
from services.kit.auth import Verifier, Viewer
from services.kit.errors import Refusal, Unauthenticated

log = logging.getLogger(__name__)

PROTOCOL = "graphql-transport-ws"
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_ACCEPTABLE = 4400, 4401, 4403, 4406
_INIT_TIMEOUT, _TAKEN, _TOO_MANY, _INTERNAL = 4408, 4409, 4429, 4500
_TOO_BIG = 1009


class _Closing(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Socket:
    """One connection: its viewer and the operations that run on it."""

    def __init__(
        self, websocket: WebSocket, engine: Engine, clients: Clients, verifier: Verifier
    ) -> None:
        self._websocket = websocket
        self._engine = engine
        self._clients = clients
        self._verifier = verifier
        self._viewer: Viewer | None = None
        self._running: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        if PROTOCOL not in self._websocket.scope.get("subprotocols", ()):
            await self._websocket.accept()
            await self._close(_NOT_ACCEPTABLE, f"speak {PROTOCOL}")
            return
        await self._websocket.accept(subprotocol=PROTOCOL)
        try:
            await self._begin()
            while True:
                await self._take(await self._receive())
        except WebSocketDisconnect:
            pass
        except _Closing as closing:
            await self._close(closing.code, closing.reason)
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _begin(self) -> None:
        try:
            async with asyncio.timeout(limits.SOCKET_INIT_SECONDS):
                message = await self._receive()
                while message["type"] in {"ping", "pong"}:
                    await self._take(message)
                    message = await self._receive()
        except TimeoutError:
            raise _Closing(_INIT_TIMEOUT, "connection_init did not come in time") from None
        if message["type"] != "connection_init":
            raise _Closing(_UNAUTHORIZED, "connection_init comes first")
        headers = {"authorization": self._websocket.headers.get("authorization", "")}
        payload = message.get("payload")
        if isinstance(payload, dict):
            headers |= {name.lower(): str(value) for name, value in payload.items()}
        try:
            self._viewer = await self._verifier.viewer(headers)
        except Unauthenticated as refusal:
            raise _Closing(_FORBIDDEN, refusal.message) from None
        await self._send({"type": "connection_ack"})

    async def _take(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "ping":
                await self._send({"type": "pong"})
            case "pong":
                pass
            case "subscribe":
                self._start(_id_of(message), message.get("payload"))
            case "complete":
                task = self._running.pop(_id_of(message), None)
                if task is not None:
                    task.cancel()
            case "connection_init":
                raise _Closing(_TOO_MANY, "connection_init comes once")
            case _:
                raise _Closing(_BAD_REQUEST, "unknown message type")

    def _start(self, operation_id: str, payload: Any) -> None:
        if self._viewer is None:
            raise _Closing(_UNAUTHORIZED, "connection_init comes first")
        if operation_id in self._running:
            raise _Closing(_TAKEN, f"Subscriber for {operation_id[:40]} already exists")
        if len(self._running) >= limits.SUBSCRIPTIONS_PER_SOCKET:
            most = limits.SUBSCRIPTIONS_PER_SOCKET
            raise _Closing(_TOO_MANY, f"{most} operations at most on one socket")
        try:
            request = Request.of(payload)
        except Refusal as refusal:
            raise _Closing(_BAD_REQUEST, refusal.message) from None
        task = asyncio.create_task(self._operate(operation_id, request, self._viewer.token))
        self._running[operation_id] = task

    async def _operate(self, operation_id: str, request: Request, token: str) -> None:
        request_id = ids.new()

        async def renew(min_offset: int | None = None) -> Context:
            viewer = await self._verifier.verify(token)
            return self._clients.context(Caller.of(viewer, request_id, min_offset))

        try:
            run = await self._engine.prepare(request)
            if run.is_live:
                await self._follow(operation_id, run, await renew(), renew)
            else:
                await self._next(operation_id, await self._engine.answer(run, await renew()))
            ended: dict[str, Any] = {"type": "complete"}
        except Unauthenticated as refusal:
            await self._close(_FORBIDDEN, refusal.message)
            return
        except Refusal as refusal:
            ended = {"type": "error", "payload": errors.refused(refusal, request_id)}
        except _Failed as failed:
            ended = {"type": "error", "payload": failed.errors}
        except WebSocketDisconnect:
            return
        except Exception:
            log.exception("operation %s of a socket failed", request_id)
            await self._close(_INTERNAL, f"internal error; quote request {request_id}")
            return
        if self._running.get(operation_id) is asyncio.current_task():
            del self._running[operation_id]
            with contextlib.suppress(WebSocketDisconnect):
                await self._send({"id": operation_id, **ended})

    async def _follow(self, operation_id: str, run: Run, context: Context, renew: Any) -> None:
        async with contextlib.aclosing(self._engine.events(run, context, renew)) as answers:
            async for answer in answers:
                await self._next(operation_id, answer)

    async def _next(self, operation_id: str, answer: Answer) -> None:
        if "data" not in answer:
            raise _Failed(answer["errors"])
        await self._send({"id": operation_id, "type": "next", "payload": answer})

    async def _receive(self) -> dict[str, Any]:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        text = message.get("text")
        if text is None:
            raise _Closing(_BAD_REQUEST, "messages are text")
        if len(text) > limits.GRAPHQL_BODY_BYTES:
            raise _Closing(_TOO_BIG, f"a message may have {limits.GRAPHQL_BODY_BYTES} bytes")
        try:
            body = orjson.loads(text)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict) or not isinstance(body.get("type"), str):
            raise _Closing(_BAD_REQUEST, "a message is a JSON object with a `type`")
        return body

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            await self._websocket.send_text(orjson.dumps(message).decode())
        except RuntimeError as fault:  # starlette, after the socket was closed
            raise WebSocketDisconnect from fault

    async def _close(self, code: int, reason: str) -> None:
        if self._websocket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                # A reason has 123 bytes at most.
                await self._websocket.close(code, reason.encode()[:123].decode(errors="ignore"))


class _Failed(Exception):
    """An operation that came to no data at all."""

    def __init__(self, shown: Any) -> None:
        super().__init__()
        self.errors = shown


def _id_of(message: dict[str, Any]) -> str:
    operation_id = message.get("id")
    if not isinstance(operation_id, str) or not operation_id:
        raise _Closing(_BAD_REQUEST, "the message needs an `id`")
    return operation_id
