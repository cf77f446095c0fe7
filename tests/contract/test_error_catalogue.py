"""docs/errors.md lists every refusal and every reason for which an item waits, and no others."""

import ast
import importlib
import pkgutil
import re
from pathlib import Path

import gateway
import services
from services.kit.errors import Refusal

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/errors.md").read_text()
_ROW = re.compile(r"^\| `([a-z_]+)` \|(.*)\|$", re.MULTILINE)


def _rows(heading: str) -> dict[str, list[str]]:
    """First column → the other cells, of the tables under a heading of the page."""
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = _ROW.findall(section)
    assert len(rows) == len({code for code, _ in rows}), f"{heading}: a code is listed twice"
    return {code: [cell.strip() for cell in rest.split("|")] for code, rest in rows}


def _refusals() -> dict[str, set[int]]:
    for package in (services, gateway):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    found: dict[str, set[int]] = {}
    waiting: list[type[Refusal]] = [Refusal]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith(("services.", "gateway.")):
            found.setdefault(kind.code, set()).add(kind.status)
    return found


def _reasons() -> tuple[set[str], set[str]]:
    """Reasons written as they are, and the beginnings of those that are put together."""
    written, begun = {"key_conflict"}, set()
    for path in (ROOT / "services/kpi").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(
                node.func, "attr", None
            )) in {"Unfit", "Unusable"} and node.args:  # fmt: skip
                reason = node.args[0]
                if isinstance(reason, ast.JoinedStr):
                    begun.add(reason.values[0].value)
                    continue
                written |= {
                    part.value
                    for part in ast.walk(reason)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }
    return written, begun


def test_every_refusal_is_listed_with_its_status_and_graphql_code():
    listed = _rows("Refusals")
    found = _refusals()
    assert set(found) - set(listed) == set(), "give these codes a row in docs/errors.md"
    assert set(listed) - set(found) == set(), "no class has these codes any more"
    for code, statuses in found.items():
        status, shown, *meaning = listed[code]
        assert {int(status)} == statuses, f"{code}: {statuses}"
        if code != "document_refused":  # shown under the code of what was wrong with it
            assert shown == f"`{code.upper()}`"
        assert len(meaning) == 2
        assert all(meaning), f"{code}: what it means, and what to do"


def test_every_reason_is_listed():
    listed = set(_rows("Reasons of quarantine and rejection"))
    written, begun = _reasons()
    assert written - listed == set(), "give these reasons a row in docs/errors.md"
    for beginning in begun:
        assert any(reason.startswith(beginning) for reason in listed - written), beginning
    unknown = {r for r in listed - written if not r.startswith(tuple(begun))}
    assert unknown == set(), "nothing gives these reasons any more"
