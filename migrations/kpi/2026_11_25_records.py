"""Whose each contract, collection, refund and activity is, and what that leans on."""

from alembic import op

from migrations.tenancy import protect

revision = "2026_11_25_records"
down_revision = "2026_11_25_metrics"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE record (tenant_id UUID NOT NULL, subject VARCHAR NOT NULL, "
        "owners UUID[] NOT NULL, leans_on VARCHAR[] NOT NULL, log_offset BIGINT NOT NULL, "
        "PRIMARY KEY (tenant_id, subject))"
    )
    op.execute("CREATE INDEX record_owners ON record USING gin (owners)")
    op.execute("CREATE INDEX record_leans_on ON record USING gin (leans_on)")
    protect("record")
    op.execute("CREATE TABLE beside.record (LIKE public.record INCLUDING ALL)")
    protect("beside.record")


def downgrade() -> None:
    op.execute("DROP TABLE beside.record")
    op.execute("DROP TABLE record")
