"""What the projection needs of the tenant at an offset: organisation, zones, watched targets."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from services.kit.db import Connection
from services.kit.organisation.whereabouts import Span, Whereabouts
from services.kit.period import business_day
from services.kpi.actions.signals import Signals
from services.kpi.domain import events, funnel
from services.kpi.domain.transitions import Conclusion
from services.kpi.store import funnel as store

FACTS = (events.UNIT_PLACED, events.MEMBER_MOVED, events.TENANT_CONFIGURED)
_DEFAULT_ZONE = "UTC"


class World:
    """The organisation and the zones, learnt from FACTS, and the targets that are watched."""

    def __init__(self, signals: Signals) -> None:
        self.offset = 0
        self.signals = signals
        self.memberships: dict[str, list[Span]] = {}
        self.placements: dict[str, list[Span]] = {}
        self.zones: list[tuple[date, ZoneInfo]] = []
        self.whereabouts = Whereabouts(self.memberships, self.placements)

    def learn(self, type_: str, payload: Mapping[str, Any]) -> None:
        if type_ == events.MEMBER_MOVED:
            self.memberships[payload["member_id"]] = [
                _span(span["unit_id"], span) for span in payload["memberships"]
            ]
        elif type_ == events.UNIT_PLACED:
            self.placements[payload["unit_id"]] = [
                _span(span["parent_id"], span) for span in payload["placements"]
            ]
        else:
            day = date.fromisoformat(payload["effective_on"])
            others = [zone for zone in self.zones if zone[0] != day]
            self.zones = sorted([*others, (day, ZoneInfo(payload["zone"]))], key=lambda z: z[0])
        self.whereabouts = Whereabouts(self.memberships, self.placements)

    def knows_zone(self, payload: Mapping[str, Any]) -> bool:
        """Whether a tenant.configured fact says nothing new about business days."""
        day = date.fromisoformat(payload["effective_on"])
        return (day, ZoneInfo(payload["zone"])) in self.zones

    def below(self, unit: str) -> set[str]:
        """Members whose deals may count elsewhere because `unit` was placed anew."""
        units = {unit}
        grew = True
        while grew:
            more = {
                child
                for child, spans in self.placements.items()
                if child not in units and any(span.target in units for span in spans)
            }
            grew = bool(more)
            units |= more
        return {
            member
            for member, spans in self.memberships.items()
            if any(span.target in units for span in spans)
        }

    def day_of(self, conclusion: Conclusion) -> date:
        """The business day of an event in the zone that was in force then."""
        if conclusion.effective_at is None:
            return funnel.UNDATED
        zone = self.zones[0][1] if self.zones else ZoneInfo(_DEFAULT_ZONE)
        for starts_on, candidate in self.zones[1:]:
            if business_day(conclusion.effective_at, candidate) >= starts_on:
                zone = candidate
        return business_day(conclusion.effective_at, zone)


def _span(target: str | None, span: Mapping[str, Any]) -> Span:
    ends_on = span.get("ends_on")
    return Span(
        target,
        date.fromisoformat(span["starts_on"]),
        date.fromisoformat(ends_on) if ends_on else None,
        span.get("share_bp", 10_000),
    )


async def world_at(connection: Connection, tenant_id: str, offset: int) -> World:
    world = World(await Signals.load(connection, tenant_id, offset))
    world.offset = offset
    for row in await store.facts_until(connection, tenant_id, FACTS, offset):
        world.learn(row["type"], orjson.loads(row["payload"]))
    return world
