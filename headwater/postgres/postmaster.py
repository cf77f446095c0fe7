"""What a data directory and the kernel tell about its server: is it there, where, does it answer.

postmaster.pid has eight lines: 1 pid, 2 data directory, 3 start time, 4 port, 5 socket folder,
6 address, 7 shared memory, 8 status. The port is the server's own only once it is "ready".
"""

import asyncio
import contextlib
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg

from headwater.postgres.server import SUPERUSER, PostgresFailed, Server

# Kept so that a server's exit is reaped, whichever object of this process started it.
_children: dict[int, tuple[Path, subprocess.Popen[bytes]]] = {}


def launch(data: Path, command: list[str | Path], *, log: int, **options: Any) -> int:
    child = subprocess.Popen(  # noqa: S603 - our own arguments
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options
    )
    _children[child.pid] = data, child
    return child.pid


def find(data: Path) -> int | None:
    """The living server of this data directory, whoever started it."""
    lines = _pid_file_lines(data)
    pid = int(lines[0]) if lines and lines[0].isdigit() else 0
    return pid if pid > 1 and is_alive(pid, data) else None


def is_alive(pid: int, data: Path) -> bool:
    if pid in _children:
        its_data, child = _children[pid]
        if child.poll() is None:
            return its_data == data  # its command line is empty for an instant after exec
        del _children[pid]
    # A pid alone proves nothing: after a restart of the machine it is anybody's.
    return f"postgres -D {data} -c " in _command_line(pid)


def ready_port(pid: int, data: Path) -> int | None:
    lines = _pid_file_lines(data)
    if lines is None or len(lines) < 8 or lines[0] != str(pid) or lines[7].strip() != "ready":
        return None
    return int(lines[3])


def disown_stale_pid_file(data: Path) -> None:
    """Let a pid that now belongs to another process be no obstacle.

    PostgreSQL takes a file that names its own parent, us, for stale. Removing the file would also
    remove the number of the shared memory by which it notices a dead server's living workers.
    """
    lines = _pid_file_lines(data)
    if lines is None:
        return
    owner = data.stat()
    descriptor, draft = tempfile.mkstemp(prefix="postmaster.pid.", dir=data)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    os.chown(draft, owner.st_uid, owner.st_gid)
    Path(draft).replace(data / "postmaster.pid")


def answers(server: Server) -> bool:
    """In a thread of its own, because the caller's may be running an event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, _answers(server)).result()


async def _answers(server: Server) -> bool:
    connection = None
    try:
        connection = await asyncpg.connect(
            host=server.host,
            port=server.port,
            user=SUPERUSER,
            password=server.superuser_password,
            database="postgres",
            ssl=False,
            timeout=10,
        )
        data = await connection.fetchval("SELECT current_setting('data_directory')", timeout=10)
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        raise PostgresFailed(
            "does not accept its kept password",
            where=server.data,
            advice="put back the file `password` that belongs to these data",
        ) from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False  # starting, stopping, full: the caller asks again
    finally:
        if connection is not None:
            connection.terminate()
    return Path(data) == server.data


def _pid_file_lines(data: Path) -> list[str] | None:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None


def _command_line(pid: int) -> str:
    if Path("/proc/self/cmdline").exists():
        with contextlib.suppress(OSError):
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
            return raw.replace(b"\0", b" ").decode(errors="replace")
        return ""
    listing = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(listing, capture_output=True, text=True, check=False).stdout  # noqa: S603
