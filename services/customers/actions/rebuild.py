"""Doctor and replay of customers (services.kit.beside says how): from the log, read by the feed.

What the log was told by customers, and what it was not told yet, is no part of it: a rebuild sends
no fact.
"""

from services.customers.actions.project import TYPES, project
from services.customers.store import COMPARED, PROJECTION, TABLES, tenants
from services.kit import projection
from services.kit.beside import Beside, Progress
from services.kit.db import Connection
from services.kit.feed import Feed
from services.kit.standing import Entry


def customers(feed: Feed) -> Beside:
    """The projection with the log that it is rebuilt from."""

    async def rebuild(
        connection: Connection, tenant_id: str, until: int, progress: Progress
    ) -> None:
        short_name = await tenants.short_name(connection, tenant_id)
        assert short_name is not None, "a tenant that is followed has a name"
        await projection.lock_cursor(connection, tenant_id, PROJECTION)
        after = 0
        while after < until:
            page = await feed.page(short_name, tenant_id, after, TYPES)
            entries: list[Entry] = [entry for entry in page.entries if entry.offset <= until]
            after = min(page.next_after, until)
            if entries:
                await project(connection, tenant_id, entries, after, telling=False)
            await projection.set_cursor(connection, tenant_id, PROJECTION, after)
            progress(after, until)

    return Beside(PROJECTION, TABLES, COMPARED, rebuild)
