"""Fields that a method resolves. A description is not optional: it is the manual."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import strawberry

F = TypeVar("F", bound=Callable[..., Any])


def resolved(
    *,
    description: str,
    metadata: Mapping[str, Any] | None = None,
    graphql_type: object = None,
) -> Callable[[F], F]:
    """strawberry.field for a method, which keeps the method's type for the checker."""
    made = strawberry.field(
        description=description, metadata=metadata, graphql_type=graphql_type or None
    )
    return cast("Callable[[F], F]", made)


def followed(*, description: str) -> Callable[[F], F]:
    """strawberry.subscription, alike."""
    return cast("Callable[[F], F]", strawberry.subscription(description=description))
