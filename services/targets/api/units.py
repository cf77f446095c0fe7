"""Reading units, what is below them, and who works there."""

from fastapi import APIRouter

from services.kit import paging
from services.kit.http import StrictRoute
from services.targets.actions import units
from services.targets.api.edge import (
    PREFIX,
    Asked,
    AsOf,
    Cursor,
    Ids,
    Limit,
    TheOffice,
    after,
    by_name,
    refusals,
)
from services.targets.schemas.reads import (
    Children,
    ChildrenOfUnits,
    MemberRead,
    StaffOfUnits,
    StaffRead,
    UnitRead,
    Units,
)

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["units"])


@router.get(
    "/units",
    summary="Read units",
    description="By id (100 at most), or without `id` a page of all that the viewer may see. A rep "
    "sees their own unit, a manager their subtree on the day, the other roles the tenant.",
    responses=refusals(409, 413, 422),
)
async def read_units(
    viewer: Asked, office: TheOffice, as_of: AsOf, asked: Ids = (), limit: Limit = None,
    cursor: Cursor = None,
) -> Units:  # fmt: skip
    if asked:
        found = await units.units_by_id(office, viewer, asked, as_of)
        return Units(items=[UnitRead.of(view) for view in found], next_cursor=None)
    size = paging.size(limit)
    found = await units.all_units(office, viewer, as_of, after(cursor), size)
    return Units(**paging.page([UnitRead.of(view) for view in found], size, by_name))


@router.get(
    "/units/children",
    summary="Read the units right below",
    description="For each unit asked, by id (100 at most).",
    responses=refusals(409, 413, 422),
)
async def read_children(
    viewer: Asked, office: TheOffice, as_of: AsOf, asked: Ids
) -> ChildrenOfUnits:
    return ChildrenOfUnits(
        items=[
            Children(
                unit_id=parent.unit.id, asked=list(parent.asked),
                children=[UnitRead.of(child) for child in below],
            )
            for parent, below in await units.children_of_units(office, viewer, asked, as_of)
        ]
    )  # fmt: skip


@router.get(
    "/units/members",
    summary="Read who works in units",
    description="For each unit asked (100 at most) a page of the members in it and below it, by "
    "name, and how many there are. A cursor goes with the one unit it came from.",
    responses=refusals(409, 413, 422),
)
async def read_staff(
    viewer: Asked, office: TheOffice, as_of: AsOf, asked: Ids, limit: Limit = None,
    cursor: Cursor = None,
) -> StaffOfUnits:  # fmt: skip
    size = paging.size(limit)
    items = []
    for staff in await units.staff_of_units(office, viewer, asked, as_of, after(cursor), size):
        people = [MemberRead.of(view) for view in staff.members]
        page = paging.page(people, size, by_name)
        items.append(StaffRead.of(staff, page["items"], page["next_cursor"]))
    return StaffOfUnits(items=items)
