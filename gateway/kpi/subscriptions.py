"""Live funnels: a subject is sent once at the start, and after every change of it.

An event carries the offset that the change has; what is then read must have reached it. A client
that reads slowly gets fewer, later events, never a queue of old ones.
"""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.execution.hub import Watch
from gateway.fields import followed, resolved
from gateway.kpi.types import InPeriod
from gateway.scalars import Offset
from gateway.targets.types import Rep, Unit

_OFFSET = "The log's position that this event reflects: pass it as Headwater-Min-Offset to read on."
SubjectId = Annotated[
    strawberry.ID, strawberry.argument(description="Our id or an external one, as in the query.")
]


@strawberry.type(description="A rep whose figures changed.")
class RepChanged:
    offset: Offset = strawberry.field(description=_OFFSET)
    rep_id: strawberry.Private[str]
    watch: strawberry.Private[Watch]

    @resolved(
        description="The rep as of this event; null where the viewer may no longer see them, or "
        "targets does not answer."
    )
    async def rep(self, info: Info) -> Rep | None:
        row = await info.context.targets.members.load(self.rep_id)
        return None if row is None else Rep.of(row)


@strawberry.type(description="A unit whose figures changed, or those of a unit or rep below it.")
class UnitChanged:
    offset: Offset = strawberry.field(description=_OFFSET)
    unit_id: strawberry.Private[str]
    watch: strawberry.Private[Watch]

    @resolved(
        description="The unit as of this event; null where the viewer may no longer see it, or "
        "targets does not answer."
    )
    async def unit(self, info: Info) -> Unit | None:
        row = await info.context.targets.units.load(self.unit_id)
        return None if row is None else Unit.of(row)


@strawberry.type
class KpiSubscription:
    @followed(
        description="Follows one rep: an event at once, then after every change of their figures. "
        "Completes without one where there is no such rep, or none the viewer may see."
    )
    async def rep_changed(
        self,
        info: Info,
        rep: SubjectId,
        period: InPeriod,  # noqa: ARG002 - what the fields below will show
    ) -> AsyncGenerator[RepChanged, None]:
        row = await info.context.targets.members.load(rep)
        if row is None:
            return
        context = info.context
        async with context.hub.watch(context.caller.viewer.tenant, row["id"]) as watch:
            async for offset in watch:
                yield RepChanged(offset=Offset(offset), rep_id=row["id"], watch=watch)

    @followed(
        description="Follows one unit: an event at once, then after every change of its figures or "
        "of those below it. Completes without one where there is no such unit, or none the viewer "
        "may see."
    )
    async def unit_changed(
        self,
        info: Info,
        unit: SubjectId,
        period: InPeriod,  # noqa: ARG002 - what the fields below will show
    ) -> AsyncGenerator[UnitChanged, None]:
        row = await info.context.targets.units.load(unit)
        if row is None:
            return
        context = info.context
        async with context.hub.watch(context.caller.viewer.tenant, row["id"]) as watch:
            async for offset in watch:
                yield UnitChanged(offset=Offset(offset), unit_id=row["id"], watch=watch)
