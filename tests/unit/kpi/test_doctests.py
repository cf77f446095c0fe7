import doctest
import importlib
import pkgutil

import pytest

import services.kpi.domain

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(services.kpi.domain.__path__, "services.kpi.domain.")
)


@pytest.mark.parametrize("name", MODULES)
def test_the_worked_examples_hold(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


@pytest.mark.parametrize("name", ["domain.attainment", "domain.metrics", "actions.closings"])
def test_a_rule_comes_with_a_worked_example(name):
    failed, attempted = doctest.testmod(importlib.import_module(f"services.kpi.{name}"))
    assert (failed, attempted > 0) == (0, True)
