"""Every query of incentives."""

import asyncpg

from services.kit.db import Connection
from services.kit.errors import Unavailable


async def refuse_unmigrated(connection: Connection) -> None:
    """Without its tables the service is not ready."""
    try:
        await connection.fetchval("SELECT 1 FROM tenant LIMIT 1")
    except asyncpg.UndefinedTableError:
        raise Unavailable(
            "the database of incentives has no tables: run headwater migrate"
        ) from None
