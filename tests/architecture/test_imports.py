"""The import contracts of pyproject hold, and each of them would notice a breach."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
LINT = Path(sys.executable).parent / "lint-imports"
BREACHES = {
    "Services never import each other": (
        "services/kpi/domain/figures.py",
        "services.targets.tables",
    ),
    "Domain is pure": ("services/kpi/domain/figures.py", "asyncio"),
    "Imports point inward": ("services/kpi/store/feed.py", "services.kpi.actions.log"),
    "The gateway meets services only over HTTP": ("gateway/paging.py", "services.kit.db"),
    "Nobody imports the composition root": ("services/kit/ids.py", "headwater.databases"),
    "Kit depends on nothing of ours": ("services/kit/ids.py", "services.kpi.tables"),
}


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT, "--no-cache", "--config", directory / "pyproject.toml"],
        cwd=directory, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip


def test_every_contract_is_kept() -> None:
    done = lint(HOUSE)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.fixture(scope="module")
def broken_house(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A copy of the house with every breach planted at once; what lint-imports says of it."""
    copy = tmp_path_factory.mktemp("house")
    shutil.copy(HOUSE / "pyproject.toml", copy)
    for root in ("services", "gateway", "headwater"):
        shutil.copytree(HOUSE / root, copy / root, ignore=shutil.ignore_patterns("__pycache__"))
    for path, module in BREACHES.values():
        with (copy / path).open("a") as file:
            file.write(f"\nimport {module}\n")
    done = lint(copy)
    assert done.returncode == 1, done.stdout
    return done.stdout


@pytest.mark.parametrize("contract", BREACHES)
def test_a_planted_breach_is_noticed(broken_house: str, contract: str) -> None:
    (line,) = [
        line for line in broken_house.splitlines()
        if line.startswith(contract) and line.endswith(("KEPT", "BROKEN"))
    ]  # fmt: skip
    assert line.endswith("BROKEN")
