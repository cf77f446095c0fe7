"""Tasks that follow from what happened (method.md section 2, "Cadences become due tasks").

A won deal asks for a value verification within 30 days. Its owner is who has the largest share of
the deal now; whom the customer's description names besides is assigned too, so that a customer
success manager sees it. There is one task a deal: a win that is reversed withdraws it while it is
open, a new win asks for it again unless it was completed. What fell due before the tenant's first
day here was not ours to ask for: history that is imported brings no backlog.

>>> win = Win("deal:crm:1", date(2026, 1, 15), (("ann", 6_000), ("bob", 4_000)))
>>> [(task.kind, task.owner_id, str(task.due_on)) for task in due_tasks([win], [], frozenset(), None)]
[('value_verification', 'ann', '2026-02-14')]
>>> due_tasks([win], [], frozenset({("value_verification", "deal:crm:1")}), None)
[]
>>> due_tasks([win], [], frozenset(), date(2026, 2, 15))
[]
"""

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Literal, NamedTuple

from services.customers.domain.days import UNDATED
from services.customers.domain.records import Win

Kind = Literal["value_verification"]
VALUE_VERIFICATION: Kind = "value_verification"
VERIFICATION_DAYS = 30
TITLES: dict[str, dict[str, str]] = {
    VALUE_VERIFICATION: {"en": "Verify the value delivered", "zh": "价值验证回访"},
}


class Task(NamedTuple):
    """An open task; `subject` is the deal that asks for it."""

    kind: Kind
    subject: str
    owner_id: str | None
    assignees: tuple[str, ...]
    due_on: date

    def is_overdue(self, today: date) -> bool:
        return is_overdue(self.due_on, today)


def is_overdue(due_on: date, today: date | None) -> bool:
    """The day it is due is the last one in time."""
    return today is not None and due_on < today


def due_tasks(
    wins: Iterable[Win],
    team: Collection[str],
    completed: Collection[tuple[str, str]],
    since: date | None,
) -> list[Task]:
    """The open tasks of a customer; `completed` are (kind, subject) that were done, `since` is the
    tenant's first day.

    A win without a date has no day from which to count: it asks for nothing.
    """
    found = []
    for win in wins:
        if win.won_on == UNDATED or (VALUE_VERIFICATION, win.subject) in completed:
            continue
        owner = win.owners[0][0] if win.owners else None
        assignees = sorted({*team, *([owner] if owner else [])})
        due_on = win.won_on + timedelta(days=VERIFICATION_DAYS)
        if since is not None and due_on < since:
            continue
        found.append(Task(VALUE_VERIFICATION, win.subject, owner, tuple(assignees), due_on))
    return found
