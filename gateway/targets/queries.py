"""Where a document enters the organisation."""

from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.fields import resolved
from gateway.targets.types import Rep, Unit

RepId = Annotated[
    strawberry.ID,
    strawberry.argument(
        description="Our id, an external id as `<connection>:<id>`, or its bare part where only one "
        "connection uses it (else the error AMBIGUOUS_ID)."
    ),
]
UnitId = RepId


@strawberry.type
class TargetsQuery:
    @resolved(
        description="One rep; null where there is none of that id, or none the viewer may see."
    )
    async def rep(self, info: Info, id: RepId) -> Rep | None:  # noqa: A002 - the contract's name
        row = await info.context.targets.members.load(id)
        return None if row is None else Rep.of(row)

    @resolved(
        description="One unit; null where there is none of that id, or none the viewer may see."
    )
    async def unit(self, info: Info, id: UnitId) -> Unit | None:  # noqa: A002
        row = await info.context.targets.units.load(id)
        return None if row is None else Unit.of(row)
