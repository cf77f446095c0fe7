"""Ranks and alerts: how people and units stand."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from gateway.execution.asking import Ask
from gateway.fields import Rows, computed, listed, plain
from gateway.kpi.types.metric import InPeriod, Light, Metric, MetricCode
from gateway.paging import After, First, PageInfo, page_size
from gateway.scalars import PlainDecimal
from gateway.values import in_language
from services.kit import limits
from services.kit.errors import Invalid

if TYPE_CHECKING:
    from gateway.targets.types.people import Rep


@strawberry.enum(description="Where an alert is in its life.")
class AlertStatus(Enum):
    OPEN = strawberry.enum_value("open", description="Nobody took it yet.")
    ACKNOWLEDGED = strawberry.enum_value("acknowledged", description="Somebody works on it.")
    RESOLVED = strawberry.enum_value("resolved", description="Its cause is gone.")


@strawberry.type(description="Something that wants a supervisor's eye; one cause is one alert.")
class Alert:
    id: strawberry.ID = plain("The alert's id: a UUID.")
    kind: str = plain("What is wrong, a stable code such as light.")
    light: Light | None = plain("The light that it stands for; null where it is about none.")
    metric: Metric | None = plain("The metric that it is about; null where it is about none.")
    message: str = computed(in_language("message"), "What is wrong, in a sentence.")
    opened_at: datetime = plain("Since when, in UTC.")
    status: AlertStatus = plain("Where it is in its life.")


@strawberry.type(description="Alerts, page by page, the newest first.")
class AlertConnection:
    nodes: list[Alert] = listed("The alerts of this page.", limits.PAGE_DEFAULT)
    page_info: PageInfo = plain("Where the page ends.")


@strawberry.type(description="A place on a leaderboard.")
class LeaderboardEntry:
    rank: int = plain("From 1; equal values share a rank and the next one is passed over.")
    rep: Annotated["Rep", strawberry.lazy("gateway.targets.types.people")] = plain("Who has it.")
    value: PlainDecimal = plain("Their value in the metric's unit.")


Best = Annotated[
    int,
    strawberry.argument(
        description=f"How many places at most: 1 to {limits.PAGE_MOST}, 10 when not given."
    ),
]
Below = Annotated[
    bool, strawberry.argument(description="Whether those of everybody below the unit are in it.")
]


async def alerts_of(
    rows: Rows, info: Ask, first: First = limits.PAGE_DEFAULT, after: After = None
) -> Sequence[Any]:
    """A page of alerts of each member; None where the viewer may not see them."""
    return await _alerts(rows, info, first, after, below=False)


async def unit_alerts_of(
    rows: Rows, info: Ask, first: First = limits.PAGE_DEFAULT, after: After = None,
    below: Below = False,
) -> Sequence[Any]:  # fmt: skip
    """Likewise of units, and of what is below them."""
    return await _alerts(rows, info, first, after, below=below)


async def _alerts(
    rows: Rows, info: Ask, first: int, after: str | None, *, below: bool
) -> Sequence[Any]:
    size = page_size(first)
    ids = (row["id"] for row in rows)
    found = await info.context.kpi.alerts(ids, size, after, below=below)
    return [_alert_page(found.get(row["id"])) for row in rows]


def _alert_page(item: Any) -> Any:
    if item is None or isinstance(item, Exception):
        return item
    return {
        "nodes": [alert_row(alert) for alert in item["alerts"]],
        "page_info": PageInfo.of(item["next_cursor"]),
    }


def alert_row(alert: Any) -> Any:
    metric = alert["metric"]
    return {**alert, "metric": {"code": metric} if isinstance(metric, str) else metric}


async def leaderboard_of(
    rows: Rows, info: Ask, period: InPeriod, metric: MetricCode, first: Best = 10
) -> Sequence[Any]:
    """Kpi ranks one unit a call, so a document may ask for few of them."""
    if len(rows) > limits.GRAPHQL_LEADERBOARDS:
        raise Invalid(
            f"a document may ask for {limits.GRAPHQL_LEADERBOARDS} leaderboards", path="first"
        )
    size = page_size(first)
    boards = await asyncio.gather(
        *(info.context.kpi.leaderboard(row["id"], period, metric, size) for row in rows),
        return_exceptions=True,
    )
    return [
        board
        if isinstance(board, BaseException)
        else [{**item, "rep": {"id": item["member_id"]}} for item in board]
        for board in boards
    ]
