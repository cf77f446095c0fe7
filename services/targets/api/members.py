"""Reading members."""

from fastapi import APIRouter

from services.kit import paging
from services.kit.http import StrictRoute
from services.targets.actions import members
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
from services.targets.schemas.reads import MemberRead, Members

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["members"])


@router.get(
    "/members",
    summary="Read members",
    description="By id (100 at most), or without `id` a page of everybody the viewer may see. A rep "
    "sees themselves, a manager their subtree on the day, the other roles the tenant.",
    responses=refusals(409, 413, 422),
)
async def read_members(
    viewer: Asked, office: TheOffice, as_of: AsOf, asked: Ids = (), limit: Limit = None,
    cursor: Cursor = None,
) -> Members:  # fmt: skip
    if asked:
        found = await members.members_by_id(office, viewer, asked, as_of)
        return Members(items=[MemberRead.of(view) for view in found], next_cursor=None)
    size = paging.size(limit)
    found = await members.all_members(office, viewer, as_of, after(cursor), size)
    return Members(**paging.page([MemberRead.of(view) for view in found], size, by_name))
