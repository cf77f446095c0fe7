"""The embedded PostgreSQL, with real servers, real processes and real kills."""

import asyncio
import fcntl
import hashlib
import hmac
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from headwater.postgres import (
    EmbeddedPostgres,
    PostgresFailed,
    Server,
    placement,
    postmaster,
    role_password,
    supervisor,
)

ROOT = os.geteuid() == 0
QUICK = {"fsync": "off"}
USER = """
import sys
from pathlib import Path
from headwater.postgres import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off"})
print(postgres.start().port, flush=True)
sys.stdin.readline()
postgres.stop()
"""


@contextmanager
def enterable_folder() -> Iterator[Path]:
    """A folder that every account may enter, unlike root's tmp_path."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-test-")).resolve()
    folder.chmod(0o755)
    yield folder
    for data in folder.rglob("data"):
        if pid := postmaster.find(data):
            os.kill(pid, signal.SIGQUIT)
            until(lambda pid=pid, data=data: not postmaster.is_alive(pid, data))
    shutil.rmtree(folder)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with enterable_folder() as folder:
        yield folder


@pytest.fixture
def new_directory(open_folder: Path) -> Path:
    return open_folder / "postgres"


@pytest.fixture(scope="module")
def created_once() -> Iterator[Path]:
    with enterable_folder() as folder:
        with EmbeddedPostgres(folder / "postgres", settings=QUICK):
            pass
        (folder / "postgres" / "postgres.log").unlink()
        yield folder / "postgres"


@pytest.fixture
def directory(new_directory: Path, created_once: Path) -> Path:
    """A cluster that is already there: initdb is most of a test's time."""
    subprocess.run(["cp", "-a", created_once, new_directory], check=True)
    return new_directory


def until(condition: Callable[[], object]) -> None:
    patience = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < patience, "waited in vain"
        time.sleep(0.005)


def ask(url: str, question: str) -> list[tuple]:
    async def answer() -> list[tuple]:
        connection = await asyncpg.connect(url, ssl=False)
        try:
            return [tuple(row) for row in await connection.fetch(question)]
        finally:
            await connection.close()

    return asyncio.run(answer())


def pid_of(server: Server) -> int:
    pid = postmaster.find(server.data)
    assert pid
    return pid


@contextmanager
def using_process(directory: Path) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "-c", USER, str(directory)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def port_of(process: subprocess.Popen) -> int:
    return int(process.stdout.readline())


def finish(process: subprocess.Popen) -> None:
    rest, _ = process.communicate("\n")
    assert process.returncode == 0
    assert rest == "", "nothing of the server's goes to standard output"


def test_a_stop_and_a_start_keep_the_data(directory: Path) -> None:
    postgres = EmbeddedPostgres(directory, settings=QUICK)
    with postgres as server:
        ask(server.url("postgres"), "CREATE TABLE kept AS SELECT 42 AS answer")
        assert postgres.start() is server
    assert postmaster.find(server.data) is None
    postgres.stop()
    with postgres as again:
        assert ask(again.url("postgres"), "SELECT answer FROM kept") == [(42,)]


def test_every_connection_needs_its_password_over_loopback_only(directory: Path) -> None:
    with EmbeddedPostgres(directory, settings=QUICK) as server:
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(server.url("postgres", password="wrong"), "SELECT 1")
        rules = ask(server.url("postgres"), "SELECT DISTINCT auth_method FROM pg_hba_file_rules")
        assert rules == [("scram-sha-256",)]
        settings = dict(ask(server.url("postgres"), "SELECT name, setting FROM pg_settings"))
        assert settings["listen_addresses"] == "127.0.0.1"
        assert settings["unix_socket_directories"] == ""
        assert settings["fsync"] == "off"
        assert supervisor.SETTINGS["fsync"] == "on"
        assert settings["data_checksums"] == "on"
        assert settings["TimeZone"] == "UTC"
        locale = "SELECT datlocprovider::text, datlocale, pg_encoding_to_char(encoding) "
        databases = ask(server.url("postgres"), f"{locale} FROM pg_database")
        assert set(databases) == {("b", "C.UTF-8", "UTF8")}


def test_passwords_stay_out_of_command_lines_logs_and_reprs(new_directory: Path) -> None:
    with EmbeddedPostgres(new_directory, settings=QUICK) as server:
        secret = server.superuser_password
        with pytest.raises(asyncpg.DuplicateObjectError):
            ask(server.url("postgres"), "CREATE ROLE postgres PASSWORD 'sesame'")
        shown = postmaster._command_line(pid_of(server)) + repr(server)
        logged = (new_directory / "postgres.log").read_text()
    assert "already exists" in logged
    assert "sesame" not in logged
    assert secret not in logged + shown
    kept = new_directory / "password"
    assert kept.read_text() == secret
    assert kept.stat().st_mode & 0o777 == 0o600
    holders = [path for path in new_directory.rglob("*") if path.is_file() and path != kept]
    assert not [path for path in holders if secret.encode() in path.read_bytes()]


def test_a_role_logs_in_with_its_derived_password(directory: Path) -> None:
    expected = hmac.new(b"secret", b"headwater_kpi", hashlib.sha256).hexdigest()
    assert role_password("secret", "headwater_kpi") == expected
    with EmbeddedPostgres(directory, settings=QUICK) as server:
        password = role_password(server.superuser_password, "kpi")
        ask(server.url("postgres"), f"CREATE ROLE kpi LOGIN PASSWORD '{password}'")
        assert ask(server.url("postgres", "kpi"), "SELECT current_user") == [("kpi",)]


def test_a_url_survives_awkward_names() -> None:
    server = Server("127.0.0.1", 5432, Path("data"), "se/cret")
    assert server.url("a b", "o@ther", "p:w") == "postgresql://o%40ther:p%3Aw@127.0.0.1:5432/a%20b"
    assert server.url("x") == "postgresql://postgres:se%2Fcret@127.0.0.1:5432/x"


async def test_start_works_inside_a_running_event_loop(directory: Path) -> None:
    with EmbeddedPostgres(directory, settings=QUICK) as server:
        connection = await asyncpg.connect(server.url("postgres"), ssl=False)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()


def test_two_processes_share_a_server_and_the_last_one_out_stops_it(directory: Path) -> None:
    with using_process(directory) as first, using_process(directory) as second:
        assert port_of(first) == port_of(second)
        finish(first)
        assert postmaster.find(directory / "data")
        finish(second)
        assert postmaster.find(directory / "data") is None


def test_two_objects_of_one_process_share_a_server(directory: Path) -> None:
    with EmbeddedPostgres(directory, settings=QUICK) as outer:
        with EmbeddedPostgres(directory, settings=QUICK) as inner:
            assert inner == outer
        assert ask(outer.url("postgres"), "SELECT 1") == [(1,)]
    assert postmaster.find(outer.data) is None


def test_five_processes_starting_at_once_get_one_server(new_directory: Path) -> None:
    with (
        using_process(new_directory) as one,
        using_process(new_directory) as two,
        using_process(new_directory) as three,
        using_process(new_directory) as four,
        using_process(new_directory) as five,
    ):
        processes = [one, two, three, four, five]
        assert len({port_of(process) for process in processes}) == 1
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        assert [process.wait(20) for process in processes] == [0] * 5
    assert postmaster.find(new_directory / "data") is None
    assert (new_directory / "postgres.log").read_text().count("starting PostgreSQL") == 1


def test_a_server_left_by_a_killed_process_is_adopted(directory: Path) -> None:
    with using_process(directory) as process:
        port = port_of(process)
        process.kill()
        process.wait()
    left = postmaster.find(directory / "data")
    assert left
    assert os.getsid(left) == left, "Ctrl-C in the terminal must not reach the server"
    for lock in ("start.lock", "users.lock"):  # the server inherited neither
        with (directory / lock).open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with EmbeddedPostgres(directory, settings=QUICK) as server:
        assert (server.port, pid_of(server)) == (port, left)
    assert postmaster.find(server.data) is None


def test_a_killed_server_recovers_at_the_next_start(directory: Path) -> None:
    postgres = EmbeddedPostgres(directory, settings=QUICK)
    with postgres as server:
        ask(server.url("postgres"), "CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(pid_of(server), signal.SIGKILL)
        again = postgres.start()
        assert ask(again.url("postgres"), "SELECT answer FROM kept") == [(42,)]
    assert "was not properly shut down" in (directory / "postgres.log").read_text()


def test_a_stale_pid_file_is_no_obstacle_though_its_pid_lives_again(directory: Path) -> None:
    with EmbeddedPostgres(directory, settings=QUICK) as server:
        lines = (server.data / "postmaster.pid").read_text().splitlines()
    pid_file = server.data / "postmaster.pid"
    account = placement._account(server.data) if ROOT else {}
    with subprocess.Popen(["sleep", "60"], cwd="/", **account) as stranger:
        for stale in ("\n".join([str(stranger.pid), *lines[1:]]), str(stranger.pid), ""):
            pid_file.write_text(stale)
            with EmbeddedPostgres(directory, settings=QUICK) as again:
                assert pid_of(again) != stranger.pid
                assert ask(again.url("postgres"), "SELECT 1") == [(1,)]
        assert stranger.poll() is None
        stranger.kill()


def initdb_pid(directory: Path) -> int | None:
    for process in Path("/proc").glob("[0-9]*"):
        line = postmaster._command_line(int(process.name))
        if "/initdb -D " in line and str(directory) in line:
            return int(process.name)
    return None


@pytest.mark.parametrize("orphan_lives_on", [False, True])
def test_a_creation_killed_half_way_leaves_no_cluster(
    new_directory: Path, orphan_lives_on: bool
) -> None:
    with using_process(new_directory) as process:
        until(lambda: list(new_directory.glob("initdb-*/data/PG_VERSION")))
        process.kill()
        if not orphan_lives_on:
            pid = initdb_pid(new_directory)
            assert pid
            os.killpg(pid, signal.SIGKILL)
        assert not (new_directory / "data").exists()
        with EmbeddedPostgres(new_directory, settings=QUICK) as server:
            assert ask(server.url("postgres"), "SELECT 1") == [(1,)]


def test_a_failed_creation_says_so_and_can_be_repeated(new_directory: Path) -> None:
    with using_process(new_directory) as process:
        until(lambda: initdb_pid(new_directory))
        os.killpg(initdb_pid(new_directory), signal.SIGKILL)
        assert process.wait(20) == 1
    assert not list(new_directory.glob("initdb-*"))
    with EmbeddedPostgres(new_directory, settings=QUICK) as server:
        assert ask(server.url("postgres"), "SELECT 1") == [(1,)]


def test_a_port_taken_meanwhile_is_exchanged_for_another(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = [supervisor._free_port(), taken.getsockname()[1]]
        monkeypatch.setattr(supervisor, "_free_port", ports.pop)
        with EmbeddedPostgres(directory, settings=QUICK) as server:
            assert ask(server.url("postgres"), "SELECT 1") == [(1,)]
    assert ports == []


def test_a_stop_in_the_middle_of_a_start_is_safe(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = threading.Event()
    monkeypatch.setattr(postmaster, "answers", lambda server: reached.set())
    postgres = EmbeddedPostgres(directory, settings=QUICK)
    refusals: list[str] = []

    def start() -> None:
        try:
            postgres.start()
        except PostgresFailed as refusal:
            refusals.append(str(refusal))

    thread = threading.Thread(target=start)
    thread.start()
    assert reached.wait(20)
    postgres.stop()
    thread.join()
    assert "was stopped while it was starting" in refusals[0]
    assert postmaster.find(directory / "data") is None
    monkeypatch.undo()
    with postgres as server:
        assert ask(server.url("postgres"), "SELECT 1") == [(1,)]


def test_a_signal_handler_may_stop_its_own_start(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres = EmbeddedPostgres(directory, settings=QUICK)
    monkeypatch.setattr(postmaster, "answers", lambda server: postgres.stop() is None)
    with pytest.raises(PostgresFailed, match="was stopped while it was starting"):
        postgres.start()
    assert postmaster.find(directory / "data") is None


def test_corrupt_data_are_reported_with_place_advice_and_last_words(directory: Path) -> None:
    postgres = EmbeddedPostgres(directory, settings=QUICK)
    with postgres as server:
        pass
    os.truncate(server.data / "global" / "pg_control", 0)
    with pytest.raises(PostgresFailed) as refusal:
        postgres.start()
    message = str(refusal.value)
    assert "ended while it was starting" in message
    assert f"Where: {server.data}" in message
    assert "What to do: restore the data from a backup" in message
    assert "pg_control" in message.split("Its last words:")[1]
    assert server.superuser_password not in message


def test_a_wrong_kept_password_is_reported_and_the_server_not_left_behind(directory: Path) -> None:
    postgres = EmbeddedPostgres(directory, settings=QUICK)
    with postgres:
        pass
    (directory / "password").write_text("another")
    with pytest.raises(PostgresFailed, match="does not accept its kept password"):
        postgres.start()
    assert postmaster.find(directory / "data") is None


def test_an_unusable_directory_is_reported(open_folder: Path) -> None:
    (open_folder / "file").touch()
    with pytest.raises(PostgresFailed, match="could not use its directory"):
        EmbeddedPostgres(open_folder / "file").start()


@pytest.fixture
def private(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    elsewhere = open_folder / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o755)  # like /var/lib, whatever the umask
    monkeypatch.setattr(placement, "ELSEWHERE", elsewhere)
    private = open_folder / "private"
    private.mkdir(mode=0o700)
    return private


@pytest.fixture
def strict_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("strict_umask")
def test_a_directory_under_a_private_folder_works_and_stays_private(
    open_folder: Path, private: Path
) -> None:
    postgres = EmbeddedPostgres(private / "postgres", settings=QUICK)
    with postgres as server:
        ask(server.url("postgres"), "CREATE TABLE kept AS SELECT 42 AS answer")
        home = open_folder / "elsewhere" if ROOT else private
        assert server.data.is_relative_to(home)
        assert server.data.stat().st_mode & 0o777 == 0o700
    private.chmod(0o755)  # data stay where they were begun
    with EmbeddedPostgres(private / "postgres", settings=QUICK) as again:
        assert again.data == server.data
        assert ask(again.url("postgres"), "SELECT answer FROM kept") == [(42,)]
    shutil.rmtree(private / "postgres")  # a new directory does not meet the old data
    private.chmod(0o700)
    with postgres as fresh:
        assert ask(fresh.url("postgres"), "SELECT to_regclass('kept')") == [(None,)]
    assert private.stat().st_mode & 0o777 == 0o700


def test_data_that_became_unreachable_are_not_replaced_by_an_empty_database(
    directory: Path, private: Path
) -> None:
    private.chmod(0o755)
    directory.rename(private / "postgres")
    postgres = EmbeddedPostgres(private / "postgres", settings=QUICK)
    with postgres:
        pass
    private.chmod(0o700)
    if ROOT:
        with pytest.raises(PostgresFailed, match="may not enter its own data"):
            postgres.start()
    else:
        with postgres as server:
            assert server.data == private / "postgres" / "data"


def test_binaries_that_the_account_cannot_reach_are_copied_once(
    directory: Path, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = placement._wheel()
    for part in (wheel, *placement._libraries(wheel)[:1]):
        (private / part.name).symlink_to(part)
    monkeypatch.setattr(placement, "_wheel", lambda: private / wheel.name)
    postgres = EmbeddedPostgres(directory, settings=QUICK)
    with postgres as server:
        assert ask(server.url("postgres"), "SELECT 1") == [(1,)]
        ours = placement.ELSEWHERE if ROOT else private
        assert str(ours) in postmaster._command_line(pid_of(server))
    copies = list(placement.ELSEWHERE.iterdir())
    assert len(copies) == ROOT
    monkeypatch.setattr(placement, "_copy_binaries", None)
    with postgres:
        assert list(placement.ELSEWHERE.iterdir()) == copies


def test_a_folder_prepared_by_somebody_else_is_refused(tmp_path: Path) -> None:
    trap = tmp_path / "headwater-0123456789abcdef"
    trap.mkdir()
    if ROOT:
        placement._refuse_foreign(trap)
        os.chown(trap, 65534, 65534)
    with pytest.raises(PostgresFailed, match="root does not own alone"):
        placement._refuse_foreign(trap)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(PostgresFailed, match="root does not own alone"):
        placement._refuse_foreign(link)
