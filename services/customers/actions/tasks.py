"""Reading tasks, and completing them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from services.customers.actions.office import Office, storable
from services.customers.actions.tell import TASK_COMPLETED
from services.customers.domain import policy
from services.customers.domain.tasks import is_overdue
from services.customers.store import tasks
from services.kit import ids, outbox
from services.kit.auth import Viewer
from services.kit.errors import Forbidden, NotFound
from services.kit.outbox import Fact
from services.kit.period import business_day

Status = Literal["open", "done"]


class TaskNotFound(NotFound):
    """No such task, or not for this viewer."""

    code = "task_not_found"


@dataclass(frozen=True, slots=True)
class TaskView:
    id: str
    kind: str
    subject: str
    owner_id: str | None
    due_on: date
    overdue: bool
    """Open after the day on which it was due, or done after it."""
    customer_id: str
    customer_name: str
    completed_on: date | None = None
    completed_by: str | None = None

    @property
    def status(self) -> Status:
        return "open" if self.completed_on is None else "done"


@dataclass(frozen=True, slots=True)
class TaskLists:
    """One more than a page has, where there are more."""

    offset: int
    lists: dict[str, list[TaskView]]


@dataclass(frozen=True, slots=True)
class Completed:
    """`offset`: where the projection is, if the log has the completion already."""

    task: TaskView
    offset: int | None


async def tasks_of(
    office: Office, viewer: Viewer, asked: Sequence[str], status: Status,
    after: tuple[date, str] | None, size: int, min_offset: int | None,
) -> TaskLists:  # fmt: skip
    """The lists of the members whom the viewer may see, in the order asked."""
    names = storable(asked, "member")
    async with office.reading(viewer, names, min_offset) as reading:
        reach = await reading.reach(viewer)
        known = [name for name in dict.fromkeys(names) if name in reading.chart.memberships]
        members = reach.scopes(known, ())
        read = tasks.open_pages if status == "open" else tasks.done_pages
        rows = await read(reading.connection, reading.tenant_id, members, after, size + 1)
        lists: dict[str, list[TaskView]] = {member: [] for member in members}
        for row in rows:
            lists[row["member_id"]].append(_view(row, reading.today))
        return TaskLists(reading.offset, lists)


async def complete_task(office: Office, viewer: Viewer, asked: str) -> Completed:
    """The task, done; a second time it is answered unchanged.

    The fact goes through the log, so it outlives a rebuild; the row is there at once, so whoever
    reads next sees it done.
    """
    tenant_id = await office.tenant_id(viewer)
    if not ids.is_id(asked):
        raise TaskNotFound(f"no task {asked!r}", path="id")
    async with office.database.write(tenant_id) as connection:
        row = await tasks.completion(connection, tenant_id, asked)
        done = row is not None
        if row is None:
            row = await tasks.find(connection, tenant_id, asked)
        reading = await office.look(connection, tenant_id, viewer)
        reach = await reading.reach(viewer)
        concerned: set[str] = set()
        if row is not None:
            # A finished task has no list any more: who finished it may ask again.
            concerned = {*row["assignees"], row["owner_id"], row.get("completed_by")} - {None}
        if row is None or not (reach.shows(row["team"]) or reach.shows(concerned)):
            raise TaskNotFound(f"no task {asked!r}", path="id")
        if not policy.may_complete(viewer.role, viewer.service, reach, concerned):
            raise Forbidden(
                "a task is completed by whom it is assigned to, or a manager above them"
            )
        if done:
            return Completed(_view(row, reading.today), reading.offset if row["told"] else None)
        today = reading.today or business_day(office.now(), reading.chart.settings.zone)
        payload = _payload(row, today, reading.sight.me)
        if await tasks.put_completion(connection, tenant_id, payload, told=False):
            fact = Fact(TASK_COMPLETED, f"task:{asked}", office.now(), payload)
            await outbox.put(connection, tenant_id, [fact])
    office.outbox.wake()
    view = replace(_view(row, today), completed_on=today, completed_by=reading.sight.me)
    return Completed(view, None)


def _payload(row: Any, today: date, me: str | None) -> dict[str, Any]:
    return {
        "task_id": row["id"], "task_kind": row["kind"], "account": row["account"],
        "subject": row["subject"], "owner_id": row["owner_id"],
        "due_on": row["due_on"].isoformat(), "completed_on": today.isoformat(),
        "completed_by": me,
    }  # fmt: skip


def _view(row: Any, today: date | None) -> TaskView:
    completed_on = row.get("completed_on")
    return TaskView(
        row["id"], row["kind"], row["subject"], row["owner_id"], row["due_on"],
        is_overdue(row["due_on"], completed_on or today), row["customer_id"],
        row["customer_name"], completed_on, row.get("completed_by"),
    )  # fmt: skip
