"""What every payload of the log has in common."""

from pydantic import BaseModel, ConfigDict

Uuid = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class Payload(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
