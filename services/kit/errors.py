"""Refusals: expected answers of "no", each a fact with a stable code.

A refusal names what was wrong, where (`path`) and what to do. `services.kit.http` maps it once to
problem+json, `gateway.errors` once to GraphQL (the code in capitals). The catalogue of codes is
docs/errors.md, checked against these classes.
"""

from typing import ClassVar


class Refusal(Exception):
    code: str = "refused"
    status: ClassVar[int] = 422

    def __init__(
        self, message: str, *, path: str | None = None, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.retry_after_seconds = retry_after_seconds


class Invalid(Refusal):
    """A value breaks a rule; `path` names it."""

    code = "invalid"


class Malformed(Refusal):
    """The body cannot be read at all."""

    code = "malformed"
    status = 400


class Unauthenticated(Refusal):
    code = "unauthenticated"
    status = 401


class Forbidden(Refusal):
    code = "forbidden"
    status = 403


class NotFound(Refusal):
    """Not there, or not for this viewer: the two look alike on purpose."""

    code = "not_found"
    status = 404


class Conflict(Refusal):
    code = "conflict"
    status = 409


class TenantNotConfigured(Conflict):
    """The tenant has no zone, currency and calendar yet."""

    code = "tenant_not_configured"


class AmbiguousId(Refusal):
    """A bare external id that several connections use: write `<connection>:<id>`."""

    code = "ambiguous_id"
    status = 409


class Gone(Refusal):
    code = "gone"
    status = 410


class TooLarge(Refusal):
    code = "too_large"
    status = 413


class UnsupportedMedia(Refusal):
    code = "unsupported_media"
    status = 415


class AsOfUnsupported(Refusal):
    code = "as_of_unsupported"


class IdempotencyKeyReused(Refusal):
    """The same Idempotency-Key came with another body."""

    code = "idempotency_key_reused"


class IdempotencyInFlight(Refusal):
    code = "idempotency_in_flight"
    status = 409


class IdempotencyAnswerLost(Refusal):
    code = "idempotency_answer_lost"
    status = 409


class TooManyRequests(Refusal):
    code = "too_many_requests"
    status = 429


class ProjectionBehind(Refusal):
    """The read model has not reached the asked offset within the wait."""

    code = "projection_behind"
    status = 503


class Unavailable(Refusal):
    """A dependency (the database, another service) does not answer: try again."""

    code = "unavailable"
    status = 503


class DeadlineExceeded(Refusal):
    code = "deadline_exceeded"
    status = 504
