"""Compensation plans, credits, statements, and what is learnt of the organisation for them.

`beside` holds a second set of what follows from the log, for doctor and replay.
"""

from alembic import op

from migrations.tenancy import app_role, protect

revision = "2026_11_25_pay"
down_revision = "2026_11_23_tenant"

TABLES = """
CREATE TABLE compensation_plan (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    name VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    document JSONB NOT NULL,
    state VARCHAR NOT NULL,
    effective_on DATE,
    ends_on DATE,
    rank INTEGER,
    drafted_by VARCHAR NOT NULL,
    activated_by VARCHAR,
    created_at timestamptz NOT NULL,
    activated_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX compensation_plan_name ON compensation_plan (tenant_id, name, version);
CREATE TABLE statement_approval (
    tenant_id UUID NOT NULL,
    statement_id UUID NOT NULL,
    hash VARCHAR NOT NULL,
    approved_by VARCHAR NOT NULL,
    approver_id UUID,
    approved_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, statement_id)
);
CREATE TABLE statement_closing (
    tenant_id UUID NOT NULL,
    statement_id UUID NOT NULL,
    member_id UUID NOT NULL,
    period VARCHAR NOT NULL,
    first_on DATE NOT NULL,
    last_on DATE NOT NULL,
    plan_id UUID NOT NULL,
    lines JSONB NOT NULL,
    counted JSONB NOT NULL,
    credited_minor BIGINT NOT NULL,
    total_minor BIGINT NOT NULL,
    hash VARCHAR NOT NULL,
    closed_by VARCHAR NOT NULL,
    closed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, statement_id)
);
CREATE INDEX statement_closing_member ON statement_closing (tenant_id, member_id, first_on);
CREATE TABLE pay_subject (
    tenant_id UUID NOT NULL,
    subject VARCHAR NOT NULL,
    deal VARCHAR,
    contract VARCHAR,
    standing JSONB NOT NULL,
    PRIMARY KEY (tenant_id, subject)
);
CREATE INDEX pay_subject_contract ON pay_subject (tenant_id, contract) WHERE contract IS NOT NULL;
CREATE INDEX pay_subject_deal ON pay_subject (tenant_id, deal) WHERE deal IS NOT NULL;
CREATE TABLE credit (
    tenant_id UUID NOT NULL,
    deal VARCHAR NOT NULL,
    event_id UUID NOT NULL,
    member_id UUID NOT NULL,
    currency VARCHAR NOT NULL,
    won_on DATE NOT NULL,
    credited_on DATE NOT NULL,
    kind VARCHAR NOT NULL,
    amount_minor BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, deal, event_id, member_id, currency, won_on)
);
CREATE INDEX credit_day ON credit (tenant_id, credited_on, deal, event_id);
CREATE INDEX credit_member ON credit (tenant_id, member_id, credited_on, deal, event_id);
CREATE TABLE statement (
    tenant_id UUID NOT NULL,
    member_id UUID NOT NULL,
    first_on DATE NOT NULL,
    last_on DATE NOT NULL,
    id UUID NOT NULL,
    period VARCHAR NOT NULL,
    plan_id UUID NOT NULL,
    currency VARCHAR NOT NULL,
    total_minor BIGINT NOT NULL,
    credited_minor BIGINT NOT NULL,
    hash VARCHAR NOT NULL,
    lines JSONB NOT NULL,
    counted JSONB NOT NULL,
    PRIMARY KEY (tenant_id, member_id, first_on)
);
CREATE UNIQUE INDEX statement_id ON statement (tenant_id, id);
CREATE INDEX statement_period ON statement (tenant_id, first_on, member_id);
CREATE TABLE tenant_setting (
    tenant_id UUID NOT NULL,
    effective_on DATE NOT NULL,
    zone VARCHAR NOT NULL,
    currency VARCHAR NOT NULL,
    fiscal_start_month SMALLINT NOT NULL,
    week_rule VARCHAR NOT NULL,
    PRIMARY KEY (tenant_id, effective_on)
);
CREATE TABLE day (
    tenant_id UUID NOT NULL,
    started_on DATE NOT NULL,
    PRIMARY KEY (tenant_id)
);
CREATE TABLE org_head (
    tenant_id UUID NOT NULL,
    log_offset BIGINT NOT NULL,
    PRIMARY KEY (tenant_id)
);
CREATE TABLE org_unit (
    tenant_id UUID NOT NULL,
    unit_id UUID NOT NULL,
    external_id VARCHAR,
    manager_id UUID,
    placements JSONB NOT NULL,
    log_offset BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, unit_id)
);
CREATE TABLE org_member (
    tenant_id UUID NOT NULL,
    member_id UUID NOT NULL,
    external_id VARCHAR,
    joined_on DATE,
    left_on DATE,
    log_offset BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, member_id)
);
CREATE INDEX org_member_external_id ON org_member (tenant_id, external_id);
CREATE TABLE org_membership (
    tenant_id UUID NOT NULL,
    member_id UUID NOT NULL,
    unit_id UUID NOT NULL,
    starts_on DATE NOT NULL,
    ends_on DATE,
    share_bp INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, member_id, unit_id, starts_on)
);
CREATE INDEX org_membership_unit ON org_membership (tenant_id, unit_id);
CREATE TABLE projection_cursor (
    tenant_id UUID NOT NULL,
    projection VARCHAR NOT NULL,
    log_offset BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, projection)
);
CREATE TABLE subject_version (
    tenant_id UUID NOT NULL,
    subject_id UUID NOT NULL,
    log_offset BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, subject_id)
);
CREATE INDEX subject_version_offset ON subject_version (tenant_id, log_offset);
CREATE TABLE outbox_head (
    tenant_id UUID NOT NULL,
    last_number BIGINT NOT NULL,
    PRIMARY KEY (tenant_id)
);
CREATE TABLE outbox (
    tenant_id UUID NOT NULL,
    number BIGINT NOT NULL,
    id UUID NOT NULL,
    type VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    occurred_at timestamptz NOT NULL,
    payload JSONB NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, number)
);
CREATE TABLE idempotency (
    tenant_id UUID NOT NULL,
    key VARCHAR NOT NULL,
    body_hash BYTEA NOT NULL,
    status INTEGER,
    answer BYTEA,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key)
);
"""

# A closed statement is changed by nobody.
APPEND_ONLY = ("statement_closing",)
NOT_DELETED = ("compensation_plan", "statement_approval", "outbox_head")
# Put and taken, never changed.
PASSING = ("outbox",)
WRITABLE = ("idempotency",)
PROJECTED = (
    "projection_cursor", "subject_version", "pay_subject", "credit", "statement", "tenant_setting",
    "day", "org_head", "org_unit", "org_member", "org_membership",
)  # fmt: skip
"""Rebuilt by doctor and replay in the schema `beside`."""


def upgrade() -> None:
    for statement in filter(str.strip, TABLES.split(";\n")):
        op.execute(statement)
    for table in APPEND_ONLY:
        protect(table, may="SELECT, INSERT")
    for table in NOT_DELETED:
        protect(table, may="SELECT, INSERT, UPDATE")
    for table in PASSING:
        protect(table, may="SELECT, INSERT, DELETE")
    for table in (*WRITABLE, *PROJECTED):
        protect(table)
    op.execute("CREATE SCHEMA beside")
    op.execute(f'GRANT USAGE ON SCHEMA beside TO "{app_role()}"')
    for table in PROJECTED:
        op.execute(f"CREATE TABLE beside.{table} (LIKE public.{table} INCLUDING ALL)")
        protect(f"beside.{table}")


def downgrade() -> None:
    op.execute("DROP SCHEMA beside CASCADE")
    for table in (*APPEND_ONLY, *NOT_DELETED, *PASSING, *WRITABLE, *PROJECTED):
        op.execute(f"DROP TABLE {table}")
