"""Use cases of customers, one function and one transaction each."""

from services.customers import store
from services.kit.db import Database


async def check_ready(database: Database) -> None:
    """Raises a Refusal while the service cannot do its work."""
    async with database.read(None) as connection:
        await store.refuse_unmigrated(connection)
