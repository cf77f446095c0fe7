"""The five parts as five processes on one machine, over fresh databases, behind one client."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from headwater.databases import SERVICES, Urls
from services.kit.auth import Signer
from tests.support.folders import enterable_folder
from tests.support.processes import Process
from tests.support.stack import RunningStack

PARTS = ("kpi", "targets", "customers", "incentives", "gateway")


class Split:
    """`parts` by name; each may be killed and started again, on the same port and data.

    Without `urls` they share the embedded database of their folder.
    """

    def __init__(self, folder: Path, urls: dict[str, Urls], **environment: str) -> None:
        self.data_dir = folder / "data"
        self.parts: dict[str, Process] = {}
        for part in PARTS:
            (folder / part).mkdir()
            self.parts[part] = Process(folder / part, f"serve {part}", **environment)
        reached = {f"HEADWATER_{name.upper()}_URL": self.parts[name].url for name in SERVICES}
        for part, process in self.parts.items():
            process.environment |= {**reached, "HEADWATER_DATA_DIR": str(self.data_dir)}
            if part in urls:
                process.environment |= {
                    f"HEADWATER_{part.upper()}_DATABASE_URL": urls[part].app,
                    f"HEADWATER_{part.upper()}_MIGRATION_URL": urls[part].owner,
                }
        self.signer = Signer.from_file(self.data_dir / "signing.pem", create=True)

    async def start(self, *names: str) -> None:
        """Those parts, or all, until they are ready."""
        starting = [self.parts[name] for name in names or PARTS]
        for process in starting:
            process.start()
        await asyncio.gather(*(process.ready() for process in starting))

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """Finds each path's part by itself, as a proxy in front of the five would."""
        transport = _ByPath({name: part.port for name, part in self.parts.items()})
        async with httpx.AsyncClient(
            base_url=self.parts["gateway"].url, transport=transport, timeout=30
        ) as client:
            yield client

    def end(self) -> None:
        for process in self.parts.values():
            process.end()


class _ByPath(httpx.AsyncBaseTransport):
    def __init__(self, ports: dict[str, int]) -> None:
        self._ports = {**ports, "webhooks": ports["kpi"]}
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        first = request.url.path.split("/", 2)[1]
        port = self._ports.get(first, self._ports["gateway"])
        request.url = request.url.copy_with(port=port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@contextmanager
def split(urls: dict[str, Urls], **environment: str) -> Iterator[Split]:
    """Not yet started; ended with the block."""
    with enterable_folder() as folder:
        apart = Split(folder, urls, **environment)
        try:
            yield apart
        finally:
            apart.end()


@contextlib.asynccontextmanager
async def stack_of(apart: Split, suffix: str) -> AsyncIterator[RunningStack]:
    """The same face as the stack of one process."""
    async with apart.client() as client:
        yield RunningStack(apart.parts["gateway"].url, client, apart.signer, suffix)
