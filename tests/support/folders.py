"""Folders for databases in tests."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Settings of a server whose data need not outlive the test."""


@contextmanager
def enterable_folder() -> Iterator[Path]:
    """A folder that every account may enter, unlike root's tmp_path; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-test-")).resolve()
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
