"""The house's own rules (style.md), where a linter has none."""

import ast
import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from services.kit.errors import Refusal

HOUSE = Path(__file__).parents[2]
ROOTS = ("services", "gateway", "headwater", "migrations")
FUNCTION_LINES, FILE_LINES = 60, 400
SPOILT = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "base", "misc"}
CLOCK_CALLS = {
    ("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"),
    ("datetime", "today"), ("date", "today"),
}  # fmt: skip
# Clocks are services/kit/clock.py's; a token's times are those of its issuer, not of a tenant.
MAY_READ_THE_CLOCK = {"services/kit/clock.py", "services/kit/auth.py"}
# Published vulnerabilities (ops.md, Security).
AT_LEAST = {"strawberry-graphql": "0.315.7", "starlette": "1.3.1", "pyjwt": "2.13"}


def sources(*roots: str) -> Iterator[tuple[str, str]]:
    found = [path for root in roots for path in sorted((HOUSE / root).rglob("*.py"))]
    assert found
    for path in found:
        yield path.relative_to(HOUSE).as_posix(), path.read_text()


def test_functions_and_files_stay_small() -> None:
    too_long = []
    for name, text in sources(*ROOTS):
        if text.count("\n") > FILE_LINES:
            too_long.append(name)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                lines = node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES:
                    too_long.append(f"{name}: {node.name} has {lines} lines")
    assert too_long == []


def test_modules_are_nouns_of_the_field() -> None:
    assert [name for name, _ in sources(*ROOTS) if Path(name).stem in SPOILT] == []


def floats(text: str) -> list[int]:
    """Lines that make or name a float."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float" and not _is_a_check(node, text))
    ]


def _is_a_check(name: ast.Name, text: str) -> bool:
    """`isinstance(x, float)` keeps floats out; a `Decimal(str(x))` on its line takes one apart."""
    return "isinstance(" in text.splitlines()[name.lineno - 1]


def test_no_float_enters_the_domain() -> None:
    domains = [f"services/{path.name}/domain" for path in (HOUSE / "services").iterdir()
               if (path / "domain").is_dir()]  # fmt: skip
    assert len(domains) == 4
    kit = ("services/kit/money.py", "services/kit/period.py")
    found = {name: floats(text) for name, text in sources(*domains)}
    found |= {name: floats((HOUSE / name).read_text()) for name in kit}
    assert {name: lines for name, lines in found.items() if lines} == {}
    assert floats("rate = 0.5") == [1]
    assert floats("def f(x: float): ...") == [1]


def clock_readings(text: str) -> list[str]:
    return [
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in CLOCK_CALLS
    ]  # fmt: skip


def test_time_comes_from_the_clock_alone() -> None:
    assert clock_readings("import time\ntime.time()\ndatetime.now(UTC)") != []
    found = {
        name: clock_readings(text)
        for name, text in sources("services", "gateway")
        if name not in MAY_READ_THE_CLOCK
    }
    assert {name: calls for name, calls in found.items() if calls} == {}


def _refusals(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    yield kind
    for sub in kind.__subclasses__():
        yield from _refusals(sub)


def test_every_refusal_has_a_code_of_its_own() -> None:
    for root in ("services", "gateway"):
        package = importlib.import_module(root)
        for module in pkgutil.walk_packages(package.__path__, f"{root}."):
            importlib.import_module(module.name)
    ours = [
        kind for kind in set(_refusals()) if kind.__module__.startswith(("services", "gateway"))
    ]
    assert len(ours) > 20
    own = [kind for kind in ours if "code" in vars(kind)]
    without = {kind.__name__ for kind in ours} - {kind.__name__ for kind in own}
    assert without <= {"EventRejected", "MappingInvalid"}, "a class without a code is its parent's"
    codes = Counter(kind.code for kind in own)
    assert [code for code, count in codes.items() if count > 1] == []
    assert all(code.replace("_", "").isalpha() and code == code.lower() for code in codes)


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:3] if part.isdigit())


@pytest.mark.parametrize("package", AT_LEAST)
def test_no_version_with_a_published_vulnerability(package: str) -> None:
    assert numbers(version(package)) >= numbers(AT_LEAST[package])


def attributes(node: ast.AST) -> set[str]:
    """Dotted ends of what is used, as in `time.sleep`."""
    return {
        f"{getattr(found.value, 'id', getattr(found.value, 'attr', ''))}.{found.attr}"
        for found in ast.walk(node)
        if isinstance(found, ast.Attribute)
    }


def sleeps_outside_of_loops(text: str) -> bool:
    tree = ast.parse(text)
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.While)]
    inside = {id(part) for loop in loops for part in ast.walk(loop)}
    return any(
        "time.sleep" in attributes(node) and id(node) not in inside
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        and node.func.attr == "sleep"
    )  # fmt: skip


def test_tests_wait_for_conditions_and_are_never_skipped() -> None:
    assert sleeps_outside_of_loops("import time\ntime.sleep(1)")
    assert not sleeps_outside_of_loops("while not done():\n    time.sleep(0.1)")
    skipping = {
        "pytest.skip", "mark.skip", "mark.skipif", "mark.xfail", "pytest.xfail",
        "pytest.importorskip",
    }  # fmt: skip
    for name, text in sources("tests"):
        assert not sleeps_outside_of_loops(text), name
        assert attributes(ast.parse(text)) & skipping == set(), name


def test_nothing_unfinished_is_left() -> None:
    words = ["".join(parts) for parts in (("TO", "DO"), ("FIX", "ME"), ("NotImplemented", "Error"))]
    for name, text in sources(*ROOTS, "tests"):
        assert [word for word in words if word in text] == [], name
