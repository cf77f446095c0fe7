"""Live boards: a subject is sent once at the start, and after every change of it.

An event carries the offset that the change has; what is then read must have reached it. A client
that reads slowly gets fewer, later events, never a queue of old ones.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any

import strawberry

from gateway.errors import ServiceRefused
from gateway.execution.asking import Ask
from gateway.execution.hub import Event
from gateway.fields import Rows, followed, joined, plain
from gateway.kpi.types.metric import InPeriod
from gateway.scalars import Offset
from gateway.targets.queries import identified
from gateway.targets.types.people import MEMBER, UNIT, Rep, Unit

_OFFSET = "The log's position that this event reflects: pass it as Headwater-Min-Offset to read on."
SubjectId = Annotated[
    strawberry.ID, strawberry.argument(description="Our id or an external one, as in the query.")
]


async def _rep(rows: Rows, info: Ask) -> Sequence[Any]:
    members = info.context.targets.members
    return [await identified(members, row["subject"], MEMBER) for row in rows]


async def _unit(rows: Rows, info: Ask) -> Sequence[Any]:
    units = info.context.targets.units
    return [await identified(units, row["subject"], UNIT) for row in rows]


@strawberry.type(description="A rep whose figures changed.")
class RepChanged:
    offset: Offset = plain(_OFFSET)
    rep: Rep | None = joined(_rep, "The rep as of this event; null where none may be seen.")


@strawberry.type(description="A unit whose figures changed, or those of a unit or rep below it.")
class UnitChanged:
    offset: Offset = plain(_OFFSET)
    unit: Unit | None = joined(_unit, "The unit as of this event; null where none may be seen.")


async def _rep_changed(
    info: Ask,
    rep: SubjectId,
    period: InPeriod,  # noqa: ARG001 - what the fields below will show
) -> AsyncGenerator[Event, None]:
    async for event in _events(info, await _followed(info, info.context.targets.members, rep)):
        yield event


async def _unit_changed(
    info: Ask,
    unit: SubjectId,
    period: InPeriod,  # noqa: ARG001 - what the fields below will show
) -> AsyncGenerator[Event, None]:
    async for event in _events(info, await _followed(info, info.context.targets.units, unit)):
        yield event


async def _followed(info: Ask, loader: Any, asked: str) -> Any:
    """Whom to follow, which targets alone may say of others: that something of a colleague changed,
    their pay perhaps, is told by an event even where nothing of it is shown.
    """
    try:
        return await loader.load(asked)
    except ServiceRefused as fault:
        if fault.code != "unavailable" or asked != info.context.caller.viewer.member_id:
            raise
        return {"id": asked}


async def _events(info: Ask, row: Any) -> AsyncGenerator[Event, None]:
    if row is None:
        return
    context = info.context
    async with context.hub.watch(context.caller.viewer.tenant, row["id"]) as watch:
        async for offset in watch:
            yield Event(row["id"], offset, watch)


@strawberry.type
class KpiSubscription:
    rep_changed: RepChanged = followed(
        _rep_changed,
        "Follows one rep: an event at once, then after every change of their figures. Completes "
        "without one where there is no such rep, or none the viewer may see.",
    )
    unit_changed: UnitChanged = followed(
        _unit_changed,
        "Follows one unit: an event at once, then after every change of its figures or of those "
        "below it. Completes without one where there is no such unit, or none the viewer may see.",
    )
