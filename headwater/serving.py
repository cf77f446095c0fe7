"""Running the parts under uvicorn, with their databases brought up first."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.loops.auto import auto_loop_factory

from headwater.databases import SERVICES
from headwater.installation import Installation, Keys
from headwater.postgres import PostgresFailed
from headwater.settings import HeadwaterSettings
from headwater.stack import Stack, create, network_clients
from services.kit import limits
from services.kit.clock import Clock

log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.5


@contextmanager
def opened(
    settings: HeadwaterSettings, services: Sequence[str] = SERVICES, *, migrate: bool = True
) -> Iterator[Installation]:
    """The installation with the databases of `services` there and current; let go of in the end.

    A termination ends like Ctrl-C: what is open is closed, and nothing is printed about it.
    """
    installation = Installation(settings)
    spare_the_collector()
    is_open = False
    for number in (signal.SIGINT, signal.SIGTERM):  # shells start background jobs deaf to Ctrl-C
        signal.signal(number, signal.default_int_handler)
    try:
        if services:
            installation.open()
        if migrate:
            installation.migrate(services)
        is_open = True
        yield installation
    except KeyboardInterrupt:
        if not is_open:
            raise SystemExit(130) from None
    finally:
        # An impatient second signal would leave the server running.
        before = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM)}
        installation.close()
        for number, handler in before.items():
            signal.signal(number, handler)


def configure_logging(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where there is one: uvicorn's `loop` counts only for loops it makes itself."""
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(work)


def spare_the_collector() -> None:
    """What is loaded now stays: else every full collection walks all of it again.

    A thousand events make enough objects for several collections.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class _Server(uvicorn.Server):
    """Ends long polls before it waits for the requests that are under way: they would outlast it."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        app = self.config.app
        for part in getattr(app, "apps", {"": app}).values():
            for waits in getattr(part.state, "waits", ()):
                waits.close()
        await super().shutdown(sockets=sockets)


def server_of(app: Any, host: str, port: int) -> uvicorn.Server:
    spare_the_collector()
    config = uvicorn.Config(
        app, host=host, port=port, http="httptools", ws="websockets-sansio",
        ws_max_size=limits.GRAPHQL_BODY_BYTES,
        lifespan="on", access_log=False, log_config=None, timeout_graceful_shutdown=5,
        server_header=False, timeout_keep_alive=30,
    )  # fmt: skip
    return _Server(config)


async def serve_all(
    installation: Installation,
    keys: Keys,
    clock: Clock,
    *,
    when_up: Callable[[Stack], Awaitable[None]] | None = None,
) -> None:
    """Everything in this process until a signal stops it; `when_up` runs beside the server."""
    settings = installation.settings
    stack = Stack(installation.urls, keys, clock)
    server = server_of(stack, settings.host, settings.port)
    async with _kept_up(installation, server), _beside(server, stack, when_up):
        await server.serve()


@contextlib.asynccontextmanager
async def _beside(
    server: uvicorn.Server, stack: Stack, when_up: Callable[[Stack], Awaitable[None]] | None
) -> AsyncIterator[None]:
    if when_up is None:
        yield
        return

    async def run() -> None:
        while not server.started:  # noqa: ASYNC110 — uvicorn says it by this flag alone
            await asyncio.sleep(0.01)
        try:
            await when_up(stack)
        except Exception:
            if server.should_exit:
                return  # what it leaned on is being taken down
            log.exception("what runs beside the server failed")
            server.should_exit = True
            raise

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def _kept_up(installation: Installation, server: uvicorn.Server) -> AsyncIterator[None]:
    """Bring the embedded database up again where it ends under us: a crash, or somebody's kill."""

    async def watch() -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if installation.is_up():
                continue
            log.error("the embedded database ended: starting it again")
            try:
                same_place = await asyncio.to_thread(installation.restore)
            except PostgresFailed as failure:
                log.error("%s", failure)  # noqa: TRY400 — it says everything
                continue
            if not same_place:
                log.error("the database is back at another port: stopping; start again")
                server.should_exit = True
                return
            log.warning("the embedded database is back")

    task = asyncio.create_task(watch(), name="database watch")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def serve_part(part: str, installation: Installation, keys: Keys, clock: Clock) -> None:
    """One part alone; it reaches the others by their URLs."""
    clients = network_clients()
    app = create(part, installation.urls, keys, clock, clients)
    server = server_of(app, installation.settings.host, installation.settings.port)
    try:
        async with _kept_up(installation, server):
            await server.serve()
    finally:
        await clients.close()
