"""What all wire models share, and the small answers."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

DAY = "2026-01-01"
ID = "019a0000-0000-7000-8000-000000000001"


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="identifies the kind of problem")
    title: str = Field(description="the code, in words")
    status: int = Field(description="the HTTP status")
    code: str = Field(description="stays the same over releases", examples=["statement_closed"])
    detail: str = Field(description="what was wrong and what to do")
    path: str | None = Field(None, description="the field, parameter or header at fault")
    errors: list[dict[str, Any]] | None = Field(
        None, description="every fault of a body that breaks its schema"
    )


class TextRead(Wire):
    en: str = Field(description="in English")
    zh: str = Field(description="in Chinese")


class Changes(Wire):
    offset: int = Field(description="everything up to it is in the answer or was before `after`")
    subjects: list[str] = Field(description="members whose pay changed")


class OutboxRead(Wire):
    pending: int = Field(description="facts that kpi has not accepted yet")
    oldest_age_seconds: float = Field(description="of the first of them; 0 where there is none")


State = Literal["live", "approved", "closed"]
