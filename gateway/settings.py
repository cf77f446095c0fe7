"""What the gateway reads from its environment."""

from pydantic import Field

from services.kit.settings import CommonSettings


class GatewaySettings(CommonSettings):
    targets_url: str = Field("http://127.0.0.1:8001", description="where targets listens")
    customers_url: str = Field("http://127.0.0.1:8002", description="where customers listens")
    incentives_url: str = Field("http://127.0.0.1:8003", description="where incentives listens")
    kpi_url: str = Field("http://127.0.0.1:8004", description="where kpi listens")

    @property
    def introspection(self) -> bool:
        """Introspection, field suggestions and GraphiQL: help for who builds, and for attackers."""
        return self.environment == "development"
