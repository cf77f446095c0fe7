"""Running the parts under uvicorn, with their databases brought up first."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from headwater.installation import Installation, Keys
from headwater.settings import HeadwaterSettings
from headwater.stack import Stack, create, network_clients
from services.kit.clock import Clock


@contextmanager
def opened(settings: HeadwaterSettings, *, migrate: bool = True) -> Iterator[Installation]:
    """The installation with its databases there and current; let go of in the end.

    A termination ends like Ctrl-C: what is open is closed, and nothing is printed about it.
    """
    installation = Installation(settings)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        installation.open()
        if migrate:
            installation.migrate()
        yield installation
    except KeyboardInterrupt:
        pass
    finally:
        installation.close()


def configure_logging(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)


def server_of(app: Any, host: str, port: int) -> uvicorn.Server:
    config = uvicorn.Config(
        app, host=host, port=port, loop="uvloop", http="httptools", ws="websockets-sansio",
        lifespan="on", access_log=False, log_config=None, timeout_graceful_shutdown=5,
        server_header=False, timeout_keep_alive=30,
    )  # fmt: skip
    return uvicorn.Server(config)


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
    async with _beside(server, stack, when_up):
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
        except asyncio.CancelledError:
            raise
        except Exception:
            logging.getLogger(__name__).exception("what runs beside the server failed")
            server.should_exit = True
            raise

    task = asyncio.create_task(run())
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
    try:
        await server_of(app, installation.settings.host, installation.settings.port).serve()
    finally:
        await clients.close()
