"""The log, the engine's state, connections, the organisation and the funnel."""

from alembic import op

from migrations.tenancy import app_role, distribute, grant, protect

revision = "2026_11_23_log"
down_revision = None

TABLES = """
CREATE TABLE connection (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    short_name VARCHAR NOT NULL,
    vendor VARCHAR NOT NULL,
    secrets BYTEA NOT NULL,
    mapping_version INTEGER,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX connection_short_name ON connection (tenant_id, short_name);
CREATE TABLE day (
    tenant_id UUID NOT NULL,
    started_on DATE NOT NULL,
    PRIMARY KEY (tenant_id)
);
CREATE TABLE deal (
    tenant_id UUID NOT NULL,
    subject VARCHAR NOT NULL,
    owners UUID[] NOT NULL,
    owner_history UUID[] NOT NULL,
    pipeline VARCHAR,
    stage VARCHAR,
    kind VARCHAR,
    amount_minor BIGINT,
    currency VARCHAR,
    product VARCHAR,
    channel VARCHAR,
    account VARCHAR,
    created_on DATE,
    closed_on DATE,
    undated BOOLEAN NOT NULL,
    incomplete BOOLEAN NOT NULL,
    deleted BOOLEAN NOT NULL,
    log_offset BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, subject)
);
CREATE INDEX deal_undated ON deal (tenant_id, subject) WHERE undated;
CREATE INDEX deal_owner_history ON deal USING gin (owner_history);
CREATE TABLE delivery (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    connection_id UUID NOT NULL,
    received_at timestamptz NOT NULL,
    content_type VARCHAR NOT NULL,
    message_id VARCHAR,
    body BYTEA NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX delivery_received ON delivery (tenant_id, connection_id, received_at);
CREATE TABLE entry (
    tenant_id UUID NOT NULL,
    log_offset BIGINT NOT NULL,
    id UUID NOT NULL,
    kind VARCHAR NOT NULL,
    type VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    effective_at timestamptz,
    recorded_at timestamptz NOT NULL,
    supersedes UUID[] DEFAULT '{}' NOT NULL,
    cause UUID,
    payload JSONB NOT NULL,
    PRIMARY KEY (tenant_id, log_offset)
);
CREATE UNIQUE INDEX entry_id ON entry (tenant_id, id);
CREATE INDEX entry_subject ON entry (tenant_id, subject, log_offset);
CREATE INDEX entry_fact ON entry (tenant_id, type, log_offset) WHERE kind = 'fact';
CREATE TABLE funnel_posting (
    tenant_id UUID NOT NULL,
    subject VARCHAR NOT NULL,
    log_offset BIGINT NOT NULL,
    number INTEGER NOT NULL,
    event_id UUID NOT NULL,
    scope UUID NOT NULL,
    measure VARCHAR NOT NULL,
    pipeline VARCHAR NOT NULL,
    stage VARCHAR NOT NULL,
    product VARCHAR NOT NULL,
    channel VARCHAR NOT NULL,
    currency VARCHAR NOT NULL,
    day DATE NOT NULL,
    effective_on DATE NOT NULL,
    days INTEGER NOT NULL,
    deals BIGINT NOT NULL,
    amount_minor BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, subject, log_offset, number)
);
CREATE INDEX funnel_posting_scope ON funnel_posting (tenant_id, scope, day);
CREATE TABLE funnel_rollup (
    tenant_id UUID NOT NULL,
    scope UUID NOT NULL,
    measure VARCHAR NOT NULL,
    pipeline VARCHAR NOT NULL,
    day DATE NOT NULL,
    stage VARCHAR NOT NULL,
    product VARCHAR NOT NULL,
    channel VARCHAR NOT NULL,
    currency VARCHAR NOT NULL,
    days INTEGER NOT NULL,
    deals BIGINT NOT NULL,
    amount_minor BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, scope, measure, pipeline, day, stage, product, channel, currency, days)
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
CREATE TABLE item (
    tenant_id UUID NOT NULL,
    connection_id UUID NOT NULL,
    item_key VARCHAR NOT NULL,
    body_hash BYTEA NOT NULL,
    delivery_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, connection_id, item_key)
);
CREATE TABLE log_head (
    tenant_id UUID NOT NULL,
    log_offset BIGINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (tenant_id)
);
CREATE TABLE mapping (
    tenant_id UUID NOT NULL,
    connection_id UUID NOT NULL,
    version INTEGER NOT NULL,
    document JSONB NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, connection_id, version)
);
CREATE TABLE operation (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    kind VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    progress SMALLINT DEFAULT 0 NOT NULL,
    result JSONB,
    error VARCHAR,
    asked_by VARCHAR NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
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
CREATE TABLE org_unit (
    tenant_id UUID NOT NULL,
    unit_id UUID NOT NULL,
    external_id VARCHAR,
    manager_id UUID,
    placements JSONB NOT NULL,
    log_offset BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, unit_id)
);
CREATE TABLE pipeline (
    tenant_id UUID NOT NULL,
    code VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    stages JSONB NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, code)
);
CREATE TABLE projection_cursor (
    tenant_id UUID NOT NULL,
    projection VARCHAR NOT NULL,
    log_offset BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, projection)
);
CREATE TABLE quarantine (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    connection_id UUID NOT NULL,
    delivery_id UUID NOT NULL,
    item_key VARCHAR NOT NULL,
    item VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    path VARCHAR,
    waits_for VARCHAR,
    state VARCHAR NOT NULL,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX quarantine_waits ON quarantine (tenant_id, waits_for) WHERE state = 'open';
CREATE INDEX quarantine_state ON quarantine (tenant_id, state, id);
CREATE TABLE subject (
    tenant_id UUID NOT NULL,
    subject VARCHAR NOT NULL,
    state JSONB NOT NULL,
    log_offset BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, subject)
);
CREATE TABLE subject_version (
    tenant_id UUID NOT NULL,
    subject_id UUID NOT NULL,
    log_offset BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, subject_id)
);
CREATE INDEX subject_version_offset ON subject_version (tenant_id, log_offset);
CREATE TABLE tenant (
    id UUID NOT NULL,
    short_name VARCHAR NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (short_name)
);
CREATE TABLE tenant_setting (
    tenant_id UUID NOT NULL,
    effective_on DATE NOT NULL,
    zone VARCHAR NOT NULL,
    currency VARCHAR NOT NULL,
    fiscal_start_month SMALLINT NOT NULL,
    week_rule VARCHAR NOT NULL,
    PRIMARY KEY (tenant_id, effective_on)
);
"""

# The log, raw deliveries and postings are append-only for the service itself.
APPEND_ONLY = ("entry", "funnel_posting", "mapping")
ERASABLE = ("delivery",)
WRITABLE = (
    "item", "quarantine", "subject", "connection", "pipeline", "tenant_setting", "day", "org_unit",
    "org_member", "org_membership", "projection_cursor", "deal", "funnel_rollup",
    "subject_version", "idempotency", "operation",
)  # fmt: skip
PROJECTED = ("projection_cursor", "deal", "funnel_posting", "funnel_rollup", "subject_version")
"""Rebuilt by doctor and replay in the schema `beside`."""


def upgrade() -> None:
    for statement in filter(str.strip, TABLES.split(";\n")):
        op.execute(statement)
    distribute("tenant", reference=True)
    grant("tenant", may="SELECT, INSERT")
    grant("log_head", may="SELECT, INSERT, UPDATE")
    distribute("log_head")
    for table in APPEND_ONLY:
        protect(table, may="SELECT, INSERT")
    for table in ERASABLE:
        protect(table, may="SELECT, INSERT, DELETE")
    for table in WRITABLE:
        protect(table)
    op.execute("CREATE SCHEMA beside")
    op.execute(f'GRANT USAGE ON SCHEMA beside TO "{app_role()}"')
    for table in PROJECTED:
        op.execute(f"CREATE TABLE beside.{table} (LIKE public.{table} INCLUDING ALL)")
        protect(f"beside.{table}")


def downgrade() -> None:
    op.execute("DROP SCHEMA beside CASCADE")
    for table in (*APPEND_ONLY, *ERASABLE, *WRITABLE, "log_head", "tenant"):
        op.execute(f"DROP TABLE {table}")
