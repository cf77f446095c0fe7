"""Every worked example of the domain is what the code says."""

import doctest
import importlib
import pkgutil

import pytest

from services.customers import domain

MODULES = sorted(module.name for module in pkgutil.iter_modules(domain.__path__))
WITHOUT_EXAMPLE = {"customer", "policy", "records"}


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(f"services.customers.domain.{name}")
    found = doctest.testmod(module)
    assert found.failed == 0
    assert (found.attempted > 0) == (name not in WITHOUT_EXAMPLE)
