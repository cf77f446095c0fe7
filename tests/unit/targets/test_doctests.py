import doctest
import importlib
import pkgutil

import pytest

import services.targets.domain

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(
        services.targets.domain.__path__, "services.targets.domain."
    )
)


@pytest.mark.parametrize("name", MODULES)
def test_the_worked_examples_hold(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


@pytest.mark.parametrize(
    "name",
    [
        "cascade",
        "configuration",
        "explain",
        "identity",
        "moves",
        "plan",
        "rollup",
        "spans",
        "splitting",
        "tenure",
    ],
)
def test_a_rule_comes_with_a_worked_example(name):
    _, attempted = doctest.testmod(importlib.import_module(f"services.targets.domain.{name}"))
    assert attempted > 0
