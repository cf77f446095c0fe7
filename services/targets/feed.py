"""What targets learns from the log: kpi's metrics, and that its own targets have arrived there."""

from collections.abc import Sequence

from services.kit import versions
from services.kit.db import Connection
from services.kit.standing import Entry
from services.targets.actions.facts import TARGET_SET
from services.targets.store import metrics, plans

METRIC_DECLARED = "metric.declared.v1"
TYPES = (METRIC_DECLARED, TARGET_SET)


async def take(
    connection: Connection, tenant_id: str, entries: Sequence[Entry], _offset: int
) -> None:
    """A page of the log: metrics are learnt; owners whose targets it names have changed."""
    heard: list[tuple[str, int]] = []
    changed: dict[str, int] = {}
    for entry in entries:
        if entry.type == METRIC_DECLARED:
            await metrics.learn(connection, tenant_id, entry.payload, entry.offset)
        elif entry.type == TARGET_SET:
            changed[entry.payload["owner"]["id"]] = entry.offset
            if entry.payload["cells"]:
                heard.append((entry.payload["plan_id"], entry.offset))
    if heard:
        await plans.heard(connection, tenant_id, heard)
    await versions.bump(connection, tenant_id, changed)
