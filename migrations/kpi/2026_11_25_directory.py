"""The offset of the last fact about the organisation: what is held of it in memory follows it."""

from alembic import op

from migrations.tenancy import protect

revision = "2026_11_25_directory"
down_revision = "2026_11_23_log"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE org_head (
            tenant_id UUID NOT NULL,
            log_offset BIGINT NOT NULL,
            PRIMARY KEY (tenant_id)
        )
        """
    )
    protect("org_head")
    # Facts that are there already: any offset will do, as long as the next one is larger.
    op.execute("ALTER TABLE org_head NO FORCE ROW LEVEL SECURITY")
    op.execute("INSERT INTO org_head SELECT tenant_id, log_offset FROM log_head")
    op.execute("ALTER TABLE org_head FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.execute("DROP TABLE org_head")
