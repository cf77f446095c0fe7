"""Values that several services answer: money, explanations, and texts in two languages."""

from collections.abc import Callable
from enum import Enum
from typing import Annotated

import strawberry

from gateway.fields import Row, computed, listed, plain
from gateway.scalars import CurrencyCode, PlainDecimal


@strawberry.enum(description="A language that texts for people are written in.")
class Language(Enum):
    EN = strawberry.enum_value("en", description="English.")
    ZH = strawberry.enum_value("zh", description="Chinese, simplified.")


InLanguage = Annotated[
    Language, strawberry.argument(description="The text's language; English when not given.")
]


def in_language(key: str) -> Callable[..., str | None]:
    """Reads the row's `{en, zh}` under `key`."""

    def text(row: Row, language: InLanguage = Language.EN) -> str | None:
        texts = row.get(key)
        if isinstance(texts, Exception):
            raise texts
        found: str | None = texts[language.value] if texts is not None else None
        return found

    return text


@strawberry.type(description="An exact amount in one currency.")
class Money:
    amount: PlainDecimal = plain(
        "The amount in major units with the currency's own number of decimals."
    )
    currency: CurrencyCode = plain("The currency of the amount.")


@strawberry.type(description="One number, date or code that a rule was given.")
class ExplainInput:
    name: str = plain("What it is, a stable code such as weight or parent.")
    value: str = plain("Its value as text: plain decimals, dates, or codes.")


@strawberry.type(description="Why a figure is what it is: the rule, what went in, and the words.")
class Explain:
    rule: str = plain("The rule's stable code.")
    inputs: list[ExplainInput] = listed("What the rule was given, in the rule's order.", 10)
    text: str = computed(in_language("text"), "The arithmetic in a sentence.")
