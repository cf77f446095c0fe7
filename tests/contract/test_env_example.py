"""deploy/env.example and docs/operations.md name every variable that a process reads."""

import importlib
import pkgutil
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

import gateway
import headwater
import services
from headwater import environment
from services.kit.settings import PREFIX, CommonSettings

ROOT = Path(__file__).parents[2]


def _settings(kind: type[BaseSettings] = CommonSettings) -> set[type[BaseSettings]]:
    return {kind}.union(*(_settings(below) for below in kind.__subclasses__()))


def test_every_settings_class_is_listed():
    for package in (services, gateway, headwater):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith(".settings"):
                importlib.import_module(module.name)
    missing = _settings() - set(environment.SECTIONS.values())
    assert not missing, f"add to headwater.environment.SECTIONS: {missing}"


def test_the_example_is_what_the_settings_say():
    written = (ROOT / "deploy/env.example").read_text()
    assert written == environment.render(), (
        "the settings changed: python -m headwater.environment > deploy/env.example"
    )


@pytest.mark.parametrize("kind", environment.SECTIONS.values(), ids=lambda kind: kind.__name__)
def test_every_variable_has_a_meaning_and_is_in_the_manual(kind):
    manual = (ROOT / "docs/operations.md").read_text()
    for name, field in kind.model_fields.items():
        assert field.description, f"{kind.__name__}.{name} has no description"
        assert f"`{PREFIX}{name.upper()}`" in manual, f"docs/operations.md: {PREFIX}{name.upper()}"
