"""Create a database cluster once; killed half-way, nothing is left that looks like one."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from headwater.postgres.placement import Placement
from headwater.postgres.server import SUPERUSER, PostgresFailed


def create(placement: Placement, secret: str, *, durable: bool) -> None:
    """Works in a folder of its own; the rename at the end is what makes it a cluster."""
    home = placement.home
    for leftover in home.glob("initdb-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix="initdb-", dir=home))
    try:
        password = draft / "password"
        password.touch(mode=0o600)
        password.write_text(secret)
        placement.give(password)
        placement.give(draft)
        _initdb(placement, draft / "data", password, durable=durable)
        password.unlink()
        (draft / "data").rename(placement.data)
        _sync(home)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _initdb(placement: Placement, data: Path, password: Path, *, durable: bool) -> None:
    command: list[str | Path] = [
        *(placement.binaries / "initdb", "-D", data, "--no-instructions"),
        *(f"--username={SUPERUSER}", f"--pwfile={password}", "--auth=scram-sha-256"),
        *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin"),
        *("--builtin-locale=C.UTF-8", "--data-checksums"),
        *([] if durable else ["--no-sync"]),
    ]
    done = subprocess.run(  # noqa: S603 - our own arguments
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        **placement.process_options,
    )
    if done.returncode:
        raise PostgresFailed(
            f"could not create its database cluster (initdb: {done.returncode})",
            where=placement.home,
            advice="see that the disk has room and the folder can be written; then start again",
            last_words=done.stdout.decode(errors="replace"),
        )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
