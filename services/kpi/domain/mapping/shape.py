"""Parts of a document, each checked for its shape; the place of what is wrong is named."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

from services.kit.errors import Invalid
from services.kpi.domain.wire import scalar

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
MOST = {
    "stages": 100, "observations": 50, "when": 20, "in": 1_000, "lookup": 10_000,
    "lines": 100,
}  # fmt: skip
_MOST_CHARACTERS = 1_000


class MappingInvalid(Invalid):
    """A mapping document that cannot be used; `path` names the place in it."""

    code = "mapping_invalid"


def refuse(place: str, what: str) -> NoReturn:
    raise MappingInvalid(f"{place}: {what}", path=place)


def keys(node: Any, place: str, *, needed: str, optional: str = "") -> dict[str, Any]:
    """The object's values under every known key; an unknown one, or a needed one's lack, refuses."""
    known = [*needed.split(), *optional.split()]
    given = table(node, place)
    for key in given:
        if key not in known:
            refuse(_join(place, key), f"is not one of {', '.join(known)}")
    for key in needed.split():
        if given.get(key) is None:
            refuse(_join(place, key), "is missing")
    return {key: given.get(key) for key in known}


def table(node: Any, place: str, *, any_key: bool = False) -> Mapping[Any, Any]:
    if not isinstance(node, Mapping):
        refuse(place or "document", "must be an object of keys and values")
    if not any_key and not all(isinstance(key, str) for key in node):
        refuse(place or "document", "has a key that is no text: put it in quotes")
    return node


def entries(node: Any, place: str, kind: str, *, empty: bool = False) -> list[tuple[str, Any]]:
    if not isinstance(node, list | tuple):
        refuse(place, "must be a list")
    if len(node) > MOST[kind] or not (node or empty):
        refuse(place, f"has {0 if empty else 1} to {MOST[kind]} entries")
    return [(f"{place}[{position}]", entry) for position, entry in enumerate(node)]


def constant(node: Any, place: str) -> str:
    """A constant as text, the form in which items are compared: 5 equals "5"."""
    if isinstance(node, bool) and not place.endswith((".eq", "]")):
        refuse(place, "is true or false: YAML reads yes and no so; put the text in quotes")
    found = scalar(Decimal(str(node)) if isinstance(node, float) else node)
    if not found or len(found) > _MOST_CHARACTERS:
        refuse(place, "must be a text or a number, and not empty")
    return found


def text(node: Any, place: str) -> str:
    if not isinstance(node, str) or not 0 < len(node) <= _MOST_CHARACTERS:
        refuse(place, f"must be a text of 1 to {_MOST_CHARACTERS} characters")
    return node


def maybe_text(node: Any, place: str) -> str | None:
    return None if node is None else text(node, place)


def name(node: Any, place: str) -> str:
    if not isinstance(node, str) or not _NAME.fullmatch(node):
        refuse(place, "must be a short name: small letters, digits, - and _, at most 63")
    return node


def code(node: Any, place: str) -> str:
    if not isinstance(node, str) or not _CODE.fullmatch(node):
        refuse(place, "must be a code in quotes: letters, digits, . - and _, at most 63")
    return node


def one_of(node: Any, place: str, options: tuple[str, ...]) -> str:
    if not isinstance(node, str) or node not in options:
        refuse(place, f"must be one of {', '.join(options)}")
    return node


def default_to(node: Any, default: Any) -> Any:
    """Null is absent; an empty text or list where another thing belongs is a mistake."""
    return default if node is None else node


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
