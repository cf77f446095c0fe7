"""Reading tasks, and completing them."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from services.customers.actions import tasks
from services.customers.actions.tasks import Status
from services.customers.api.edge import (
    IDEMPOTENCY_KEY,
    PREFIX,
    Asked,
    Cursor,
    Limit,
    MinOffset,
    Once,
    PresentOnly,
    TheOffice,
    answer,
    example,
    refusals,
)
from services.customers.schemas.tasks import CompletedRead, TaskList, TaskLists, TaskRead
from services.kit import ids, paging
from services.kit.errors import Invalid
from services.kit.http import StrictRoute

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["tasks"])
_TASK = {
    "id": "0190a000-0000-5000-8000-000000000002", "kind": "value_verification",
    "title": {"en": "Verify the value delivered", "zh": "价值验证回访"}, "due_on": "2026-02-14",
    "overdue": False, "status": "open", "subject": "deal:crm:D-17",
    "customer": {"id": "0190a000-0000-5000-8000-000000000001", "name": "Acme 顶点"},
    "owner_id": "0190a000-0000-7000-8000-000000000001", "completed_on": None, "completed_by": None,
}  # fmt: skip


@router.get(
    "/tasks",
    summary="Read members' tasks",
    description="For each member (100 at most) a page of the tasks that they own or are assigned: "
    "a value verification is due 30 days after a deal is won. A cursor goes with the one member it "
    "came from. A rep and a customer success manager read their own list, a manager those of their "
    "subtree, the other roles all.",
    response_model=TaskLists,
    responses=refusals(409, 413, 422)
    | example(
        offset=1203,
        items=[{"member_id": _TASK["owner_id"], "tasks": [_TASK], "next_cursor": None}],
    ),
    dependencies=[PresentOnly],
)
async def read_tasks(
    viewer: Asked,
    office: TheOffice,
    member: Annotated[
        Sequence[str],
        Query(description="members' ids; who is unknown or not for this viewer is absent",
              examples=[["0190a000-0000-7000-8000-000000000001"]]),
    ],
    status: Annotated[
        Status, Query(description="open: the first due first; done: the last done first")
    ] = "open",
    limit: Limit = None,
    cursor: Cursor = None,
    min_offset: MinOffset = None,
) -> Response:  # fmt: skip
    size = paging.size(limit)
    found = await tasks.tasks_of(office, viewer, member, status, _after(cursor), size, min_offset)
    items = []
    for member_id, views in found.lists.items():
        page = paging.page([TaskRead.of(view) for view in views], size, _key)
        items.append(
            TaskList(member_id=member_id, tasks=page["items"], next_cursor=page["next_cursor"])
        )
    return answer(TaskLists(offset=found.offset, items=items))


def _key(task: TaskRead) -> tuple[str, str]:
    return (task.completed_on or task.due_on).isoformat(), task.id


def _after(cursor: str | None) -> tuple[date, str] | None:
    keys = paging.keys(cursor, 2)
    if keys is None:
        return None
    day, last = keys
    try:
        if isinstance(day, str) and isinstance(last, str) and ids.is_id(last):
            return date.fromisoformat(day), last
    except ValueError:
        pass
    raise Invalid("the cursor is not one that this list gave out", path="cursor")


@router.post(
    "/tasks/{id}/complete",
    summary="Complete a task",
    description="For whom it is assigned to, a manager above them, sales_ops and admin. Completing "
    "a finished task answers it unchanged. The log is told; a rebuild keeps it done.",
    response_model=CompletedRead,
    responses=refusals(404, 409, 422, on_404="task_not_found")
    | example(
        task={**_TASK, "status": "done", "completed_on": "2026-02-01",
              "completed_by": _TASK["owner_id"]},
        offset=None,
    ),
    openapi_extra=IDEMPOTENCY_KEY,
)  # fmt: skip
async def complete_task(
    request: Request,
    task: Annotated[str, Path(alias="id", description="the task's id")],
    viewer: Asked,
    office: TheOffice,
    once: Once,
) -> Response:
    async def act() -> Response:
        return answer(CompletedRead.of(await tasks.complete_task(office, viewer, task)))

    tenant_id = await office.tenant_id(viewer)
    return await once.once(request, viewer, tenant_id, await request.body(), act)
