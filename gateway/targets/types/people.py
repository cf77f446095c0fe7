"""Reps and units: people and places of the organisation.

One that is only named by another (`manager { id name }`) is not read until a field asks for more;
those are then completed together. Where targets does not say who somebody is, everything that the
other services know by their id is still shown.
"""

from collections.abc import Sequence
from typing import Any, Optional

import strawberry

from gateway.customers.types import CustomerMix, TaskConnection, mix_of, tasks_of
from gateway.execution.asking import Ask
from gateway.fields import Rows, computed, joined, late, plain
from gateway.incentives.types.earnings import Earnings, earnings_of
from gateway.kpi.types.funnel import Funnel, funnel_of
from gateway.kpi.types.standing import (
    AlertConnection,
    LeaderboardEntry,
    alerts_of,
    leaderboard_of,
    unit_alerts_of,
)
from gateway.paging import After, First, PageInfo, page_size
from gateway.targets.types.owner import Owner
from gateway.targets.types.scorecard import Scorecard, scorecard_of
from gateway.targets.types.target import Target, target_of, targets_of
from services.kit import limits

_FUNNEL = "The funnel in a period; null where the viewer may not see it, or kpi does not answer."
_TARGETS = (
    "One total per metric of the active plan for a period, next to what came of it; null where "
    "the viewer may not see them, or neither targets nor kpi answers."
)
_TARGET = "The total of one metric for a period; null where there is none, or as for all of them."
_MIX = "Their customers by worth; null where the viewer may not see it, or customers is away."
_ALERTS = "What wants an eye; null where the viewer may not see it, or kpi does not answer."
_UNKNOWN = "; null where the viewer may not see it, or targets does not answer."


async def _members(rows: Sequence[Any], ask: Ask) -> list[Any]:
    found = await ask.context.targets.members.load_many([row["id"] for row in rows])
    return [_known(row, more, MEMBER) for row, more in zip(rows, found, strict=True)]


async def _units(rows: Sequence[Any], ask: Ask) -> list[Any]:
    found = await ask.context.targets.units.load_many([row["id"] for row in rows])
    return [_known(row, more, UNIT) for row, more in zip(rows, found, strict=True)]


MEMBER = ("name", "external_id", "unit", "manager", "tenure_months")
UNIT = ("name", "external_id", "parent_id")


def _known(row: Any, more: Any, names: Sequence[str]) -> Any:
    return {**dict.fromkeys(names), **row, **(more or {})}


async def _parents(rows: Rows, info: Ask) -> Sequence[Any]:
    """The units above; None for a root, and where the viewer may not see one."""
    whole = [row if "parent_id" in row else None for row in rows]
    lacking = [index for index, row in enumerate(whole) if row is None]
    for index, row in zip(
        lacking, await _units([rows[index] for index in lacking], info), strict=True
    ):
        whole[index] = row
    above = [row["parent_id"] if row is not None else None for row in whole]
    wanted = sorted({one for one in above if isinstance(one, str)})
    loaded = await info.context.targets.units.load_many(wanted)
    found = dict(zip(wanted, loaded, strict=True))
    return [found.get(one) if isinstance(one, str) else one for one in above]


async def _children(rows: Rows, info: Ask) -> Sequence[Any]:
    found = await info.context.targets.children(row["id"] for row in rows)
    values = []
    for row in rows:
        item = found.get(row["id"], {"children": []})
        values.append(item if isinstance(item, Exception) else item["children"])
    return values


async def _staff(
    rows: Rows, info: Ask, first: First = limits.PAGE_DEFAULT, after: After = None
) -> Sequence[Any]:
    size = page_size(first)
    found = await info.context.targets.staff((row["id"] for row in rows), size, after)
    values = []
    for row in rows:
        page = found.get(row["id"])
        if page is not None and not isinstance(page, Exception):
            page = {
                "total_count": page["total_count"], "nodes": page["items"],
                "page_info": PageInfo.of(page["next_cursor"]),
            }  # fmt: skip
        values.append(page)
    return values


@strawberry.type(description="A member of the organisation seen as a seller.")
class Rep(Owner):
    id: strawberry.ID = plain("Our id: a UUID, the same in every API.")
    name: str | None = late(_members, "What people call them" + _UNKNOWN)
    external_id: str | None = late(
        _members, "`<connection>:<id>` in the system that named this person first" + _UNKNOWN
    )
    tenure_months: int | None = late(_members, "Complete months since joining, today" + _UNKNOWN)
    unit: Optional["Unit"] = late(
        _members, "The unit they work in today; null where they are in none" + _UNKNOWN
    )
    manager: Optional["Rep"] = late(
        _members, "The nearest manager above them today; null where there is none" + _UNKNOWN
    )
    targets: list[Target] | None = joined(targets_of, _TARGETS, size=10, gathers=True)
    target: Target | None = joined(target_of, _TARGET, gathers=True)
    scorecard: Scorecard | None = computed(
        scorecard_of, "Weighted attainment in a period; null while no plan sets weights."
    )
    funnel: Funnel | None = joined(funnel_of, _FUNNEL, gathers=True)
    customer_mix: CustomerMix | None = joined(mix_of, _MIX, gathers=True)
    earnings: Earnings | None = joined(
        earnings_of,
        "Their pay of a period; null where the viewer may not see it, there is none, or incentives "
        "does not answer.",
        gathers=True,
    )
    alerts: AlertConnection | None = joined(alerts_of, _ALERTS, gathers=True)
    tasks: TaskConnection | None = joined(
        tasks_of,
        "What they have to do; null where the viewer may not see it, or customers does not answer.",
        gathers=True,
    )


@strawberry.type(description="Reps of a unit, page by page, ordered by name.")
class RepConnection:
    total_count: int = plain("How many there are on all pages.")
    nodes: list[Rep] = plain("The reps of this page.")
    page_info: PageInfo = plain("Where the page ends.")


@strawberry.type(description="A part of the organisation: a company, region or team.")
class Unit(Owner):
    id: strawberry.ID = plain("Our id: a UUID, the same in every API.")
    name: str | None = late(_units, "What people call it" + _UNKNOWN)
    external_id: str | None = late(
        _units, "`<connection>:<id>` in the system that named this unit first" + _UNKNOWN
    )
    parent: Optional["Unit"] = joined(_parents, "The unit above today; null for a root" + _UNKNOWN)
    children: list["Unit"] | None = joined(
        _children, "The units right below it today, by name" + _UNKNOWN
    )
    reps: RepConnection | None = joined(
        _staff, "Who works in the unit or below it today, by name" + _UNKNOWN
    )
    targets: list[Target] | None = joined(targets_of, _TARGETS, size=10, gathers=True)
    target: Target | None = joined(target_of, _TARGET, gathers=True)
    funnel: Funnel | None = joined(funnel_of, _FUNNEL, gathers=True)
    customer_mix: CustomerMix | None = joined(mix_of, _MIX, gathers=True)
    alerts: AlertConnection | None = joined(unit_alerts_of, _ALERTS, gathers=True)
    leaderboard: list[LeaderboardEntry] | None = joined(
        leaderboard_of,
        "The best of the unit and below it by a metric, for everybody in the tenant; null where "
        f"kpi does not answer. At most {limits.GRAPHQL_LEADERBOARDS} units of a document may ask for it.",
    )
