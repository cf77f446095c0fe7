"""Where a document enters the metric catalogue."""

from collections.abc import Sequence
from typing import Any

import strawberry

from gateway.execution.asking import Ask
from gateway.fields import Rows, joined
from gateway.kpi.types.metric import Metric


async def _metrics(rows: Rows, info: Ask) -> Sequence[Any]:  # noqa: ARG001
    return [list((await info.context.kpi.metrics()).values())]


@strawberry.type
class KpiQuery:
    metrics: list[Metric] | None = joined(
        _metrics, "The tenant's catalogue; null where kpi does not answer.", size=40
    )
