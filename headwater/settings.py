"""The installation's own environment: where its databases and its data are."""

from pathlib import Path

from pydantic import Field, SecretStr

from services.kit.settings import CommonSettings


class HeadwaterSettings(CommonSettings):
    data_dir: Path = Field(
        Path(".headwater"), description="where the embedded database, keys and demo.json lie"
    )
    database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL URL of an owner that may create databases and roles; "
        "replaces the embedded database",
    )
    targets_migration_url: SecretStr | None = Field(
        None, description="targets' database under its owner role, for headwater migrate"
    )
    customers_migration_url: SecretStr | None = Field(
        None, description="customers' database under its owner role, for headwater migrate"
    )
    incentives_migration_url: SecretStr | None = Field(
        None, description="incentives' database under its owner role, for headwater migrate"
    )
    kpi_migration_url: SecretStr | None = Field(
        None, description="kpi's database under its owner role, for headwater migrate"
    )
    url: str | None = Field(
        None, description="a running installation that headwater's commands talk to"
    )
    host: str = Field("127.0.0.1", description="address that headwater serve listens on")
    port: int = Field(8000, description="port that headwater serve listens on", ge=0, le=65_535)
