"""Alerts; and a projection that counts what closed from which stage, and after how many days."""

from alembic import op

from migrations.tenancy import protect

revision = "2026_11_25_signals"
down_revision = "2026_11_25_records"

TABLE = """
CREATE TABLE alert (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    target_id UUID NOT NULL,
    scope UUID NOT NULL,
    metric VARCHAR NOT NULL,
    period VARCHAR NOT NULL,
    unit VARCHAR NOT NULL,
    currency VARCHAR,
    comparison VARCHAR NOT NULL,
    light VARCHAR NOT NULL,
    actual BIGINT NOT NULL,
    standard BIGINT NOT NULL,
    attained BIGINT NOT NULL,
    measured_on DATE NOT NULL,
    status VARCHAR NOT NULL,
    opened_at timestamptz NOT NULL,
    opened_on DATE NOT NULL,
    log_offset BIGINT NOT NULL,
    acknowledged_light VARCHAR,
    acknowledged_at timestamptz,
    acknowledged_by VARCHAR,
    resolved_at timestamptz,
    resolution VARCHAR,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX alert_scope ON alert (tenant_id, scope, opened_at, id);
CREATE UNIQUE INDEX alert_target ON alert (tenant_id, target_id);
"""
PROJECTED = (
    "projection_cursor", "deal", "record", "funnel_posting", "funnel_rollup", "target_cell",
    "reached_day", "subject_version",
)  # fmt: skip


def upgrade() -> None:
    for statement in filter(str.strip, TABLE.split(";\n")):
        op.execute(statement)
    protect("alert")
    op.execute("CREATE TABLE beside.alert (LIKE public.alert INCLUDING ALL)")
    protect("beside.alert")
    # Old postings lack what this release counts. Nothing is lost: the projector makes all of it
    # again from the log, as soon as it runs.
    op.execute(f"TRUNCATE {', '.join(PROJECTED)}")


def downgrade() -> None:
    op.execute("DROP TABLE beside.alert")
    op.execute("DROP TABLE alert")
