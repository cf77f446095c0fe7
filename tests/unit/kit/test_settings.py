"""The environment: what is unknown or malformed stops the start with its name."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from services.kit.clock import FileClock, SystemClock
from services.kit.settings import CommonSettings, SettingsInvalid, load, refuse_unknown
from services.kpi.settings import KpiSettings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("HEADWATER_")]:
        monkeypatch.delenv(name)


def test_without_an_environment_it_is_development() -> None:
    settings = load(CommonSettings)
    assert settings.environment == "development"
    assert json.loads(settings.issuers) == []
    assert isinstance(settings.clock(), SystemClock)


def test_given_values_win_and_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_LOG_LEVEL", "error")
    assert load(CommonSettings).log_level == "error"
    assert load(CommonSettings, log_level="debug").log_level == "debug"


@pytest.mark.parametrize(
    ("name", "value"), [("ENVIRONMENT", "prod"), ("LOG_LEVEL", "loud"), ("LOG_LEVEL", "")]
)
def test_a_malformed_value_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"HEADWATER_{name}", value)
    with pytest.raises(SettingsInvalid, match=f"HEADWATER_{name}: "):
        load(CommonSettings)


def test_every_fault_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_ENVIRONMENT", "prod")
    monkeypatch.setenv("HEADWATER_LOG_LEVEL", "loud")
    with pytest.raises(SettingsInvalid) as why:
        load(KpiSettings)
    for name in ("ENVIRONMENT", "LOG_LEVEL", "KPI_DATABASE_URL"):
        assert f"HEADWATER_{name}" in str(why.value)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_SECRET_KEY", "very-secret")
    monkeypatch.setenv("HEADWATER_KPI_DATABASE_URL", "postgresql://u:very-secret@h/d")
    settings = load(KpiSettings)
    assert "very-secret" not in f"{settings!r} {settings}"
    monkeypatch.setenv("HEADWATER_LOG_LEVEL", "loud")
    with pytest.raises(SettingsInvalid) as why:
        load(KpiSettings)
    assert "very-secret" not in str(why.value)


def test_an_unknown_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_LOG_LEVEL", "info")
    monkeypatch.setenv("HEADWATER_SECRET_KEY", "x")
    monkeypatch.setenv("HEADWATER_PLACE", "x")
    monkeypatch.setenv("HEADWATERS", "not ours")
    refuse_unknown([KpiSettings], extra=["HEADWATER_PLACE"])
    monkeypatch.setenv("HEADWATER_LOGLEVEL", "info")
    monkeypatch.setenv("HEADWATER_DATABASE_ULR", "info")
    with pytest.raises(SettingsInvalid) as why:
        refuse_unknown([KpiSettings], extra=["HEADWATER_PLACE"])
    assert "HEADWATER_DATABASE_ULR, HEADWATER_LOGLEVEL" in str(why.value)
    assert "deploy/env.example" in str(why.value)


def test_the_test_clock_is_refused_in_production(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HEADWATER_CLOCK_FILE", str(tmp_path / "now"))
    assert isinstance(load(CommonSettings).clock(), FileClock)
    monkeypatch.setenv("HEADWATER_ENVIRONMENT", "production")
    for kind in (CommonSettings, KpiSettings):
        with pytest.raises(SettingsInvalid, match="HEADWATER_CLOCK_FILE is for tests"):
            load(kind, **({"kpi_database_url": "postgresql://h/d"} if kind is KpiSettings else {}))


def test_the_file_clock_follows_its_file(tmp_path: Path) -> None:
    path = tmp_path / "now"
    path.write_text("2026-01-15T09:00:00+08:00\n")
    clock = FileClock(path)
    assert clock.now() == datetime(2026, 1, 15, 1, tzinfo=UTC)
    path.write_text("2026-02-01T00:00:00Z")
    assert clock.now() == datetime(2026, 2, 1, tzinfo=UTC)
    path.write_text("2026-02-01T00:00:00")
    with pytest.raises(ValueError, match="needs an offset"):
        clock.now()


def test_the_system_clock_is_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_every_setting_says_what_it_means() -> None:
    kinds: list[type[BaseSettings]] = [CommonSettings, KpiSettings]
    for kind in kinds:
        for name, field in kind.model_fields.items():
            assert field.description, name
