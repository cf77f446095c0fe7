"""What targets tells the log. Ids and dates, never a person's name."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from services.kit.outbox import Fact
from services.targets.domain.configuration import Configuration
from services.targets.domain.plan import Metric, Owner, Plan, Target
from services.targets.domain.records import MemberRecord, UnitRecord

TARGET_SET = "target.set.v1"


def tenant_configured(
    tenant_id: str, chosen: Configuration, effective_on: date, at: datetime
) -> Fact:
    payload = {
        "zone": chosen.zone, "currency": chosen.currency,
        "fiscal_start_month": chosen.fiscal_start_month, "week_rule": chosen.week_rule,
        "effective_on": effective_on.isoformat(),
    }  # fmt: skip
    return Fact("tenant.configured.v1", f"tenant:{tenant_id}", at, payload)


def unit_placed(unit: UnitRecord, at: datetime) -> Fact:
    """The unit's whole history; `parent_id` and `manager_id` beside it are its newest ones."""
    newest = unit.placements[-1]
    payload = {
        "unit_id": unit.id, "external_id": unit.external_id,
        "parent_id": newest.parent_id, "manager_id": newest.manager_id,
        "placements": [
            {"parent_id": place.parent_id, "manager_id": place.manager_id,
             "starts_on": place.starts_on.isoformat(), "ends_on": _day(place.ends_on)}
            for place in unit.placements
        ],
    }  # fmt: skip
    return Fact("unit.placed.v1", f"unit:{unit.id}", at, payload)


def member_joined(member: MemberRecord, at: datetime) -> Fact:
    payload = {
        "member_id": member.id, "external_id": member.external_id,
        "joined_on": member.joined_on.isoformat(), "left_on": _day(member.left_on),
    }  # fmt: skip
    return Fact("member.joined.v1", f"member:{member.id}", at, payload)


def member_moved(member: MemberRecord, at: datetime) -> Fact:
    """The member's whole history after the move."""
    spans: list[dict[str, Any]] = [
        {"unit_id": span.unit_id, "starts_on": span.starts_on.isoformat(),
         "ends_on": _day(span.ends_on), "share_bp": span.share_bp}
        for span in member.memberships
    ]  # fmt: skip
    payload = {"member_id": member.id, "memberships": spans}
    return Fact("member.moved.v1", f"member:{member.id}", at, payload)


def target_set(
    plan: Plan, metric: Metric, owner: Owner, cells: Sequence[Target], at: datetime
) -> Fact:
    """All that the plan gives an owner, the totals too; no cells take back what it gave."""
    payload = {
        "plan_id": plan.id, "plan_version": plan.version,
        "owner": {"kind": owner.kind, "id": owner.id}, "metric": metric.code,
        "unit": metric.unit, "direction": metric.direction, "currency": plan.currency,
        "cells": [
            {
                "id": cell.id, "period": cell.period.code,
                "first_on": cell.period.first.isoformat(), "last_on": cell.period.last.isoformat(),
                "floor": cell.amounts.floor, "target": cell.amounts.target,
                "stretch": cell.amounts.stretch,
            }
            for cell in cells
        ],
    }  # fmt: skip
    return Fact(TARGET_SET, f"target:{owner.id}:{metric.code}", at, payload)


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
