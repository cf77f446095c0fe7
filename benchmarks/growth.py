"""P10: boards and appends with a long log against the same with a tenth of it."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from typing import Any

import orjson

from benchmarks import company as companies
from benchmarks import events, load
from benchmarks.company import Company
from benchmarks.results import Row
from benchmarks.sizes import BOARD_CONNECTIONS, Size
from services.kit import limits

_BOARD = """
query Board($rep: ID!, $period: Period!) {
  rep(id: $rep) {
    id name targets(period: $period) { metric { code } target actual attainment pace light }
    funnel(period: $period) { stages { code entered open amount { amount } conversion } winRate }
  }
}
"""
_TIMES = 10
_ARRAYS = 3
"""Of 1,000 events, in each timed append."""


async def measure(company: Company, size: Size, advance: Callable[[], None]) -> list[Row]:
    small = await _at(company, "GS", size.growth_events, size, advance)
    large = await _at(company, "GL", size.growth_events * (_TIMES - 1), size, advance)
    return [
        Row(
            "P10", f"{what}, {size.growth_events * _TIMES:,} events", value=large[what], unit=unit,
            peer=f"{size.growth_events:,} events", peer_value=small[what],
            ratio=small[what] / large[what], first_bar="≤ 1.5×", goal="≤ 1.1×",
        )
        for what, unit in (("boards", "requests/s"), ("appends", "events/s"))
    ]  # fmt: skip


async def _at(
    company: Company, label: str, count: int, size: Size, advance: Callable[[], None]
) -> dict[str, float]:
    """Rates once `count` more events are in and everything that follows from them is done."""
    await _append(company, label, count, deals=max(1, count // 4))
    await company.settle()
    advance()
    appends, boards = [], []
    for number in range(size.rounds):
        appends.append(await _append(company, f"{label}{number}", _ARRAYS * 1000, deals=500))
        await company.settle()
        boards.append((await _boards(company, size))["per_second"])
        advance()
    return {"appends": median(appends), "boards": median(boards)}


async def _append(company: Company, label: str, count: int, *, deals: int) -> float:
    """Events a second; a deal gets about four, as most deals do."""
    numbers = itertools.count()
    updates = itertools.islice(companies.updates(label, deals), count)
    found = (companies.event(label, next(numbers), update) for _, update in updates)
    bodies = []
    while some := list(itertools.islice(found, limits.ARRAY_ITEMS)):
        bodies.append(orjson.dumps(some))
    loop = asyncio.get_running_loop()
    started = loop.time()
    await events.post(company, bodies)
    return count / (loop.time() - started)


async def _boards(company: Company, size: Size) -> dict[str, Any]:
    period = str(datetime.now(UTC).year)
    requests = [
        load.request(
            company.server.url, "/graphql", company.bearer(),
            orjson.dumps({"query": _BOARD, "variables": {"rep": rep, "period": period}}),
        )
        for rep in company.reps
    ]  # fmt: skip
    folder = company.server.data_dir
    return await load.send(
        company.server.url, requests, size.board_seconds, folder, BOARD_CONNECTIONS
    )
