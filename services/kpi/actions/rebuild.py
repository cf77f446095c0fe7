"""Doctor and replay of the funnel (services.kit.beside says how)."""

from services.kit.beside import Beside, Progress
from services.kit.db import Connection
from services.kpi.actions.project import advance
from services.kpi.store import funnel


async def _rebuild(connection: Connection, tenant_id: str, until: int, progress: Progress) -> None:
    world = None
    while (moved := await advance(connection, tenant_id, world, until=until)) is not None:
        reached, world = moved
        progress(reached, until)


FUNNEL = Beside(funnel.PROJECTION, funnel.TABLES, funnel.COMPARED, _rebuild)
