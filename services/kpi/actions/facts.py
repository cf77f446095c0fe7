"""Facts that enter the log, and what kpi itself learns from them in the same transaction.

The organisation and the tenant's settings are state of the engine: an owner is known to the very
next delivery, and what waited in quarantine for it is released in the same append.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.kit import directory
from services.kit.db import Connection
from services.kpi.domain import events
from services.kpi.store import connections, metrics


@dataclass(frozen=True, slots=True)
class Fact:
    """An entry that a service states: its type, subject, time and payload."""

    id: str
    type: str
    subject: str
    occurred_at: datetime | None
    payload: Mapping[str, Any]


def causes(facts: Sequence[Fact]) -> list[str]:
    """What items in quarantine may wait for, and these facts bring."""
    found: list[str] = []
    for fact in facts:
        payload = fact.payload
        if fact.type == events.MEMBER_JOINED:
            names = (payload["external_id"], payload["member_id"])
            found += [f"owner:{name}" for name in names if name]
        elif fact.type == events.PIPELINE_CONFIGURED:
            found.append(f"pipeline:{payload['code']}")
            found += [f"stage:{payload['code']}:{stage['code']}" for stage in payload["stages"]]
    return found


async def learn(connection: Connection, tenant_id: str, facts: Sequence[Fact], head: int) -> None:
    """Take in `facts`, which get the offsets after `head`."""
    for offset, fact in enumerate(facts, head + 1):
        await directory.learn(connection, tenant_id, fact.type, fact.payload, offset)
        if fact.type == events.PIPELINE_CONFIGURED:
            await connections.put_pipeline(connection, tenant_id, fact.payload)
        elif fact.type == events.METRIC_DECLARED:
            await metrics.put(connection, tenant_id, fact.payload, offset)
