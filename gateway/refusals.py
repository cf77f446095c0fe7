"""Mutations answer their refusals as data: a union of what came of it and the errors one may meet.

A service's refusal becomes the error of its kind. What the caller can do nothing about (a service
that does not answer, a fault of ours) stays an error of the response.
"""

from collections.abc import Awaitable, Mapping
from typing import Any
from urllib.parse import quote

import strawberry

from gateway.errors import ServiceRefused
from gateway.fields import plain
from services.kit.errors import Invalid

_MESSAGE = "What is wrong, in a sentence."
_CODE = "The refusal's stable code in capitals, as docs/errors.md lists it."
_PATH = "The field of the input that it is about, in the service's words; null where it is none."
_KINDS = {
    400: "InvalidError", 403: "ForbiddenError", 404: "NotFoundError", 409: "ConflictError",
    412: "ConflictError", 413: "InvalidError", 422: "InvalidError",
}  # fmt: skip


@strawberry.interface(description="A refusal that the caller may expect.")
class UserError:
    message: str = plain(_MESSAGE)
    code: str = plain(_CODE)
    path: str | None = plain(_PATH)


@strawberry.type(description="What it is about does not exist, or the viewer may not see it.")
class NotFoundError(UserError):
    pass


@strawberry.type(description="The viewer's role, or place in the organisation, does not allow it.")
class ForbiddenError(UserError):
    pass


@strawberry.type(description="The input breaks a rule; `path` names the field.")
class InvalidError(UserError):
    pass


@strawberry.type(description="It does not fit how things stand, such as a closed statement.")
class ConflictError(UserError):
    pass


def given(description: str) -> Any:
    """A field of an input that must be there."""
    return strawberry.field(description=description)


def maybe(description: str) -> Any:
    """A field of an input that may be absent."""
    return strawberry.field(description=description, default=None)


def idempotency_key() -> Any:
    return maybe(
        "The same key with the same input is answered as the first time and done once: "
        "1 to 255 printable characters, kept for 24 hours."
    )


def offset_of(service: str) -> Any:
    return plain(
        f"A position of the log at which every service sees it: pass it as Headwater-Min-Offset. "
        f"Null until the log has {service}'s fact."
    )


async def acted(payload: str, acting: Awaitable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The one value of a mutation's field: the payload's row, or the refusal's."""
    try:
        return [{"__typename": payload, **await acting}]
    except ServiceRefused as refusal:
        kind = _KINDS.get(refusal.status)
        if kind is None:
            raise
        return [_refused(kind, refusal)]
    except Invalid as refusal:
        return [_refused("InvalidError", refusal)]


def _refused(kind: str, refusal: ServiceRefused | Invalid) -> dict[str, Any]:
    return {
        "__typename": kind, "message": refusal.message, "code": refusal.code.upper(),
        "path": refusal.path,
    }  # fmt: skip


def segment(given_id: str) -> str:
    """An id as one segment of a path, whatever somebody wrote into it."""
    return quote(given_id, safe="")


def result(name: str) -> Any:
    """The union of one mutation's payload and errors."""
    return strawberry.union(name, description="What came of it, or why it was refused.")


GIVEN = strawberry.argument(description="What is wanted.")
