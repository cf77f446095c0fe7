"""Who can own a target."""

import strawberry

from gateway.fields import plain


@strawberry.interface(description="Who can own a target: a unit, or a person.")
class Owner:
    id: strawberry.ID = plain("Our id: a UUID, the same in every API.")
    name: str | None = plain("What people call it, or them; null where targets does not answer.")
