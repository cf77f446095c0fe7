"""What all routes share: who asks, how a body is read, the day asked about, documented refusals."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from services.kit import ids, paging
from services.kit.auth import Viewer
from services.kit.errors import AsOfUnsupported, Invalid
from services.kit.idempotency import IdempotencyStore
from services.kit.period import FIRST_YEAR, LAST_YEAR
from services.targets.actions.office import Office
from services.targets.schemas.wire import Problem

PREFIX = "/targets/v1"
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


async def day(
    as_of: Annotated[
        date | None,
        Query(description="the day to read; without it today in the tenant's zone",
              examples=["2026-01-15"]),
    ] = None,
    known_at: Annotated[
        str | None, Query(description="refused: only the current knowledge of a day is kept")
    ] = None,
) -> date | None:  # fmt: skip
    if known_at is not None:
        raise AsOfUnsupported("the organisation keeps no record of what was known when",
                              path="known_at")  # fmt: skip
    if as_of is not None and not FIRST_YEAR <= as_of.year <= LAST_YEAR:
        raise Invalid(f"days are from {FIRST_YEAR} to {LAST_YEAR}", path="as_of")
    return as_of


async def offset(response: Response) -> Callable[[int], None]:
    """Tells the offset that an answer reflects."""

    def tell(reached: int) -> None:
        response.headers["Headwater-Offset"] = str(reached)

    return tell


def after(cursor: str | None) -> tuple[str, str] | None:
    """The name and id behind a cursor of a list by name."""
    keys = paging.keys(cursor, 2)
    if keys is None:
        return None
    name, last_id = keys
    if (
        not isinstance(name, str)
        or not isinstance(last_id, str)
        or not ids.is_id(last_id)
        or "\0" in name
    ):
        raise Invalid("the cursor is not one that this list gave out", path="cursor")
    return name, last_id


def by_name(item: Any) -> tuple[str, str]:
    return item.name, item.id


def refusals(*statuses: int, **more: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's answers for the statuses that a route refuses with."""
    told = {
        401: "unauthenticated: no token, or one that is not valid here",
        403: "forbidden: the role may not do this, or the tenant is not set up",
        404: "not_found: not there, or not for this viewer",
        409: "ambiguous_id, tenant_not_configured, or the request is being answered already",
        413: "too_large: the body or the list of ids",
        422: "invalid: `path` names the field",
        503: "unavailable: the database does not answer; Retry-After says when to come back",
    } | {int(name.removeprefix("on_")): text for name, text in more.items()}
    return {
        status: {"model": Problem, "description": told[status],
                 "content": {"application/problem+json": {}}}
        for status in (401, 403, *statuses, 503)
    }  # fmt: skip


Ids = Annotated[
    Sequence[str],
    Query(alias="id", description="our id, `<connection>:<id>`, or an external id alone where it is "
          "unique; 100 at most; what is unknown or not for this viewer is absent",
          examples=[["hr:wang"]]),
]  # fmt: skip
Asked = Annotated[Viewer, Depends(viewer)]
TheOffice = Annotated[Office, Depends(office)]
Once = Annotated[IdempotencyStore, Depends(idempotency)]
Offset = Annotated[Callable[[int], None], Depends(offset)]
MinOffset = Annotated[
    int | None,
    Query(ge=0, le=2**63 - 1, description="wait until the log was heard up to this offset"),
]
AsOf = Annotated[date | None, Depends(day)]
Limit = Annotated[int | None, Query(description="items of a page, 1 to 100; 20 without it")]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before")]

IDEMPOTENCY_KEY = {
    "parameters": [
        {
            "name": "Idempotency-Key", "in": "header", "required": False,
            "schema": {"type": "string", "maxLength": 255},
            "description": "the first answer to a key is given again for 24 hours",
        }
    ]
}  # fmt: skip


def json_of(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json")
