"""How customers follows the log, and how its facts leave."""

from pydantic import Field

from services.customers.schemas.wire import Wire


class Changes(Wire):
    offset: int = Field(description="everything up to here is in the answer or was before `after`")
    subjects: list[str] = Field(description="customers, members and units that changed")


class OutboxRead(Wire):
    pending: int = Field(description="facts that kpi has not yet accepted")
    oldest_age_seconds: float = Field(
        description="age of the oldest of them; 0 where there is none"
    )
