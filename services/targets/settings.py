"""What targets reads from its environment."""

from pydantic import Field, SecretStr

from services.kit.settings import CommonSettings


class TargetsSettings(CommonSettings):
    targets_database_url: SecretStr = Field(
        description="PostgreSQL URL of the database of targets under its app role"
    )
    kpi_url: str = Field(
        "http://127.0.0.1:8004",
        description="where kpi listens: facts of the other services go there",
    )
