"""What customers learns from the log."""

from collections.abc import Callable, Sequence

import httpx

from services.customers.actions.project import TYPES, project
from services.customers.store import PROJECTION
from services.kit.auth import Signer
from services.kit.consumer import Consumer
from services.kit.db import Connection, Database
from services.kit.feed import Feed
from services.kit.standing import Entry


def consumer(
    database: Database, kpi: httpx.AsyncClient, signer: Signer, *, moved: Callable[[str, int], None]
) -> Consumer:
    """Follows kpi's log; `moved` is called after each commit, when facts may wait."""

    async def take(
        connection: Connection, tenant_id: str, entries: Sequence[Entry], offset: int
    ) -> None:
        await project(connection, tenant_id, entries, offset, telling=True)

    feed = Feed(service="customers", kpi=kpi, signer=signer)
    return Consumer(
        projection=PROJECTION, database=database, feed=feed, take=take, types=TYPES, moved=moved
    )
