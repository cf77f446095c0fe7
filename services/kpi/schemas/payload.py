"""What every payload of the log has in common."""

from pydantic import BaseModel, ConfigDict, Field

Uuid = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class Payload(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class AmountPayload(Payload):
    minor: int = Field(description="minor units of the currency")
    currency: str


class OwnerPayload(Payload):
    member: str
    share_bp: int = Field(description="basis points; the owners' shares sum to 10,000")
