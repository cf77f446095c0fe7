"""What every wire model is made of."""

import unicodedata
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from services.kit import ids
from services.kit.organisation.dated import WHOLE_BP
from services.kit.period import FIRST_YEAR, LAST_YEAR


def _day(value: Any) -> Any:
    if isinstance(value, str) and len(value) == len("2026-01-15"):
        return value
    raise ValueError("write a day as 2026-01-15")


def _readable(text: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise ValueError("control characters and half surrogates cannot be stored")
    return text


def our_id(text: str) -> str:
    if not ids.is_id(text):
        raise ValueError("an id is a UUID in lower case")
    return text


Day = Annotated[
    date,
    BeforeValidator(_day, json_schema_input_type=date),
    Field(ge=date(FIRST_YEAR, 1, 1), le=date(LAST_YEAR, 12, 31)),
]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_readable)]
ExternalId = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_readable)]
Connection = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
ShareBp = Annotated[int, Field(strict=True, ge=1, le=WHOLE_BP)]


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(BaseModel):
    """RFC 9457 problem details; `code` is stable."""

    type: str = Field(description="URI of the error's page")
    title: str = Field(description="the code in words")
    status: int = Field(description="the HTTP status")
    code: str = Field(description="stable name of the refusal", examples=["forbidden"])
    detail: str = Field(description="what was wrong and what to do")
    path: str | None = Field(None, description="the field or parameter that was refused")
    errors: list[dict[str, str]] | None = Field(None, description="every fault of a body")
