"""Value verification: due 30 days after the win, once a deal."""

from datetime import date

import pytest

from services.customers.domain.days import UNDATED
from services.customers.domain.records import Win
from services.customers.domain.tasks import due_tasks, is_overdue


def test_the_largest_share_owns_it_and_the_team_is_assigned_too():
    win = Win("deal:crm:1", date(2026, 1, 31), (("bob", 6_000), ("ann", 4_000)))
    (task,) = due_tasks([win], ["eve", "bob"], frozenset(), None)
    assert (task.owner_id, task.assignees) == ("bob", ("bob", "eve"))
    assert task.due_on == date(2026, 3, 2)


def test_a_deal_of_nobody_asks_its_customers_team():
    (task,) = due_tasks([Win("deal:crm:1", date(2026, 1, 1), ())], ["eve"], frozenset(), None)
    assert (task.owner_id, task.assignees) == (None, ("eve",))


def test_an_undated_win_and_a_finished_task_ask_for_nothing():
    done = {("value_verification", "deal:crm:2")}
    wins = [Win("deal:crm:1", UNDATED, ()), Win("deal:crm:2", date(2026, 1, 1), ())]
    assert due_tasks(wins, [], done, None) == []


def test_what_fell_due_before_the_first_day_is_not_asked_for():
    wins = [Win("deal:crm:1", date(2025, 12, 2), ()), Win("deal:crm:2", date(2025, 12, 3), ())]
    (task,) = due_tasks(wins, [], frozenset(), date(2026, 1, 2))
    assert (task.subject, task.due_on) == ("deal:crm:2", date(2026, 1, 2))


@pytest.mark.parametrize(
    ("today", "late"), [("2026-02-14", False), ("2026-02-15", True), (None, False)]
)
def test_the_day_it_is_due_is_the_last_one_in_time(today, late):
    assert is_overdue(date(2026, 2, 14), today and date.fromisoformat(today)) == late
