"""What every table with tenants gets: forced row-level security, grants, and (on Citus) shards."""

from alembic import context, op
from sqlalchemy import text


def app_role() -> str:
    """The role that the service runs under, given by `headwater migrate`."""
    return str(
        context.config.attributes.get("app_role")
        or f"headwater_{context.config.config_ini_section}_app"
    )


def protect(table: str, *, may: str = "SELECT, INSERT, UPDATE, DELETE") -> None:
    """Rows of the set tenant only, for everybody, the owner too; the app role may do `may`."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    rule = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
    op.execute(f"CREATE POLICY tenant ON {table} USING ({rule}) WITH CHECK ({rule})")
    grant(table, may=may)
    distribute(table)


def grant(table: str, *, may: str) -> None:
    op.execute(f'GRANT {may} ON {table} TO "{app_role()}"')


def distribute(table: str, *, reference: bool = False) -> None:
    """Shard by tenant (or copy everywhere) where Citus is installed; else do nothing."""
    has_citus = text("SELECT 1 FROM pg_extension WHERE extname = 'citus'")
    if op.get_bind().execute(has_citus).scalar() is None:
        return
    if reference:
        op.execute(f"SELECT create_reference_table('{table}')")
    else:
        op.execute(f"SELECT create_distributed_table('{table}', 'tenant_id')")
