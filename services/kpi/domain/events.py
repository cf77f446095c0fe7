"""The types of the log and who may append them (architecture.md, "The log")."""

from services.kpi.domain import records, transitions
from services.kpi.domain.observation import RECORDS, Record

RETRACTED = "observation.retracted.v1"
DAY_STARTED = "day.started.v1"
PIPELINE_CONFIGURED = "pipeline.configured.v1"
TENANT_CONFIGURED = "tenant.configured.v1"
UNIT_PLACED = "unit.placed.v1"
MEMBER_JOINED = "member.joined.v1"
MEMBER_MOVED = "member.moved.v1"
METRIC_DECLARED = "metric.declared.v1"
METRIC_CLOSED = "metric.closed.v1"
TARGET_SET = "target.set.v1"
PLAN_ACTIVATED = "compensation_plan.activated.v1"
STATEMENT_APPROVED = "statement.approved.v1"
STATEMENT_CLOSED = "statement.closed.v1"
TIER_CHANGED = "tier.changed.v1"
CLASS_FIXED = "class.fixed.v1"
TIER_POLICY_SET = "tier_policy.set.v1"
TASK_COMPLETED = "task.completed.v1"
ALERT_ACKNOWLEDGED = "alert.acknowledged.v1"

OBSERVED: dict[Record, str] = {record: f"{record}.observed.v1" for record in RECORDS}
"""What a sender may say, by kind of record."""
OBSERVATIONS = (*OBSERVED.values(), RETRACTED)
CONCLUSIONS = (*transitions.DEAL_CONCLUSIONS, *records.CONCLUSIONS, transitions.SUPERSEDED)
FACTS_OF: dict[str, tuple[str, ...]] = {
    "kpi": (
        DAY_STARTED, PIPELINE_CONFIGURED, METRIC_DECLARED, METRIC_CLOSED, ALERT_ACKNOWLEDGED,
    ),
    "targets": (TENANT_CONFIGURED, UNIT_PLACED, MEMBER_JOINED, MEMBER_MOVED, TARGET_SET),
    "customers": (TIER_CHANGED, CLASS_FIXED, TIER_POLICY_SET, TASK_COMPLETED),
    "incentives": (PLAN_ACTIVATED, STATEMENT_APPROVED, STATEMENT_CLOSED),
}  # fmt: skip
"""Which facts each service may append; nobody else may append any."""


def may_append(service: str, type_: str) -> bool:
    return type_ in FACTS_OF.get(service, ())
