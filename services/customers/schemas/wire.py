"""What every wire model is made of."""

import unicodedata
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from services.kit.money import Money
from services.kit.period import FIRST_YEAR, LAST_YEAR


def _day(value: Any) -> Any:
    if isinstance(value, str) and len(value) == len("2026-01-15"):
        return value
    raise ValueError("write a day as 2026-01-15")


def _readable(text: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise ValueError("control characters and half surrogates cannot be stored")
    return text


Day = Annotated[
    date,
    BeforeValidator(_day, json_schema_input_type=date),
    Field(ge=date(FIRST_YEAR, 1, 1), le=date(LAST_YEAR, 12, 31)),
]
Account = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_readable)]


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(Wire):
    """A text for people."""

    en: str = Field(description="in English")
    zh: str = Field(description="in Chinese")


class Amount(Wire):
    amount: str = Field(description="plain decimal", examples=["120000.00"])
    currency: str = Field(description="ISO 4217", examples=["CNY"])

    @classmethod
    def of(cls, minor: int, currency: str) -> "Amount":
        return cls(amount=str(Money(minor, currency)), currency=currency)


class Problem(BaseModel):
    """RFC 9457 problem details; `code` is stable."""

    type: str = Field(description="URI of the error's page")
    title: str = Field(description="the code in words")
    status: int = Field(description="the HTTP status")
    code: str = Field(description="stable name of the refusal", examples=["forbidden"])
    detail: str = Field(description="what was wrong and what to do")
    path: str | None = Field(None, description="the field or parameter that was refused")
    errors: list[dict[str, str]] | None = Field(None, description="every fault of a body")


OFFSET = "the log's offset that the answer reflects"
NEXT = "for the next page as `cursor`; null: this is the last"
