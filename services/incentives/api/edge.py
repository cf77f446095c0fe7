"""What all routes share: who asks, how a page is asked for, documented refusals."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from services.incentives.actions.office import Office
from services.incentives.schemas.wire import Problem
from services.kit import ids, limits, paging
from services.kit.auth import Viewer
from services.kit.errors import Invalid, TooLarge
from services.kit.http import JSONResponse
from services.kit.idempotency import IdempotencyStore

PREFIX = "/incentives/v1"
"""On each part's router: metrics name a route by the path it was declared with."""
MOST = 2**63 - 1
"""What PostgreSQL can compare an offset with."""
_LONGEST_ID = 400
_bearer = HTTPBearer(auto_error=False, description="a token of this installation or its issuer")


async def viewer(request: Request, _documented: Annotated[object, Depends(_bearer)]) -> Viewer:
    found: Viewer = await request.app.state.verifier.viewer(request.headers)
    return found


async def office(request: Request) -> Office:
    found: Office = request.app.state.office
    return found


async def idempotency(request: Request) -> IdempotencyStore:
    found: IdempotencyStore = request.app.state.idempotency
    return found


def named(asked: Sequence[str]) -> list[str]:
    """The asked ids that can be anybody's; the others are unknown without a look."""
    if len(asked) > limits.PAGE_MOST:
        raise TooLarge(f"ask for {limits.PAGE_MOST} ids at most", path="member")
    return [name for name in asked if 0 < len(name) <= _LONGEST_ID and "\0" not in name]


def after(cursor: str | None, *kinds: Callable[[Any], Any]) -> tuple[Any, ...] | None:
    """The sort keys behind a cursor, each read as its kind."""
    keys = paging.keys(cursor, len(kinds))
    if keys is None:
        return None
    try:
        return tuple(kind(key) for kind, key in zip(kinds, keys, strict=True))
    except (ValueError, TypeError):
        raise Invalid("the cursor is not one that this list gave out", path="cursor") from None


def text(key: Any) -> str:
    if not isinstance(key, str) or "\0" in key:
        raise ValueError(key)
    return key


def an_id(key: Any) -> str:
    if not ids.is_id(text(key)):
        raise ValueError(key)
    return text(key)


def day(key: Any) -> date:
    return date.fromisoformat(text(key))


def number(key: Any) -> int:
    if type(key) is not int or not 0 <= key < 2**31:
        raise ValueError(key)
    return key


def refusals(*statuses: int, **more: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's answers for the statuses that a route refuses with."""
    told = {
        401: "unauthenticated: no token, or one that is not valid here",
        403: "forbidden: the role may not do this, or the tenant is not set up",
        404: "not_found: not there, or not for this viewer",
        409: "the state does not allow it, or the request is being answered already",
        413: "too_large: the body or the list of ids",
        422: "invalid: `path` names the field",
        503: "unavailable, or projection_behind; Retry-After says when to come back",
    } | {int(name.removeprefix("on_")): words for name, words in more.items()}
    return {
        status: {"model": Problem, "description": told[status],
                 "content": {"application/problem+json": {}}}
        for status in (401, 403, *statuses, 503)
    }  # fmt: skip


def answer(model: BaseModel, status: int = 200) -> JSONResponse:
    """With the offset in a header as well, where the model tells one."""
    content = model.model_dump(mode="json")
    headers = {"Headwater-Offset": str(content["offset"])}
    return JSONResponse(content, status, headers)


Asked = Annotated[Viewer, Depends(viewer)]
TheOffice = Annotated[Office, Depends(office)]
Once = Annotated[IdempotencyStore, Depends(idempotency)]
Members = Annotated[
    Sequence[str],
    Query(alias="member", description="our id, or an external one; 100 at most; what is unknown or "
          "not for this viewer is absent", examples=[["hr:wang"]]),
]  # fmt: skip
ASKED_PERIOD = Query(description="2026, 2026-Q1, 2026-01, …", examples=["2026-Q1"])
Limit = Annotated[int | None, Query(description="items of a page, 1 to 100; 20 without it")]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before")]
MinOffset = Annotated[
    int | None, Query(ge=0, le=MOST, description="wait until this offset is taken into account")
]
IDEMPOTENCY_KEY = {
    "parameters": [
        {
            "name": "Idempotency-Key", "in": "header", "required": False,
            "schema": {"type": "string", "maxLength": 255},
            "description": "the first answer to a key is given again for 24 hours",
        }
    ]
}  # fmt: skip
