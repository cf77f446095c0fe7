"""Headwater as its user runs it: a process of its own over a data folder, stopped or killed."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

import headwater
from headwater.postgres import postmaster
from tests.support.folders import enterable_folder
from tests.support.gate import until

ROOT = Path(headwater.__file__).parents[1]


class Process:
    """`command` of headwater (such as `serve kpi`), over and over on the same data and port."""

    def __init__(self, folder: Path, command: str, **environment: str) -> None:
        self.data_dir = folder / "data"
        self.cluster = self.data_dir / "postgres" / "data"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "output.log"
        self._command = [
            sys.executable, "-m", "headwater", *command.split(), "--port", str(self.port)
        ]  # fmt: skip
        self._child: subprocess.Popen[bytes] | None = None
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("HEADWATER_")}
        self.environment = {
            **inherited, "PYTHONPATH": str(ROOT), "HEADWATER_DATA_DIR": str(self.data_dir),
            **environment,
        }  # fmt: skip

    @property
    def child(self) -> subprocess.Popen[bytes]:
        assert self._child is not None
        return self._child

    @property
    def output(self) -> str:
        """What the latest start has printed so far."""
        return self._log.read_text()

    def start(self) -> None:
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(
                self._command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    async def ready(self, *files: Path, seconds: float = 120) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=5, trust_env=False) as client:

            async def is_ready() -> bool:
                assert self.child.poll() is None, self.output
                try:
                    answer = await client.get("/readyz")
                except httpx.HTTPError:
                    return False
                return answer.status_code == 200 and all(file.exists() for file in files)

            await until(is_ready, seconds)

    async def said(self, words: str, seconds: float = 120) -> None:
        async def has_said() -> bool:
            assert self.child.poll() is None, self.output
            return words in self.output

        await until(has_said, seconds)

    def kill(self) -> None:
        """As a crash would: this process alone, without a chance to say a word."""
        self.child.kill()
        self.child.wait()

    def interrupt(self, seconds: float = 10) -> int:
        """Ctrl-C: the terminal tells the whole group. Answers the exit status."""
        os.killpg(self.child.pid, signal.SIGINT)
        return self.child.wait(seconds)

    def leftovers(self) -> list[str]:
        """What of it still runs or listens."""
        found = []
        if postmaster.find(self.cluster) is not None:
            found.append("PostgreSQL")
        try:
            os.killpg(self.child.pid, 0)
            found.append("a process of its group")
        except ProcessLookupError:
            pass
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                found.append("a listener")
        return found

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command on the same data."""
        return subprocess.run(
            [sys.executable, "-m", "headwater", *arguments], env=self.environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def end(self) -> None:
        """Whatever the test left of it."""
        if self._child is not None and self._child.poll() is None:
            self.kill()
        if pid := postmaster.find(self.cluster):
            os.kill(pid, signal.SIGQUIT)


@contextmanager
def process(command: str, **environment: str) -> Iterator[Process]:
    with enterable_folder() as folder:
        running = Process(folder, command, **environment)
        try:
            yield running
        finally:
            running.end()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
