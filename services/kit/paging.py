"""Keyset paging: an opaque cursor carries the last row's sort keys."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import orjson

from services.kit import limits
from services.kit.errors import Invalid


def cursor(*keys: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(keys)).decode().rstrip("=")


def keys(text: str | None, count: int) -> tuple[Any, ...] | None:
    """The keys behind a cursor, or None where there is none."""
    if text is None:
        return None
    try:
        found = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        found = None
    if not isinstance(found, list) or len(found) != count:
        raise Invalid("the cursor is not one that this list gave out", path="cursor")
    return tuple(found)


def size(asked: int | None, path: str = "limit") -> int:
    if asked is None:
        return limits.PAGE_DEFAULT
    if not 1 <= asked <= limits.PAGE_MOST:
        raise Invalid(f"a page has 1 to {limits.PAGE_MOST} items", path=path)
    return asked


def page(rows: Sequence[Any], limit: int, key: Any) -> dict[str, Any]:
    """`rows` were read with limit + 1: `{"items": […], "next_cursor": … or null}`."""
    more = len(rows) > limit
    items = list(rows[:limit])
    return {"items": items, "next_cursor": cursor(*key(items[-1])) if more else None}
