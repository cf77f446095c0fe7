"""What is read of tasks."""

from datetime import date

from pydantic import Field

from services.customers.actions.tasks import Completed, Status, TaskView
from services.customers.domain.tasks import TITLES
from services.customers.schemas.wire import NEXT, OFFSET, Wire, Words


class CustomerReference(Wire):
    id: str = Field(description="our id")
    name: str = Field(description="the business's name")


class TaskRead(Wire):
    id: str = Field(description="our id", examples=["0190a000-0000-5000-8000-000000000002"])
    kind: str = Field(description="what sort of task", examples=["value_verification"])
    title: Words = Field(description="what is to be done")
    due_on: date = Field(description="the last day in time")
    overdue: bool = Field(description="open after that day, or done after it")
    status: Status = Field(description="open or done")
    customer: CustomerReference = Field(description="with whom")
    subject: str = Field(description="what asked for it", examples=["deal:crm:D-17"])
    owner_id: str | None = Field(description="the member with the largest share of the deal")
    completed_on: date | None = Field(description="the business day on which it was done")
    completed_by: str | None = Field(description="the member who did it; null for an office")

    @classmethod
    def of(cls, task: TaskView) -> "TaskRead":
        return cls(
            id=task.id, kind=task.kind, title=Words(**TITLES[task.kind]), due_on=task.due_on,
            overdue=task.overdue, status=task.status, subject=task.subject,
            customer=CustomerReference(id=task.customer_id, name=task.customer_name),
            owner_id=task.owner_id, completed_on=task.completed_on,
            completed_by=task.completed_by,
        )  # fmt: skip


class TaskList(Wire):
    member_id: str = Field(description="whose list it is")
    tasks: list[TaskRead] = Field(description="open ones: first due first; done: last done first")
    next_cursor: str | None = Field(description=NEXT)


class TaskLists(Wire):
    offset: int = Field(description=OFFSET)
    items: list[TaskList] = Field(description="of the members whom the viewer may see, as asked")


class CompletedRead(Wire):
    task: TaskRead = Field(description="as it is now")
    offset: int | None = Field(
        description="an offset at which every reader sees it; null until the log has it"
    )

    @classmethod
    def of(cls, done: Completed) -> "CompletedRead":
        return cls(task=TaskRead.of(done.task), offset=done.offset)
