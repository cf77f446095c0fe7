"""Facts that enter the log, and what kpi itself learns from them in the same transaction.

The organisation and the tenant's settings are state of the engine: an owner is known to the very
next delivery, and what waited in quarantine for it is released in the same append.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.kit.db import Connection
from services.kpi.domain import events
from services.kpi.store import connections, organisation


@dataclass(frozen=True, slots=True)
class Fact:
    """An entry that a service states: its type, subject, time and payload."""

    id: str
    type: str
    subject: str
    occurred_at: datetime | None
    payload: Mapping[str, Any]


async def learn(
    connection: Connection, tenant_id: str, facts: Sequence[Fact], head: int
) -> list[str]:
    """Take in `facts`, which get the offsets after `head`; what they may release is returned."""
    causes: list[str] = []
    for offset, fact in enumerate(facts, head + 1):
        payload = fact.payload
        if fact.type == events.TENANT_CONFIGURED:
            await organisation.put_setting(connection, tenant_id, payload)
        elif fact.type == events.UNIT_PLACED:
            await organisation.put_unit(connection, tenant_id, payload, offset)
        elif fact.type == events.MEMBER_JOINED:
            await organisation.put_member(connection, tenant_id, payload, offset)
            causes += [
                f"owner:{name}" for name in (payload["external_id"], payload["member_id"]) if name
            ]
        elif fact.type == events.MEMBER_MOVED:
            await organisation.put_memberships(connection, tenant_id, payload)
        elif fact.type == events.PIPELINE_CONFIGURED:
            await connections.put_pipeline(connection, tenant_id, payload)
            causes.append(f"pipeline:{payload['code']}")
            causes += [f"stage:{payload['code']}:{stage['code']}" for stage in payload["stages"]]
        elif fact.type == events.DAY_STARTED:
            day = date.fromisoformat(payload["day"])
            await organisation.put_day(connection, tenant_id, day)
    return causes
