"""Open tasks and finished ones."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from services.kit.db import Connection

_FIRST = "00000000-0000-0000-0000-000000000000"


async def completed(
    connection: Connection, tenant_id: str, accounts: Sequence[str]
) -> dict[str, set[tuple[str, str]]]:
    """(kind, subject) of finished tasks by account, as far as the log has told."""
    rows = await connection.fetch(
        "SELECT account, kind, subject FROM task_completion "
        "WHERE tenant_id = $1 AND account = ANY($2::text[]) AND told",
        tenant_id, accounts,
    )  # fmt: skip
    found: dict[str, set[tuple[str, str]]] = {account: set() for account in accounts}
    for row in rows:
        found[row["account"]].add((row["kind"], row["subject"]))
    return found


async def put_completion(
    connection: Connection, tenant_id: str, payload: Mapping[str, Any], *, told: bool
) -> bool:
    """The first completion of a task stands; `told` once its fact came from the log.

    Whether it is new.
    """
    done = await connection.fetchval(
        "INSERT INTO task_completion AS c (tenant_id, task_id, kind, account, subject, owner_id, "
        "due_on, completed_on, completed_by, told) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
        "ON CONFLICT (tenant_id, task_id) DO UPDATE SET kind = excluded.kind, "
        "account = excluded.account, subject = excluded.subject, owner_id = excluded.owner_id, "
        "due_on = excluded.due_on, completed_on = excluded.completed_on, "
        "completed_by = excluded.completed_by, told = true WHERE excluded.told AND NOT c.told "
        "RETURNING true",
        tenant_id, payload["task_id"], payload["task_kind"], payload["account"],
        payload["subject"], payload["owner_id"], date.fromisoformat(payload["due_on"]),
        date.fromisoformat(payload["completed_on"]), payload["completed_by"], told,
    )  # fmt: skip
    return done is True


async def open_pages(
    connection: Connection, tenant_id: str, members: Sequence[str],
    after: tuple[date, str] | None, size: int,
) -> list[Any]:  # fmt: skip
    """For each member a page of the open tasks on the own list, the first due first."""
    due_on, last = after or (date.min, _FIRST)
    return list(
        await connection.fetch(
            "SELECT m.member_id::text, t.* FROM unnest($2::uuid[]) AS m (member_id) "
            "CROSS JOIN LATERAL (SELECT t.id::text, t.kind, t.due_on, t.subject, t.owner_id::text, "
            "c.id::text AS customer_id, c.name AS customer_name FROM task_assignee a "
            "JOIN task t ON t.tenant_id = $1 AND t.id = a.task_id "
            "JOIN customer c ON c.tenant_id = $1 AND c.id = t.customer_id "
            "WHERE a.tenant_id = $1 AND a.member_id = m.member_id "
            "AND (a.due_on, a.task_id) > ($3, $4::uuid) AND NOT EXISTS ("
            "SELECT 1 FROM task_completion d WHERE d.tenant_id = $1 AND d.task_id = a.task_id) "
            "ORDER BY a.due_on, a.task_id LIMIT $5) t ORDER BY m.member_id, t.due_on, t.id",
            tenant_id, members, due_on, last, size,
        )
    )  # fmt: skip


async def done_pages(
    connection: Connection, tenant_id: str, members: Sequence[str],
    after: tuple[date, str] | None, size: int,
) -> list[Any]:  # fmt: skip
    """For each member a page of the finished tasks that were theirs, the last done first."""
    day, last = after or (date.max, "ffffffff-ffff-ffff-ffff-ffffffffffff")
    return list(
        await connection.fetch(
            "SELECT m.member_id::text, t.* FROM unnest($2::uuid[]) AS m (member_id) "
            "CROSS JOIN LATERAL (SELECT d.task_id::text AS id, d.kind, d.due_on, d.subject, "
            "d.owner_id::text, d.completed_on, d.completed_by::text, c.id::text AS customer_id, "
            "c.name AS customer_name FROM task_completion d "
            "JOIN customer c ON c.tenant_id = $1 AND c.account = d.account "
            "WHERE d.tenant_id = $1 AND d.owner_id = m.member_id "
            "AND (d.completed_on, d.task_id) < ($3, $4::uuid) "
            "ORDER BY d.completed_on DESC, d.task_id DESC LIMIT $5) t "
            "ORDER BY m.member_id, t.completed_on DESC, t.id DESC",
            tenant_id, members, day, last, size,
        )
    )  # fmt: skip


async def find(connection: Connection, tenant_id: str, task_id: str) -> Any:
    """A task with its customer and assignees, open or finished, or None."""
    return await connection.fetchrow(
        "SELECT t.id::text, t.kind, t.subject, t.owner_id::text, t.due_on, c.account, "
        "c.id::text AS customer_id, c.name AS customer_name, c.team::text[], "
        "ARRAY(SELECT a.member_id::text FROM task_assignee a "
        "WHERE a.tenant_id = $1 AND a.task_id = t.id) AS assignees "
        "FROM task t JOIN customer c ON c.tenant_id = $1 AND c.id = t.customer_id "
        "WHERE t.tenant_id = $1 AND t.id = $2",
        tenant_id, task_id,
    )  # fmt: skip


async def completion(connection: Connection, tenant_id: str, task_id: str) -> Any:
    return await connection.fetchrow(
        "SELECT d.task_id::text AS id, d.kind, d.subject, d.owner_id::text, d.due_on, d.account, "
        "d.completed_on, d.completed_by::text, d.told, c.id::text AS customer_id, "
        "coalesce(c.name, d.account) AS customer_name, coalesce(c.team::text[], '{}') AS team, "
        "'{}'::text[] AS assignees FROM task_completion d "
        "LEFT JOIN customer c ON c.tenant_id = $1 AND c.account = d.account "
        "WHERE d.tenant_id = $1 AND d.task_id = $2",
        tenant_id, task_id,
    )  # fmt: skip
