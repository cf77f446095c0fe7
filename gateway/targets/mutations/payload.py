"""What acts on plans answer."""

from collections.abc import Mapping
from typing import Any

import strawberry

from gateway.fields import plain
from gateway.refusals import offset_of
from gateway.scalars import Offset
from gateway.targets.types.plan import Plan, plan_row


@strawberry.type(description="A plan after an act on it.")
class PlanPayload:
    plan: Plan = plain("The plan as it is now.")
    offset: Offset | None = offset_of("targets")


def answered(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {"plan": plan_row(answer["plan"]), "offset": answer["offset"]}
