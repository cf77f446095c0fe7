"""What all routes share: who asks, at which offset, documented refusals."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import Response
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from services.customers.actions.office import Office
from services.customers.schemas.wire import Problem
from services.kit.auth import Viewer
from services.kit.errors import AsOfUnsupported
from services.kit.http import JSONResponse
from services.kit.idempotency import IdempotencyStore

PREFIX = "/customers/v1"
"""On each part's router: metrics name a route by the path it was declared with."""
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


async def present_only(
    as_of: Annotated[
        datetime | None,
        Query(description="refused: histories are dated, see /customers/{id}/history"),
    ] = None,
    known_at: Annotated[datetime | None, Query(description="refused likewise")] = None,
) -> None:
    for name, asked in (("as_of", as_of), ("known_at", known_at)):
        if asked is not None:
            raise AsOfUnsupported("this shows the current business day alone", path=name)


def answer(model: Any, *, status: int = 200) -> Response:
    """With the offset in the header too, where the answer has one."""
    assert isinstance(model, BaseModel)
    body = model.model_dump(mode="json")
    offset = body.get("offset")
    headers = {} if offset is None else {"Headwater-Offset": str(offset)}
    return JSONResponse(body, status, headers)


def refusals(*statuses: int, **more: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's answers for the statuses that a route refuses with."""
    told = {
        401: "unauthenticated: no token, or one that is not valid here",
        403: "forbidden: the role may not do this, or the tenant is not set up",
        404: "not_found: not there, or not for this viewer",
        409: "tenant_not_configured, or the request is being answered already",
        413: "too_large: the body or the list of ids",
        422: "invalid or as_of_unsupported: `path` names the field",
        503: "unavailable or projection_behind; Retry-After says when to come back",
    } | {int(name.removeprefix("on_")): text for name, text in more.items()}
    return {
        status: {"model": Problem, "description": told[status],
                 "content": {"application/problem+json": {}}}
        for status in (401, 403, *statuses, 503)
    }  # fmt: skip


def example(**content: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": content}}}}


Ids = Annotated[Sequence[str], Query(alias="id")]
Asked = Annotated[Viewer, Depends(viewer)]
TheOffice = Annotated[Office, Depends(office)]
Once = Annotated[IdempotencyStore, Depends(idempotency)]
MinOffset = Annotated[
    int | None,
    Query(ge=0, le=2**63 - 1, description="wait up to 2 s until this offset is in the answer"),
]
Limit = Annotated[int | None, Query(description="items of a page, 1 to 100; 20 without it")]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before")]
PresentOnly = Depends(present_only)

IDEMPOTENCY_KEY = {
    "parameters": [
        {
            "name": "Idempotency-Key", "in": "header", "required": False,
            "schema": {"type": "string", "maxLength": 255},
            "description": "the first answer to a key is given again for 24 hours",
        }
    ]
}  # fmt: skip
