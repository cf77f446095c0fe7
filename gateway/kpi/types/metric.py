"""Metrics of the catalogue, by reference or in full."""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any

import strawberry

from gateway.execution.asking import Ask
from gateway.fields import late, plain
from gateway.scalars import Period
from gateway.values import in_language

InPeriod = Annotated[
    Period, strawberry.argument(description="The period, such as 2026-Q1, 2026-01 or 2026-01-15.")
]
MetricCode = Annotated[
    str, strawberry.argument(description="The metric's code, such as sales or visits.")
]
_NULL = "; null where no service that knows it answers."


@strawberry.enum(description="What a metric is counted in.")
class MetricUnit(Enum):
    MONEY = strawberry.enum_value("money", description="An amount in the target's currency.")
    COUNT = strawberry.enum_value("count", description="Whole things: deals, visits, calls.")
    PERCENT = strawberry.enum_value("percent", description="A share, in percent.")
    SCORE = strawberry.enum_value("score", description="Points on a scale, such as an NPS.")


@strawberry.enum(description="Whether a metric leads or lags.")
class MetricKind(Enum):
    PROCESS = strawberry.enum_value("process", description="Leading: what is done, such as visits.")
    RESULT = strawberry.enum_value("result", description="Lagging: what came of it, such as sales.")


@strawberry.enum(description="Which way is better.")
class Direction(Enum):
    HIGHER = strawberry.enum_value("higher", description="More is better.")
    LOWER = strawberry.enum_value("lower", description="Less is better, as with complaints.")


@strawberry.enum(description="How attainment compares with what is due by now.")
class Light(Enum):
    GREEN = strawberry.enum_value("green", description="On course: 80 % or more, by default.")
    YELLOW = strawberry.enum_value("yellow", description="Below that: the supervisor coaches.")
    RED = strawberry.enum_value("red", description="Below 60 %, by default.")


async def catalogued(rows: Sequence[Any], ask: Ask) -> list[Any]:
    """References that carry a code alone, with the rest from the catalogue."""
    known = await ask.context.kpi.metrics()
    unknown = dict.fromkeys(("name", "unit", "kind", "direction"))
    return [{**unknown, **known.get(row["code"], {}), **row} for row in rows]


@strawberry.type(description="Something that is measured, by the tenant's catalogue.")
class Metric:
    code: str = plain("Its code, unique in the tenant, such as sales.")
    name: str | None = late(catalogued, "What people call it" + _NULL, then=in_language("name"))
    unit: MetricUnit | None = late(catalogued, "What it is counted in" + _NULL)
    kind: MetricKind | None = late(catalogued, "Whether it leads or lags" + _NULL)
    direction: Direction | None = late(catalogued, "Which way is better" + _NULL)
