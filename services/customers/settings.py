"""What customers reads from its environment."""

from pydantic import Field, SecretStr

from services.kit.settings import CommonSettings


class CustomersSettings(CommonSettings):
    customers_database_url: SecretStr = Field(
        description="PostgreSQL URL of the database of customers under its app role"
    )
