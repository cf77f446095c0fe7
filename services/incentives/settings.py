"""What incentives reads from its environment."""

from pydantic import Field, SecretStr

from services.kit.settings import CommonSettings


class IncentivesSettings(CommonSettings):
    incentives_database_url: SecretStr = Field(
        description="PostgreSQL URL of the database of incentives under its app role"
    )
