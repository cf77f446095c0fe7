"""Where a document enters the organisation and its plans."""

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry

from gateway.errors import ServiceRefused
from gateway.execution.asking import Ask
from gateway.fields import Rows, joined
from gateway.paging import After, First, PageInfo, page_size
from gateway.targets.types.people import MEMBER, UNIT, Rep, Unit
from gateway.targets.types.plan import Plan, PlanConnection, plan_row
from services.kit import ids, limits

AnyId = Annotated[
    strawberry.ID,
    strawberry.argument(
        description="Our id, an external id as `<connection>:<id>`, or its bare part where only one "
        "connection uses it (else the error AMBIGUOUS_ID)."
    ),
]
PlanId = Annotated[strawberry.ID, strawberry.argument(description="The plan's id: a UUID.")]


async def _rep(rows: Rows, info: Ask, id: AnyId) -> Sequence[Any]:  # noqa: A002, ARG001
    return [await identified(info.context.targets.members, id, MEMBER)]


async def _unit(rows: Rows, info: Ask, id: AnyId) -> Sequence[Any]:  # noqa: A002, ARG001
    return [await identified(info.context.targets.units, id, UNIT)]


async def identified(loader: Any, asked: str, names: Sequence[str]) -> Any:
    """Who is meant. Our own id stands for itself while targets is away: the others know it too,
    and each shows of it what the viewer may see.
    """
    try:
        return await loader.load(asked)
    except ServiceRefused as fault:
        if fault.code != "unavailable" or not ids.is_id(asked):
            raise
        return {**dict.fromkeys(names, fault), "id": asked}


async def _plan(rows: Rows, info: Ask, id: PlanId) -> Sequence[Any]:  # noqa: A002, ARG001
    found = (await info.context.targets.plans([id])).get(id)
    if found is None or isinstance(found, Exception):
        return [found]
    return [plan_row(found)]


async def _plans(
    rows: Rows,  # noqa: ARG001
    info: Ask,
    first: First = limits.PAGE_DEFAULT,
    after: After = None,
) -> Sequence[Any]:
    page = await info.context.targets.plan_page(page_size(first), after)
    return [
        {
            "nodes": [plan_row(plan) for plan in page["items"]],
            "page_info": PageInfo.of(page["next_cursor"]),
        }
    ]


@strawberry.type
class TargetsQuery:
    rep: Rep | None = joined(
        _rep, "One rep; null where there is none of that id, or none the viewer may see."
    )
    unit: Unit | None = joined(
        _unit, "One unit; null where there is none of that id, or none the viewer may see."
    )
    plan: Plan | None = joined(
        _plan, "One plan; null where there is none of that id, or none the viewer may see."
    )
    plans: PlanConnection | None = joined(
        _plans, "Plans that the viewer may see; null where targets does not answer."
    )
