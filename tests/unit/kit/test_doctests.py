import doctest
import importlib
import pkgutil

import pytest

import services.kit

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(services.kit.__path__, "services.kit.")
)
EXPLAINED = ["services.kit.money", "services.kit.organisation", "services.kit.period"]


@pytest.mark.parametrize("name", MODULES)
def test_the_worked_examples_hold(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


@pytest.mark.parametrize("name", EXPLAINED)
def test_a_rule_comes_with_a_worked_example(name):
    assert name in MODULES
    _, attempted = doctest.testmod(importlib.import_module(name))
    assert attempted > 0
