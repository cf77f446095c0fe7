"""A server under test: started in a data directory of its own, stopped and removed in the end."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks import machine
from headwater.installation import Installation, Keys
from headwater.settings import HeadwaterSettings

_READY_SECONDS = 120
_STOP_SECONDS = 60


class StandFailed(Exception):
    """The server under test did not come up; its last words are in the message."""


@dataclass(frozen=True, slots=True)
class Server:
    process: subprocess.Popen[bytes]
    port: int
    data_dir: Path
    start_seconds: float
    """From the command to the first /readyz that says so."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def installation(self) -> Installation:
        return Installation(HeadwaterSettings(data_dir=self.data_dir), environment={})

    def keys(self) -> Keys:
        return self.installation.keys()


@contextlib.contextmanager
def data_directory() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="headwater-bench-"))
    folder.chmod(0o711)  # root lends the database another account, which has to pass
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(
    command: Sequence[str], data_dir: Path, core: int | None, *,
    port: int | None = None, **told: str,
) -> Iterator[Server]:  # fmt: skip
    """`told` are more variables of its environment."""
    port = port or free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HEADWATER_")}
    environment |= {
        "HEADWATER_DATA_DIR": str(data_dir), "HEADWATER_LOG_LEVEL": "warning", **told,
    }  # fmt: skip
    started = time.perf_counter()
    with (data_dir / "server.log").open("wb") as log, machine.on(core):
        whole = [*command, "--port", str(port)]
        process = subprocess.Popen(whole, env=environment, stdout=log, stderr=log)
    try:
        _wait_ready(process, port, data_dir)
        yield Server(process, port, data_dir, time.perf_counter() - started)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def headwater(*arguments: str) -> list[str]:
    """The command as it is installed beside this Python."""
    return [str(Path(sys.executable).with_name("headwater")), *arguments]


def measured() -> list[str]:
    return [sys.executable, "-m", "benchmarks.server"]


def _wait_ready(process: subprocess.Popen[bytes], port: int, data_dir: Path) -> None:
    until = time.monotonic() + _READY_SECONDS
    with httpx.Client(timeout=5) as client:
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if client.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                    return
            time.sleep(0.01)
    words = (data_dir / "server.log").read_text(errors="replace")[-2000:]
    raise StandFailed(f"the server did not become ready:\n{words}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
