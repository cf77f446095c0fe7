"""Plans and their targets, what the log says of metrics, and how far it was read."""

from alembic import op

from migrations.tenancy import protect

revision = "2026_11_25_plans"
down_revision = "2026_11_23_organisation"

# table: (what the app role may do, its definition, its indexes)
TABLES = {
    "metric": (
        "SELECT, INSERT, UPDATE",
        """
        CREATE TABLE metric (
            tenant_id UUID NOT NULL,
            code VARCHAR NOT NULL,
            name_en VARCHAR NOT NULL,
            name_zh VARCHAR NOT NULL,
            unit VARCHAR NOT NULL,
            kind VARCHAR NOT NULL,
            direction VARCHAR NOT NULL,
            is_rate BOOLEAN NOT NULL,
            log_offset BIGINT NOT NULL,
            PRIMARY KEY (tenant_id, code)
        )
        """,
    ),
    "plan": (
        "SELECT, INSERT, UPDATE",
        """
        CREATE TABLE plan (
            tenant_id UUID NOT NULL,
            id UUID NOT NULL,
            name VARCHAR NOT NULL,
            version INTEGER NOT NULL,
            state VARCHAR NOT NULL,
            metric VARCHAR NOT NULL,
            currency VARCHAR,
            period VARCHAR NOT NULL,
            fiscal_start_month SMALLINT NOT NULL,
            week_rule VARCHAR NOT NULL,
            root_id UUID NOT NULL,
            predecessor_id UUID,
            consensus_threshold_bp INTEGER NOT NULL,
            log_offset BIGINT,
            unheard INTEGER NOT NULL,
            PRIMARY KEY (tenant_id, id)
        )
        """,
        "CREATE INDEX plan_state ON plan (tenant_id, state)",
    ),
    "plan_step": (
        "SELECT, INSERT",
        """
        CREATE TABLE plan_step (
            tenant_id UUID NOT NULL,
            plan_id UUID NOT NULL,
            state VARCHAR NOT NULL,
            at timestamptz NOT NULL,
            by VARCHAR NOT NULL,
            reason VARCHAR,
            PRIMARY KEY (tenant_id, plan_id, state),
            FOREIGN KEY (tenant_id, plan_id) REFERENCES plan (tenant_id, id)
        )
        """,
    ),
    "target": (
        "SELECT, INSERT, UPDATE, DELETE",
        """
        CREATE TABLE target (
            tenant_id UUID NOT NULL,
            id UUID NOT NULL,
            plan_id UUID NOT NULL,
            parent_id UUID,
            above_id UUID,
            owner_kind VARCHAR NOT NULL,
            owner_id UUID NOT NULL,
            period VARCHAR NOT NULL,
            first_on DATE NOT NULL,
            last_on DATE NOT NULL,
            position INTEGER NOT NULL,
            floor BIGINT,
            target BIGINT NOT NULL,
            stretch BIGINT,
            allocated BIGINT,
            weight VARCHAR,
            split JSONB,
            total VARCHAR,
            PRIMARY KEY (tenant_id, id),
            FOREIGN KEY (tenant_id, plan_id) REFERENCES plan (tenant_id, id)
        )
        """,
        "CREATE UNIQUE INDEX target_cell ON target (tenant_id, plan_id, owner_id, period)",
        "CREATE INDEX target_parent ON target (tenant_id, parent_id)",
        "CREATE INDEX target_above ON target (tenant_id, plan_id, above_id)",
        "CREATE INDEX target_owner ON target (tenant_id, owner_id, first_on)",
    ),
    "acknowledgement": (
        "SELECT, INSERT",
        """
        CREATE TABLE acknowledgement (
            tenant_id UUID NOT NULL,
            plan_id UUID NOT NULL,
            owner_id UUID NOT NULL,
            member_id UUID NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (tenant_id, plan_id, owner_id),
            FOREIGN KEY (tenant_id, plan_id) REFERENCES plan (tenant_id, id)
        )
        """,
    ),
    "projection_cursor": (
        "SELECT, INSERT, UPDATE",
        """
        CREATE TABLE projection_cursor (
            tenant_id UUID NOT NULL,
            projection VARCHAR NOT NULL,
            log_offset BIGINT NOT NULL,
            PRIMARY KEY (tenant_id, projection)
        )
        """,
    ),
    "subject_version": (
        "SELECT, INSERT, UPDATE",
        """
        CREATE TABLE subject_version (
            tenant_id UUID NOT NULL,
            subject_id UUID NOT NULL,
            log_offset BIGINT NOT NULL,
            PRIMARY KEY (tenant_id, subject_id)
        )
        """,
        "CREATE INDEX subject_version_offset ON subject_version (tenant_id, log_offset)",
    ),
}


def upgrade() -> None:
    for table, (may, *statements) in TABLES.items():
        for statement in statements:
            op.execute(statement)
        protect(table, may=may)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
