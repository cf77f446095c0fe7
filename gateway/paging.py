"""Connections: pages by a cursor that the service gave out and reads again."""

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry

from gateway.fields import plain
from services.kit import limits, paging

First = Annotated[
    int,
    strawberry.argument(
        description=f"How many items at most: 1 to {limits.PAGE_MOST}, "
        f"{limits.PAGE_DEFAULT} when not given."
    ),
]
After = Annotated[
    str | None,
    strawberry.argument(
        description="The endCursor of the page before; null or absent for the first page."
    ),
]


@strawberry.type(description="Where a page ends and whether there is more.")
class PageInfo:
    has_next_page: bool = plain("Whether items follow this page.")
    end_cursor: str | None = plain(
        "What to pass as `after` for the next page; null on the last one. Opaque."
    )

    @staticmethod
    def of(next_cursor: str | None) -> Mapping[str, Any]:
        return {"has_next_page": next_cursor is not None, "end_cursor": next_cursor}


def page_size(first: int) -> int:
    return paging.size(first, path="first")
