"""Which tenants there are; nothing else is stored yet."""

from alembic import op

from migrations.tenancy import distribute, grant

revision = "2026_11_23_tenant"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE tenant (
            id UUID NOT NULL,
            short_name VARCHAR NOT NULL,
            PRIMARY KEY (id),
            UNIQUE (short_name)
        )
        """
    )
    distribute("tenant", reference=True)
    grant("tenant", may="SELECT, INSERT")


def downgrade() -> None:
    op.execute("DROP TABLE tenant")
