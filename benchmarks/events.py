"""P5: events in arrays of 1,000, durable, deduplicated, concluded, against COPY of as many rows."""

import asyncio
import itertools
import sys
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

import orjson

from benchmarks import company as companies
from benchmarks import machine
from benchmarks.company import Company
from benchmarks.machine import Cores
from benchmarks.results import Row
from benchmarks.sizes import ARRAYS_IN_FLIGHT, Size
from services.kit import limits


async def measure(
    company: Company, size: Size, cores: Cores, advance: Callable[[], None]
) -> list[Row]:
    pid = company.server.process.pid
    installation = company.server.installation
    await asyncio.to_thread(installation.open)  # shares the server's database while we copy
    try:
        rounds = []
        for number in range(size.rounds + 1):  # the first one warms up
            arrays = size.arrays if number else 2
            spent = machine.processor_seconds(pid)
            posted = await _post(company, f"E{number}", size.deals, arrays)
            await company.settle()
            each = machine.micros_each(
                spent, machine.processor_seconds(pid), arrays * limits.ARRAY_ITEMS
            )
            url = installation.urls["kpi"].owner
            copied = await _copy(company, url, f"E{number}", size.deals, arrays, cores)
            if number:
                rounds.append({"events": posted, "copy": copied, "ratio": posted / copied, **each})
            advance()
    finally:
        await asyncio.to_thread(installation.close)
    return [
        Row(
            "P5", "events in arrays of 1,000, durable",
            value=median(found["events"] for found in rounds), unit="events/s",
            peer="COPY of 1,000 rows",
            peer_value=median(found["copy"] for found in rounds),
            ratio=median(found["ratio"] for found in rounds), first_bar="≥ 0.1×", goal="≥ 0.25×",
            rounds=rounds,
        ),
        Row("P5", "processor time in Python, each", unit="µs",
            value=median(found["python_micros_each"] for found in rounds)),
        Row("P5", "processor time in PostgreSQL, each", unit="µs",
            value=median(found["postgresql_micros_each"] for found in rounds)),
    ]  # fmt: skip


async def _post(company: Company, label: str, deals: int, arrays: int) -> float:
    """Events a second with a few requests in flight."""
    updates = companies.updates(label, deals)
    numbers = itertools.count()
    bodies = [
        orjson.dumps(
            [
                companies.event(label, next(numbers), update)
                for _, update in itertools.islice(updates, limits.ARRAY_ITEMS)
            ]
        )
        for _ in range(arrays)
    ]
    loop = asyncio.get_running_loop()
    started = loop.time()
    await post(company, bodies)
    return arrays * limits.ARRAY_ITEMS / (loop.time() - started)


async def post(company: Company, bodies: Iterable[bytes]) -> None:
    """Arrays of events, a few in flight; each of them must be taken whole."""
    headers = {"content-type": "application/json", **company.bearer()}
    waiting = iter(bodies)

    async def send() -> None:
        for body in waiting:
            answer = await company.client.post("/kpi/v1/events", content=body, headers=headers)
            told = answer.json()
            if answer.status_code != 202 or told["accepted"] != len(told["results"]):
                raise AssertionError(f"not every event was accepted: {answer.text[:500]}")

    await asyncio.gather(*(send() for _ in range(ARRAYS_IN_FLIGHT)))


async def _copy(
    company: Company, url: str, label: str, deals: int, arrays: int, cores: Cores
) -> float:
    """Rows a second by COPY, from the server's core."""
    asked: dict[str, Any] = {
        "url": url, "tenant_id": company.tenant_id, "label": label, "deals": deals,
        "arrays": arrays, "events": limits.ARRAY_ITEMS,
    }  # fmt: skip
    with machine.on(cores.server):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.copying",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
    told, _ = await process.communicate(orjson.dumps(asked))
    if process.returncode:
        raise AssertionError("COPY failed: its words are above")
    return arrays * limits.ARRAY_ITEMS / float(told)
