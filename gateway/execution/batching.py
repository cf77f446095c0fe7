"""Many ids in few calls: up to 100 a call, side by side, a failed call failing its own ids alone."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from services.kit import limits

Read: TypeAlias = Callable[[Sequence[str]], Awaitable[Sequence[Any]]]
Found: TypeAlias = Mapping[str, Any]
"""By id: what was read, or the exception why not; ids that the viewer may not see are absent."""


async def by_id(ids: Iterable[str], read: Read, key: str) -> Found:
    """The items of `read` by the id that each has under `key`."""
    # Sorted, so that the same ids are the same load whichever order a document asks them in.
    asked = sorted(set(ids))
    if len(asked) <= limits.PAGE_MOST:
        return await _some(asked, read, key)
    parts = [asked[at : at + limits.PAGE_MOST] for at in range(0, len(asked), limits.PAGE_MOST)]
    found: dict[str, Any] = {}
    for part in await asyncio.gather(*(_some(part, read, key) for part in parts)):
        found |= part
    return found


async def _some(ids: Sequence[str], read: Read, key: str) -> dict[str, Any]:
    if not ids:
        return {}
    try:
        return {item[key]: item for item in await read(ids)}
    except Exception as fault:  # noqa: BLE001 - shown, or masked, at each of the ids' places
        return dict.fromkeys(ids, fault)
