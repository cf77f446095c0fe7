"""The projection's part about targets: cells, the day, and whose figures a fact changes."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from services.kit.db import Connection
from services.kpi.domain import events
from services.kpi.domain.attainment import Cell, nested
from services.kpi.store import cells

LEARNT = (events.TARGET_SET, events.DAY_STARTED, events.METRIC_DECLARED)


async def learn(
    connection: Connection, tenant_id: str, type_: str, payload: Mapping[str, Any], offset: int
) -> Sequence[str]:
    """Take in a fact of LEARNT; the members and units whose attainment it changes.

    A day that starts moves everybody's pace; a metric that is declared anew moves its actuals.
    """
    if type_ == events.TARGET_SET:
        placed = nested(map(Cell.read, payload["cells"]))
        await cells.replace(connection, tenant_id, payload, placed, offset)
        return [payload["owner"]["id"]]
    if type_ == events.DAY_STARTED:
        await cells.reach(connection, tenant_id, date.fromisoformat(payload["day"]))
    metric = payload["code"] if type_ == events.METRIC_DECLARED else None
    return await cells.owners(connection, tenant_id, metric)
