"""Start, adopt, share and stop the one server of a data directory.

Two locks say who does what. `start.lock` is held by whoever starts or stops the server.
`users.lock` is shared by everyone who uses it; the kernel drops a killed user's share, so whoever
can have it alone is the last one out and stops the server.
"""

import contextlib
import fcntl
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from headwater.postgres import cluster, postmaster
from headwater.postgres.placement import Placement, kept_secret, place
from headwater.postgres.server import PostgresFailed, Server

HOST = "127.0.0.1"
SETTINGS = {
    "max_connections": "60",
    "shared_buffers": "32MB",
    "maintenance_work_mem": "32MB",
    "huge_pages": "off",
    "jit": "off",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "10min",
    "autovacuum": "on",
    "fsync": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    # A refused CREATE ROLE would otherwise put its password in the log.
    "log_min_error_statement": "panic",
}
# A new attempt cures these: the port was taken meanwhile, another start was quicker, the workers
# of a killed server are still going.
PASSING_TROUBLES = (
    "could not create any TCP/IP socket",
    'lock file "postmaster.pid" already exists',
    "pre-existing shared memory block",
)
PASSING_TROUBLES_SECONDS = 30
FAST_STOP_SECONDS = 60
ANSWER_SECONDS = 60
SAME_PORT_SECONDS = 5
LOG_TAIL_LINES = 20
LOG_ROTATION_BYTES = 1_000_000


class EmbeddedPostgres:
    """`settings` are those of postgresql.conf; they bind the process that starts the server."""

    def __init__(self, directory: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self._settings = {**SETTINGS, **(settings or {})}
        self._mutex = threading.Lock()
        self._cancelled = threading.Event()
        self._busy_thread: int | None = None
        self._place: Placement | None = None
        self._secret = ""
        self._users: int | None = None
        self._pid: int | None = None
        self._log_offset = 0
        self._server: Server | None = None
        self._port: int | None = None

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Server:
        with self._mutex:
            self._busy_thread = threading.get_ident()
            try:
                if self._server and self._is_still(self._server):
                    return self._server
                self._find_place()
                with self._start_lock(cancellable=True):
                    try:
                        self._server = self._serve()
                        self._port = self._server.port
                        self._pause(0)  # a stop that came meanwhile
                    except BaseException:
                        self._leave()
                        raise
                    return self._server
            except OSError as error:
                raise PostgresFailed(
                    f"could not use its directory or its programs ({error})",
                    where=self.directory,
                    advice="make the directory writable for the user who runs Headwater",
                ) from error
            finally:
                self._busy_thread = None
                self._cancelled.clear()

    def stop(self) -> None:
        self._cancelled.set()
        if self._busy_thread == threading.get_ident():
            return  # a signal handler in the middle of start(), which now gives up, or of stop()
        with self._mutex:
            self._busy_thread = threading.get_ident()
            try:
                if self._users is not None:
                    with self._start_lock(cancellable=False):
                        self._leave()
            finally:
                self._busy_thread = None
                self._cancelled.clear()

    def is_running(self) -> bool:
        """Cheap, unlike start(): whether the process is there, not whether it answers."""
        server = self._server
        return server is not None and postmaster.find(server.data) is not None

    def _is_still(self, server: Server) -> bool:
        # A dying process is still listed; another server may have its port by now.
        pid = postmaster.find(server.data)
        return (
            pid is not None
            and postmaster.ready_port(pid, server.data) == server.port
            and postmaster.answers(server)
        )

    # --- who uses the server

    @property
    def _placed(self) -> Placement:
        if self._place is None:
            raise AssertionError("used before start()")
        return self._place

    def _find_place(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        directory = self.directory.resolve()
        self._secret = kept_secret(directory / "password")
        self._place = place(directory, self._secret)

    @contextlib.contextmanager
    def _start_lock(self, *, cancellable: bool) -> Iterator[None]:
        lock = _open(self._placed.home / "start.lock", os.O_RDWR)
        try:
            while not _locked(lock, fcntl.LOCK_EX):
                self._pause(0.02, cancellable=cancellable)
            yield
        finally:
            os.close(lock)

    def _pause(self, seconds: float, *, cancellable: bool = True) -> None:
        if not cancellable:
            time.sleep(seconds)
        elif self._cancelled.wait(seconds):
            raise PostgresFailed(
                "was stopped while it was starting", where=self._placed.data, advice="start again"
            )

    def _leave(self) -> None:
        if self._users is None:
            return
        try:
            if _locked(self._users, fcntl.LOCK_EX):
                self._shut_down()
        finally:
            os.close(self._users)
            self._users = self._pid = self._server = None

    def _shut_down(self) -> None:
        data = self._placed.data
        pid = postmaster.find(data) or self._pid
        if pid is None or not postmaster.is_alive(pid, data):
            return
        os.kill(pid, signal.SIGINT)
        patience = time.monotonic() + FAST_STOP_SECONDS
        while postmaster.is_alive(pid, data):
            if time.monotonic() > patience:  # loses nothing: the next start recovers
                os.kill(pid, signal.SIGQUIT)
                patience += FAST_STOP_SECONDS
            time.sleep(0.01)

    # --- bring it up

    def _serve(self) -> Server:
        if self._users is None:
            self._users = _open(self._placed.home / "users.lock", os.O_RDWR)
        while not _locked(self._users, fcntl.LOCK_SH):
            self._pause(0.02)
        if not self._placed.data.exists():
            durable = self._settings["fsync"] != "off"
            cluster.create(self._placed, self._secret, durable=durable)
        patience = time.monotonic() + PASSING_TROUBLES_SECONDS
        while True:
            adopted = postmaster.find(self._placed.data)
            self._pid = adopted or self._launch()
            if server := self._when_ready(self._pid):
                return server
            last_words = self._log_tail()
            passing = any(trouble in last_words for trouble in PASSING_TROUBLES)
            if not adopted and not (passing and time.monotonic() < patience):
                raise PostgresFailed(
                    "ended while it was starting",
                    where=self._placed.data,
                    advice="restore the data from a backup, or move them away to begin with an "
                    f"empty database; the whole log is {self._log}",
                    last_words=last_words,
                )
            self._pause(0.1)

    def _when_ready(self, pid: int) -> Server | None:
        """Waits for a recovery of any length; None when the process ended instead."""
        data = self._placed.data
        patience = None
        while postmaster.is_alive(pid, data):
            self._pause(0.01)
            if (port := postmaster.ready_port(pid, data)) is None:
                continue
            server = Server(HOST, port, data, self._secret)
            if postmaster.answers(server):
                return server
            patience = patience or time.monotonic() + ANSWER_SECONDS
            if time.monotonic() > patience:
                raise PostgresFailed(
                    f"is up (process {pid}) and does not answer on port {port}",
                    where=data,
                    advice="see its log for what it is busy with",
                    last_words=self._log_tail(),
                )
        return None

    def _launch(self) -> int:
        data = self._placed.data
        postmaster.disown_stale_pid_file(data)
        settings = {
            **self._settings,
            "listen_addresses": HOST,
            "port": str(self._same_port() or _free_port()),
            "unix_socket_directories": "",
        }
        command: list[str | Path] = [self._placed.binaries / "postgres", "-D", data]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        if self._log.exists() and self._log.stat().st_size > LOG_ROTATION_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        log = _open(self._log, os.O_WRONLY | os.O_APPEND)
        try:
            self._log_offset = os.fstat(log).st_size
            return postmaster.launch(data, command, log=log, **self._placed.process_options)
        finally:
            os.close(log)

    def _same_port(self) -> int | None:
        """A server that ended comes back where its users look for it, if at all possible."""
        patience = time.monotonic() + SAME_PORT_SECONDS
        while self._port is not None and time.monotonic() < patience:
            if _is_free(self._port):
                return self._port
            self._pause(0.1)
        return None

    @property
    def _log(self) -> Path:
        return self._placed.home / "postgres.log"

    def _log_tail(self) -> str:
        if not self._log.exists():
            return ""
        with self._log.open("rb") as log:
            log.seek(self._log_offset)
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])


def _open(path: Path, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
