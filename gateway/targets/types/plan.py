"""Plans: a cascade of targets, its state, and what speaks against it."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import strawberry

from gateway.fields import computed, listed, plain
from gateway.paging import PageInfo
from gateway.scalars import Percent, Period
from gateway.targets.types.target import Target
from gateway.values import in_language
from services.kit import limits


@strawberry.enum(description="How far a plan is on its way.")
class PlanState(Enum):
    DRAFT = strawberry.enum_value("draft", description="It is being made.")
    PROPOSED = strawberry.enum_value("proposed", description="Owners look at their targets.")
    ACKNOWLEDGED = strawberry.enum_value("acknowledged", description="Enough owners agreed.")
    APPROVED = strawberry.enum_value("approved", description="It may start.")
    ACTIVE = strawberry.enum_value("active", description="It counts.")
    SUPERSEDED = strawberry.enum_value("superseded", description="Another plan took its place.")
    CLOSED = strawberry.enum_value("closed", description="Its period is over.")


@strawberry.type(description="A target by its id.")
class TargetReference:
    id: strawberry.ID = plain("Our id: a UUID.")


@strawberry.type(description="Something about a plan that should be, or must be, put right.")
class PlanCheck:
    code: str = plain("What was checked, a stable code.")
    severity: str = plain("How grave it is, such as info or warning.")
    message: str = computed(in_language("message"), "What is wrong, in a sentence.")
    targets: list[TargetReference] = listed("The targets that it is about, at most 100.", 20)


@strawberry.type(description="A cascade of one metric's target over the organisation and time.")
class Plan:
    id: strawberry.ID = plain("Our id: a UUID.")
    name: str = plain("What people call it.")
    version: int = plain("Counts from 1 within plans of the same purpose.")
    state: PlanState = plain("How far it is on its way; only an active plan counts.")
    period: Period = plain("The period that it covers.")
    consensus_rate: Percent | None = plain(
        "Owners who acknowledged in percent of those asked; null before it is proposed."
    )
    root: Target | None = plain("The target that all others were split from.")
    checks: list[PlanCheck] | None = listed("What speaks against it.", 20)


@strawberry.type(description="Plans, page by page, the newest first.")
class PlanConnection:
    nodes: list[Plan] = listed("The plans of this page.", limits.PAGE_DEFAULT)
    page_info: PageInfo = plain("Where the page ends.")


def plan_row(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """As the schema has it: checks name their targets."""
    checks = plan.get("checks")
    if checks is None:
        return plan
    return {
        **plan,
        "checks": [
            {**check, "targets": [{"id": one} for one in check.get("target_ids", ())]}
            for check in checks
        ],
    }
