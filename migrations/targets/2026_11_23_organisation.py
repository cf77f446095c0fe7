"""Tenants, their organisation and people, and the outbox that tells kpi of them.

Each table is protected before the next one refers to it: a distributed database takes foreign
keys between distributed tables only.
"""

from alembic import op

from migrations.tenancy import distribute, grant, protect

revision = "2026_11_23_organisation"
down_revision = None

TENANT = """
CREATE TABLE tenant (
    id UUID NOT NULL,
    short_name VARCHAR NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (short_name)
)
"""
# table: (what the app role may do, its definition, its indexes)
TABLES = {
    "tenant_setting": (
        "SELECT, INSERT, UPDATE",
        """
        CREATE TABLE tenant_setting (
            tenant_id UUID NOT NULL,
            effective_on DATE NOT NULL,
            zone VARCHAR NOT NULL,
            currency VARCHAR NOT NULL,
            fiscal_start_month SMALLINT NOT NULL,
            week_rule VARCHAR NOT NULL,
            PRIMARY KEY (tenant_id, effective_on)
        )
        """,
    ),
    "organisation_head": (
        "SELECT, INSERT, UPDATE",
        """
        CREATE TABLE organisation_head (
            tenant_id UUID NOT NULL,
            units_version BIGINT NOT NULL,
            members_version BIGINT NOT NULL,
            PRIMARY KEY (tenant_id)
        )
        """,
    ),
    "unit": (
        "SELECT, INSERT, UPDATE",
        """
        CREATE TABLE unit (
            tenant_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id VARCHAR NOT NULL,
            name VARCHAR NOT NULL,
            kind VARCHAR,
            PRIMARY KEY (tenant_id, id)
        )
        """,
        "CREATE UNIQUE INDEX unit_external_id ON unit (tenant_id, external_id)",
    ),
    "member": (
        "SELECT, INSERT, UPDATE",
        """
        CREATE TABLE member (
            tenant_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id VARCHAR NOT NULL,
            bare_id VARCHAR NOT NULL,
            name VARCHAR NOT NULL,
            joined_on DATE NOT NULL,
            left_on DATE,
            PRIMARY KEY (tenant_id, id)
        )
        """,
        "CREATE UNIQUE INDEX member_external_id ON member (tenant_id, external_id)",
        "CREATE INDEX member_bare_id ON member (tenant_id, bare_id)",
        "CREATE INDEX member_name ON member (tenant_id, name, id)",
    ),
    "placement": (
        "SELECT, INSERT, DELETE",
        """
        CREATE TABLE placement (
            tenant_id UUID NOT NULL,
            unit_id UUID NOT NULL,
            starts_on DATE NOT NULL,
            ends_on DATE,
            parent_id UUID,
            manager_id UUID,
            PRIMARY KEY (tenant_id, unit_id, starts_on),
            FOREIGN KEY (tenant_id, unit_id) REFERENCES unit (tenant_id, id),
            FOREIGN KEY (tenant_id, parent_id) REFERENCES unit (tenant_id, id),
            FOREIGN KEY (tenant_id, manager_id) REFERENCES member (tenant_id, id)
        )
        """,
    ),
    "membership": (
        "SELECT, INSERT, DELETE",
        """
        CREATE TABLE membership (
            tenant_id UUID NOT NULL,
            member_id UUID NOT NULL,
            starts_on DATE NOT NULL,
            ends_on DATE,
            unit_id UUID NOT NULL,
            share_bp INTEGER NOT NULL,
            PRIMARY KEY (tenant_id, member_id, starts_on),
            FOREIGN KEY (tenant_id, member_id) REFERENCES member (tenant_id, id),
            FOREIGN KEY (tenant_id, unit_id) REFERENCES unit (tenant_id, id)
        )
        """,
        "CREATE INDEX membership_unit ON membership (tenant_id, unit_id, starts_on, member_id)",
    ),
    "outbox_head": (
        "SELECT, INSERT, UPDATE",
        """
        CREATE TABLE outbox_head (
            tenant_id UUID NOT NULL,
            last_number BIGINT NOT NULL,
            PRIMARY KEY (tenant_id)
        )
        """,
    ),
    "outbox": (
        "SELECT, INSERT, DELETE",
        """
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
        )
        """,
    ),
    "idempotency": (
        "SELECT, INSERT, UPDATE, DELETE",
        """
        CREATE TABLE idempotency (
            tenant_id UUID NOT NULL,
            key VARCHAR NOT NULL,
            body_hash BYTEA NOT NULL,
            status INTEGER,
            answer BYTEA,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (tenant_id, key)
        )
        """,
    ),
}


def upgrade() -> None:
    op.execute(TENANT)
    distribute("tenant", reference=True)
    grant("tenant", may="SELECT, INSERT")
    for table, (may, *statements) in TABLES.items():
        for statement in statements:
            op.execute(statement)
        protect(table, may=may)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP TABLE tenant")
