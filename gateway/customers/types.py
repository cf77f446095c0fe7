"""What the schema shows of customers: the mix by tier and segment, and tasks."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import strawberry

from gateway.execution.asking import Ask
from gateway.fields import Rows, computed, listed, plain
from gateway.paging import After, First, PageInfo, page_size
from gateway.values import Money, in_language
from services.kit import limits


@strawberry.type(description="A business that buys, or may buy.")
class Customer:
    id: strawberry.ID = plain("Our id: a UUID, the same in every API.")
    name: str | None = plain("Its business name; null where it is not known.")


@strawberry.type(description="The customers of one value tier.")
class TierMix:
    tier: str | None = plain("The tier's code, such as strategic; null for those in none.")
    count: int = plain("How many customers are in it today.")
    revenue: Money | None = plain(
        "What they brought in the twelve months up to the business day: won minus refunded; null "
        "where no currency is known."
    )


@strawberry.type(description="The customers of one RFM segment.")
class RfmMix:
    segment: str = plain("The segment's code.")
    count: int = plain("How many customers are in it today.")


@strawberry.type(description="Whose customers are worth what.")
class CustomerMix:
    by_tier: list[TierMix] = listed("By value tier, the highest first.", 6)
    by_rfm: list[RfmMix] = listed("By RFM segment; empty until customers are scored.", 12)


@strawberry.type(description="Something to do for a customer by a day.")
class Task:
    id: strawberry.ID = plain("The task's id: a UUID.")
    kind: str = plain("What kind it is, a stable code such as value_verification.")
    title: str = computed(in_language("title"), "What to do, in a few words.")
    due_on: date = plain("The last day to do it on, by the tenant's calendar.")
    overdue: bool = plain("Whether that day has passed and the task is open.")
    status: str = plain("Whether it is open or done, a stable code.")
    customer: Customer | None = plain("For whom; null where it is for none.")


@strawberry.type(description="Tasks, page by page, the most urgent first.")
class TaskConnection:
    nodes: list[Task] = listed("The tasks of this page.", limits.PAGE_DEFAULT)
    page_info: PageInfo = plain("Where the page ends.")


async def mix_of(rows: Rows, info: Ask) -> Sequence[Any]:
    """The customers of each member or unit; None where the viewer may not see them."""
    found = await info.context.customers.mix(row["id"] for row in rows)
    return [found.get(row["id"]) for row in rows]


async def tasks_of(
    rows: Rows, info: Ask, first: First = limits.PAGE_DEFAULT, after: After = None
) -> Sequence[Any]:
    """A page of tasks of each member; None where the viewer may not see them."""
    size = page_size(first)
    found = await info.context.customers.tasks((row["id"] for row in rows), size, after)
    return [_page(found.get(row["id"])) for row in rows]


def _page(item: Any) -> Any:
    if item is None or isinstance(item, Exception):
        return item
    return {"nodes": item["tasks"], "page_info": PageInfo.of(item["next_cursor"])}
