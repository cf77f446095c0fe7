"""Doctor and replay of pay (services.kit.beside says how).

Plans, approvals and closings are decisions, not derived: a rebuild reads them as they are. The log
is read from kpi page by page.
"""

from services.incentives.actions.project import TYPES, take
from services.incentives.store import tenants
from services.incentives.store.tenants import PROJECTION
from services.kit import projection
from services.kit.beside import Beside, Progress
from services.kit.db import Connection
from services.kit.feed import Feed

TABLES = (
    "projection_cursor", "subject_version", "pay_subject", "credit", "statement", "tenant_setting",
    "day", "org_head", "org_unit", "org_member", "org_membership",
)  # fmt: skip
# Versions tell when something changed, which depends on how the log was cut into pages.
COMPARED = {table: ("*", "") for table in TABLES if table != "subject_version"}


def pay(feed: Feed) -> Beside:
    """The projection's tables, filled from what `feed` serves."""

    async def rebuild(
        connection: Connection, tenant_id: str, until: int, progress: Progress
    ) -> None:
        name = await tenants.short_name(connection, tenant_id)
        after = await tenants.hold_cursor(connection, tenant_id)
        while after < until:
            page = await feed.page(name, tenant_id, after, TYPES)
            # The log may have grown beyond what is to be compared with.
            entries = [entry for entry in page.entries if entry.offset <= until]
            after = min(page.next_after, until)
            if entries:
                await take(connection, tenant_id, entries, after)
            await projection.set_cursor(connection, tenant_id, PROJECTION, after)
            progress(after, until)

    return Beside(PROJECTION, TABLES, COMPARED, rebuild)
