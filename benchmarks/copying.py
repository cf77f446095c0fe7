"""The peer of P5, a program of its own so that it has the server's core: asyncpg COPY.

Reads {"url", "table", "tenant_id", "label", "arrays", "events"} from its input and prints how many
seconds it took to copy the arrays, each durable before the next.
"""

import asyncio
import sys
import time
from typing import Any

import asyncpg
import orjson

from benchmarks import company
from services.kit import ids

TABLE = """
CREATE TABLE IF NOT EXISTS benchmark_copied (
    tenant_id uuid NOT NULL, connection_id uuid NOT NULL, item_key text NOT NULL,
    body text NOT NULL, PRIMARY KEY (tenant_id, connection_id, item_key))
"""
_COLUMNS = ("tenant_id", "connection_id", "item_key", "body")


async def copy(asked: dict[str, Any]) -> float:
    connection = await asyncpg.connect(asked["url"])
    await connection.execute(TABLE)
    connection_id = ids.new()
    updates = company.updates(asked["label"], asked["deals"])
    arrays = []
    for array in range(asked["arrays"]):
        rows = []
        for number in range(asked["events"]):
            event = company.event(
                asked["label"], array * asked["events"] + number, next(updates)[1]
            )
            key = f"bench|{event['id']}"
            rows.append((asked["tenant_id"], connection_id, key, orjson.dumps(event).decode()))
        arrays.append(rows)
    started = time.perf_counter()
    for rows in arrays:
        await connection.copy_records_to_table("benchmark_copied", records=rows, columns=_COLUMNS)
    seconds = time.perf_counter() - started
    await connection.close()
    return seconds


if __name__ == "__main__":
    print(asyncio.run(copy(orjson.loads(sys.stdin.buffer.read()))))
