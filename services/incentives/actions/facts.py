"""What incentives tells the log. Totals and hashes; what somebody earned by line stays here."""

from datetime import date, datetime

from services.incentives.actions.project import (
    PLAN_ACTIVATED,
    STATEMENT_APPROVED,
    STATEMENT_CLOSED,
)
from services.incentives.store.plans import PlanRecord
from services.incentives.store.statements import StatementRecord
from services.kit.outbox import Fact


def plan_activated(plan: PlanRecord, effective_on: date, at: datetime) -> Fact:
    payload = {
        "plan_id": plan.id, "version": plan.version, "effective_on": effective_on.isoformat(),
    }  # fmt: skip
    return Fact(PLAN_ACTIVATED, f"compensation_plan:{plan.id}", at, payload)


def statement_approved(statement: StatementRecord, at: datetime) -> Fact:
    payload = {
        "statement_id": statement.id, "member_id": statement.member_id,
        "period": statement.period, "hash": statement.hash,
    }  # fmt: skip
    return Fact(STATEMENT_APPROVED, f"statement:{statement.id}", at, payload)


def statement_closed(statement: StatementRecord, at: datetime) -> Fact:
    payload = {
        "statement_id": statement.id, "member_id": statement.member_id,
        "period": statement.period, "currency": statement.currency,
        "total_minor": statement.total_minor, "hash": statement.hash,
    }  # fmt: skip
    return Fact(STATEMENT_CLOSED, f"statement:{statement.id}", at, payload)
