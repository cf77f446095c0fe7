"""Settings that every process reads from its environment; each service adds its own.

Unknown or malformed `HEADWATER_` variables stop the start with a message that names them.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.kit.clock import Clock, FileClock, SystemClock

PREFIX = "HEADWATER_"
S = TypeVar("S", bound=BaseSettings)


class SettingsInvalid(Exception):
    """The environment cannot be used; the message lists every fault."""


class CommonSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    environment: Literal["development", "production"] = Field(
        "development", description="production refuses the test clock and development tokens"
    )
    signing_key_file: Path = Field(
        Path(".headwater/signing.pem"),
        description="Ed25519 private key (PEM) of the installation: signs tokens between services",
    )
    secret_key: SecretStr | None = Field(
        None,
        description="one or two Fernet keys, comma separated, newest first: encrypt stored secrets",
    )
    issuers: str = Field(
        "[]",
        description='JSON list of token issuers: [{"issuer","audience","jwks_url","tenant_claim"}]',
    )
    clock_file: Path | None = Field(
        None, description="file holding the current instant (tests only; refused in production)"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severity that is logged"
    )

    @model_validator(mode="after")
    def _production_has_real_time(self) -> "CommonSettings":
        if self.environment == "production" and self.clock_file is not None:
            raise ValueError("HEADWATER_CLOCK_FILE is for tests and refused in production")
        return self

    def clock(self) -> Clock:
        return FileClock(self.clock_file) if self.clock_file else SystemClock()


def load(kind: type[S], **given: object) -> S:
    """Read the environment into `kind`; `given` values win."""
    try:
        return kind(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        faults = (
            f"{PREFIX}{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" if e["loc"] else e["msg"]
            for e in error.errors()
        )
        raise SettingsInvalid("; ".join(faults)) from None


def refuse_unknown(kinds: Iterable[type[BaseSettings]], extra: Iterable[str] = ()) -> None:
    """Stop when the environment holds a HEADWATER_ variable that no settings class knows."""
    known = {
        f"{k.model_config.get('env_prefix', '')}{f}".upper() for k in kinds for f in k.model_fields
    }
    unknown = sorted(n for n in os.environ if n.startswith(PREFIX) and n not in known | set(extra))
    if unknown:
        raise SettingsInvalid(
            f"unknown environment variables: {', '.join(unknown)}. deploy/env.example lists all of them"
        )
