"""`make dev`: the demo in a child process, started again when a Python file changes."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import headwater
from headwater.settings import HeadwaterSettings

_PACKAGES = ("headwater", "services", "gateway")
_LOOK_SECONDS = 0.5
_STOP_SECONDS = 15


def watch(settings: HeadwaterSettings) -> None:
    """Until Ctrl-C or a termination, which end the child too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    command = [sys.executable, "-m", "headwater", "demo", "--port", str(settings.port)]
    while True:
        seen = _changed_at()
        child = subprocess.Popen(command)  # noqa: S603 — our own arguments
        try:
            while _changed_at() == seen:
                _pause(child)
        except KeyboardInterrupt:
            _stop(child)
            return
        print("The code changed: starting again", flush=True)
        _stop(child)


def _pause(child: subprocess.Popen[bytes]) -> None:
    """A child that ended by itself waits for the change that mends it."""
    try:
        child.wait(_LOOK_SECONDS)
    except subprocess.TimeoutExpired:
        return
    time.sleep(_LOOK_SECONDS)


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        child.kill()
        child.wait()


def _changed_at() -> dict[Path, int]:
    root = Path(headwater.__file__).parents[1]
    found = {}
    for package in _PACKAGES:
        for path in (root / package).rglob("*.py"):
            try:
                found[path] = path.stat().st_mtime_ns
            except FileNotFoundError:
                continue  # an editor replaces files
    return found
