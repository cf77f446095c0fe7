"""The metric catalogue, and the targets that figures are compared with."""

from alembic import op

from migrations.tenancy import protect

revision = "2026_11_25_metrics"
down_revision = "2026_11_25_directory"

TABLES = """
CREATE TABLE metric (
    tenant_id UUID NOT NULL,
    code VARCHAR NOT NULL,
    declaration JSONB NOT NULL,
    number INTEGER NOT NULL,
    log_offset BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, code)
);
CREATE TABLE target_cell (
    tenant_id UUID NOT NULL,
    scope UUID NOT NULL,
    metric VARCHAR NOT NULL,
    plan_id UUID NOT NULL,
    period VARCHAR NOT NULL,
    id UUID NOT NULL,
    first_on DATE NOT NULL,
    last_on DATE NOT NULL,
    finest BOOLEAN NOT NULL,
    above_first_on DATE,
    above_last_on DATE,
    floor BIGINT,
    target BIGINT NOT NULL,
    stretch BIGINT,
    unit VARCHAR NOT NULL,
    direction VARCHAR NOT NULL,
    currency VARCHAR,
    log_offset BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, scope, metric, plan_id, period)
);
CREATE TABLE reached_day (
    tenant_id UUID NOT NULL,
    started_on DATE NOT NULL,
    PRIMARY KEY (tenant_id)
);
"""
PROJECTED = ("target_cell", "reached_day")
"""Rebuilt by doctor and replay in the schema `beside`."""


def upgrade() -> None:
    for statement in filter(str.strip, TABLES.split(";\n")):
        op.execute(statement)
    protect("metric")
    for table in PROJECTED:
        protect(table)
        op.execute(f"CREATE TABLE beside.{table} (LIKE public.{table} INCLUDING ALL)")
        protect(f"beside.{table}")


def downgrade() -> None:
    for table in PROJECTED:
        op.execute(f"DROP TABLE beside.{table}")
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP TABLE metric")
