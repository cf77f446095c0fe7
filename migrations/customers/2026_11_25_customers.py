"""Customers, their tiers, planning classes and tasks, the records they follow from, and the outbox."""

from alembic import op

from migrations.tenancy import app_role, protect

revision = "2026_11_25_customers"
down_revision = "2026_11_23_tenant"

PROJECTED = {
    "projection_cursor": """
        projection VARCHAR NOT NULL,
        log_offset BIGINT NOT NULL,
        PRIMARY KEY (tenant_id, projection)""",
    "subject_version": """
        subject_id UUID NOT NULL,
        log_offset BIGINT NOT NULL,
        PRIMARY KEY (tenant_id, subject_id)""",
    "tenant_setting": """
        effective_on DATE NOT NULL,
        zone VARCHAR NOT NULL,
        currency VARCHAR NOT NULL,
        fiscal_start_month SMALLINT NOT NULL,
        week_rule VARCHAR NOT NULL,
        PRIMARY KEY (tenant_id, effective_on)""",
    "day": """
        started_on DATE NOT NULL,
        PRIMARY KEY (tenant_id)""",
    "first_day": """
        started_on DATE NOT NULL,
        PRIMARY KEY (tenant_id)""",
    "org_head": """
        log_offset BIGINT NOT NULL,
        PRIMARY KEY (tenant_id)""",
    "org_unit": """
        unit_id UUID NOT NULL,
        external_id VARCHAR,
        manager_id UUID,
        placements JSONB NOT NULL,
        log_offset BIGINT NOT NULL,
        PRIMARY KEY (tenant_id, unit_id)""",
    "org_member": """
        member_id UUID NOT NULL,
        external_id VARCHAR,
        joined_on DATE,
        left_on DATE,
        log_offset BIGINT NOT NULL,
        PRIMARY KEY (tenant_id, member_id)""",
    "org_membership": """
        member_id UUID NOT NULL,
        unit_id UUID NOT NULL,
        starts_on DATE NOT NULL,
        ends_on DATE,
        share_bp INTEGER NOT NULL,
        PRIMARY KEY (tenant_id, member_id, unit_id, starts_on)""",
    "record": """
        subject VARCHAR NOT NULL,
        own_account VARCHAR,
        deal VARCHAR,
        contract VARCHAR,
        account VARCHAR,
        standing JSONB NOT NULL,
        PRIMARY KEY (tenant_id, subject)""",
    "customer": """
        id UUID NOT NULL,
        account VARCHAR NOT NULL,
        name VARCHAR NOT NULL,
        industry VARCHAR,
        region VARCHAR,
        owner_id UUID,
        team UUID[] NOT NULL,
        tier VARCHAR,
        basis VARCHAR,
        value_minor BIGINT NOT NULL,
        revenue_minor BIGINT NOT NULL,
        collected_minor BIGINT NOT NULL,
        currency VARCHAR,
        customer_since DATE,
        planning_class VARCHAR,
        class_period VARCHAR,
        next_change_on DATE,
        digest BYTEA NOT NULL,
        PRIMARY KEY (tenant_id, id)""",
    "tier_change": """
        customer_id UUID NOT NULL,
        effective_on DATE NOT NULL,
        tier VARCHAR,
        from_tier VARCHAR,
        basis VARCHAR NOT NULL,
        value_minor BIGINT NOT NULL,
        policy_version INTEGER NOT NULL,
        causes JSONB NOT NULL,
        PRIMARY KEY (tenant_id, customer_id, effective_on)""",
    "class_fix": """
        customer_id UUID NOT NULL,
        effective_on DATE NOT NULL,
        period VARCHAR NOT NULL,
        planning_class VARCHAR NOT NULL,
        PRIMARY KEY (tenant_id, customer_id, effective_on)""",
    "task": """
        id UUID NOT NULL,
        customer_id UUID NOT NULL,
        kind VARCHAR NOT NULL,
        subject VARCHAR NOT NULL,
        owner_id UUID,
        due_on DATE NOT NULL,
        PRIMARY KEY (tenant_id, id)""",
    "task_assignee": """
        member_id UUID NOT NULL,
        due_on DATE NOT NULL,
        task_id UUID NOT NULL,
        PRIMARY KEY (tenant_id, member_id, due_on, task_id)""",
    "task_completion": """
        task_id UUID NOT NULL,
        kind VARCHAR NOT NULL,
        account VARCHAR NOT NULL,
        subject VARCHAR NOT NULL,
        owner_id UUID,
        due_on DATE NOT NULL,
        completed_on DATE NOT NULL,
        completed_by UUID,
        told BOOLEAN NOT NULL,
        PRIMARY KEY (tenant_id, task_id)""",
    "tier_policy": """
        version INTEGER NOT NULL,
        effective_on DATE NOT NULL,
        basis VARCHAR NOT NULL,
        currency VARCHAR NOT NULL,
        strategic_above_minor BIGINT NOT NULL,
        basic_below_minor BIGINT NOT NULL,
        planning_period VARCHAR NOT NULL,
        key_accounts VARCHAR[] NOT NULL,
        told BOOLEAN NOT NULL,
        PRIMARY KEY (tenant_id, version)""",
}
"""Rebuilt by doctor and replay in the schema `beside`."""
INDEXES = (
    "INDEX subject_version_offset ON subject_version (tenant_id, log_offset)",
    "INDEX org_member_external_id ON org_member (tenant_id, external_id)",
    "INDEX org_membership_unit ON org_membership (tenant_id, unit_id)",
    "INDEX record_account ON record (tenant_id, account)",
    "INDEX record_deal ON record (tenant_id, deal)",
    "INDEX record_contract ON record (tenant_id, contract)",
    "UNIQUE INDEX customer_account ON customer (tenant_id, account)",
    "INDEX customer_name ON customer (tenant_id, name, id)",
    "INDEX customer_next_change ON customer (tenant_id, next_change_on)",
    "INDEX customer_owner ON customer (tenant_id, owner_id, tier)",
    "INDEX task_customer ON task (tenant_id, customer_id)",
    "INDEX task_assignee_task ON task_assignee (tenant_id, task_id)",
    "INDEX task_completion_account ON task_completion (tenant_id, account)",
    "INDEX task_completion_member ON task_completion (tenant_id, owner_id, completed_on, task_id)",
)
KEPT = {
    "policy_head": (
        "SELECT, INSERT, UPDATE",
        """
        last_version INTEGER NOT NULL,
        PRIMARY KEY (tenant_id)""",
    ),
    "statement": (
        "SELECT, INSERT, UPDATE",
        """
        customer_id UUID NOT NULL,
        kind VARCHAR NOT NULL,
        effective_on DATE NOT NULL,
        value VARCHAR,
        PRIMARY KEY (tenant_id, customer_id, kind, effective_on)""",
    ),
    "outbox_head": (
        "SELECT, INSERT, UPDATE",
        """
        last_number BIGINT NOT NULL,
        PRIMARY KEY (tenant_id)""",
    ),
    "outbox": (
        "SELECT, INSERT, DELETE",
        """
        number BIGINT NOT NULL,
        id UUID NOT NULL,
        type VARCHAR NOT NULL,
        subject VARCHAR NOT NULL,
        occurred_at timestamptz NOT NULL,
        payload JSONB NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, number)""",
    ),
    "idempotency": (
        "SELECT, INSERT, UPDATE, DELETE",
        """
        key VARCHAR NOT NULL,
        body_hash BYTEA NOT NULL,
        status INTEGER,
        answer BYTEA,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, key)""",
    ),
}
"""What no rebuild touches, with what the app role may do."""


def upgrade() -> None:
    for table, columns in PROJECTED.items():
        op.execute(f"CREATE TABLE {table} (tenant_id UUID NOT NULL,{columns})")
    for index in INDEXES:
        op.execute(f"CREATE {index}")
    for table, (may, columns) in KEPT.items():
        op.execute(f"CREATE TABLE {table} (tenant_id UUID NOT NULL,{columns})")
        protect(table, may=may)
    op.execute("CREATE SCHEMA beside")
    op.execute(f'GRANT USAGE ON SCHEMA beside TO "{app_role()}"')
    for table in PROJECTED:
        protect(table)
        op.execute(f"CREATE TABLE beside.{table} (LIKE public.{table} INCLUDING ALL)")
        protect(f"beside.{table}")


def downgrade() -> None:
    op.execute("DROP SCHEMA beside CASCADE")
    for table in (*KEPT, *PROJECTED):
        op.execute(f"DROP TABLE {table}")
