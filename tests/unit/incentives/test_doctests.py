import doctest
import importlib
import pkgutil

import pytest

import services.incentives.domain

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(
        services.incentives.domain.__path__, "services.incentives.domain."
    )
)


@pytest.mark.parametrize("name", MODULES)
def test_the_worked_examples_hold(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


RULES = ["commission", "credits", "lines", "plan", "run_rate", "statement", "zones"]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_comes_with_a_worked_example(name):
    _, attempted = doctest.testmod(importlib.import_module(f"services.incentives.domain.{name}"))
    assert attempted > 0
