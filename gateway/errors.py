"""Refusals and faults as GraphQL errors, each with a stable `code` in capitals.

A refusal is shown as it is. What a service could not answer names the service. Everything else
that went wrong while resolving is a fault of ours: it is logged with the request's id, and the
caller sees that id alone. Errors of the document itself have no original error and are shown.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from graphql import GraphQLError, GraphQLFormattedError

from services.kit.errors import Refusal

log = logging.getLogger(__name__)

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT = "BAD_USER_INPUT"
INTERNAL = "INTERNAL"
PASSING = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "PROJECTION_BEHIND", "TOO_MANY_REQUESTS"})
"""Codes that may be gone at the next try."""


class DocumentRefused(Refusal):
    """The document cannot be read or does not fit the schema; `errors` say why."""

    code = "document_refused"
    status = 400

    def __init__(self, errors: Sequence[GraphQLError], code: str) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors
        self.shown_code = code


class DocumentTooDeep(Refusal):
    """Fields are nested further than the limit."""

    code = "document_too_deep"
    status = 400


class DocumentTooManyAliases(Refusal):
    """Too many aliases, or fields written again, which cost the same."""

    code = "document_too_many_aliases"
    status = 400


class DocumentTooManyFragments(Refusal):
    """More fragment spreads than the limit."""

    code = "document_too_many_fragments"
    status = 400


class DocumentTooLong(Refusal):
    """The document has more tokens than the limit."""

    code = "document_too_long"
    status = 400


class DocumentTooCostly(Refusal):
    """The document may produce more objects than the limit."""

    code = "document_too_costly"
    status = 400


class OperationUnknown(Refusal):
    """The document has no operation of that name, or several and none was named."""

    code = "operation_unknown"
    status = 400


class SubscriptionNeedsSocket(Refusal):
    """Subscriptions are served on the WebSocket, not over POST."""

    code = "subscription_needs_socket"
    status = 400


class ServiceRefused(Exception):
    """A service answered with a refusal of its own, or did not answer at all."""

    def __init__(
        self, service: str, code: str, message: str, *, path: str | None = None, status: int = 503
    ) -> None:
        super().__init__(message)
        self.service = service
        self.status = status
        self.code = code
        self.message = message
        self.path = path


def unavailable(service: str) -> ServiceRefused:
    return ServiceRefused(
        service, "unavailable", f"{service} does not answer: its part is missing, try again"
    )


def shown(
    errors: Iterable[GraphQLError], request_id: str, code: str = BAD_USER_INPUT
) -> list[GraphQLFormattedError]:
    """What the caller sees; `code` is for errors that nothing of ours raised."""
    return [_shown(error, request_id, code) for error in errors]


def refused(refusal: Refusal, request_id: str) -> list[GraphQLFormattedError]:
    """A refusal of the whole request."""
    if isinstance(refusal, DocumentRefused):
        return shown(refusal.errors, request_id, refusal.shown_code)
    return [{"message": refusal.message, "extensions": _extensions(refusal)}]


def _shown(error: GraphQLError, request_id: str, code: str) -> GraphQLFormattedError:
    answer = error.formatted
    cause = _cause(error)
    if cause is None:
        answer["extensions"] = {"code": code}
    elif isinstance(cause, Refusal | ServiceRefused):
        answer["message"] = cause.message
        answer["extensions"] = _extensions(cause)
    else:
        log.error("request %s failed at %s", request_id, error.path, exc_info=cause)
        answer["message"] = f"internal error; quote request {request_id}"
        answer["extensions"] = {"code": INTERNAL, "requestId": request_id}
    return answer


def _cause(error: GraphQLError) -> Exception | None:
    """What was raised below the GraphQL errors that carry it."""
    cause: Exception | None = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _extensions(cause: Refusal | ServiceRefused) -> dict[str, Any]:
    extensions: dict[str, Any] = {"code": cause.code.upper()}
    if cause.path is not None:
        extensions["path"] = cause.path
    if isinstance(cause, ServiceRefused):
        extensions["service"] = cause.service
    return extensions


def passing(errors: Iterable[GraphQLFormattedError]) -> bool:
    """Whether asking again soon may help."""
    return any(error.get("extensions", {}).get("code") in PASSING for error in errors)
