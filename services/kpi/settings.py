"""kpi's environment."""

from pydantic import Field, SecretStr

from services.kit.settings import CommonSettings


class KpiSettings(CommonSettings):
    kpi_database_url: SecretStr = Field(
        description="PostgreSQL URL of the database of kpi under its app role"
    )
    kpi_listen_url: SecretStr | None = Field(
        None, description="direct URL for LISTEN where kpi_database_url is a pooler's"
    )
