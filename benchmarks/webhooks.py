"""P4: one signed webhook per request, durable before the answer, against a route that parses."""

import asyncio
import itertools
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from typing import Any

from benchmarks import company as companies
from benchmarks import load, machine
from benchmarks.company import Company
from benchmarks.results import Row
from benchmarks.server import PARSE_PATH
from benchmarks.sizes import CONNECTIONS, Size
from services.kit import ids
from services.kpi.vendors import standard_webhooks

_FIRST_GUESS_PER_SECOND = 8_000
_SPARE = 1.6
"""Times as many deliveries as the last round used: one that is sent twice would not count."""


def need_tool() -> None:
    if shutil.which("wrk") is None:
        print(
            "make bench needs `wrk`, the load generator: install it with your system's package "
            "manager (package wrk).",
            file=sys.stderr,
        )
        raise SystemExit(2)


async def measure(company: Company, size: Size, advance: Callable[[], None]) -> list[Row]:
    rounds: list[dict[str, Any]] = []
    pid, folder = company.server.process.pid, company.server.data_dir
    guess = _FIRST_GUESS_PER_SECOND
    for number in range(size.rounds + 1):  # the first one warms up
        seconds = size.webhook_seconds if number else 2
        signed = _signed(company, f"W{number}", size.deals, int(guess * seconds * _SPARE))
        parsed = [
            load.request(company.server.url, PARSE_PATH, {}, body) for _, body in signed[:10_000]
        ]
        taken = await company.accepted("webhook")
        spent = machine.processor_seconds(pid)
        durable = await load.send(
            company.server.url, [request for request, _ in signed], seconds, folder
        )
        taken = await company.accepted("webhook") - taken
        if not durable["requests"] <= taken <= durable["requests"] + CONNECTIONS:
            raise AssertionError(f"{durable['requests']} were acknowledged, {taken} were stored")
        before = asyncio.get_running_loop().time()
        await company.settle()
        durable["projected_after_seconds"] = asyncio.get_running_loop().time() - before
        durable |= machine.micros_each(spent, machine.processor_seconds(pid), durable["requests"])
        spent = machine.processor_seconds(pid)
        peer = await load.send(company.server.url, parsed, seconds, folder)
        peer |= machine.micros_each(spent, machine.processor_seconds(pid), peer["requests"])
        guess = max(1_000, durable["per_second"])
        if number:
            rounds.append({"durable": durable, "parse": peer,
                           "ratio": durable["per_second"] / peer["per_second"]})  # fmt: skip
        advance()

    def middle(who: str, what: str) -> float:
        return median(found[who][what] for found in rounds)

    return [
        Row(
            "P4", "signed webhooks, one a request, durable",
            value=middle("durable", "per_second"), unit="requests/s",
            peer="a route that parses", peer_value=middle("parse", "per_second"),
            ratio=median(found["ratio"] for found in rounds), first_bar="≥ 0.4×", goal="≥ 0.6×",
            rounds=rounds,
        ),
        Row("P4", "processor time in Python, each", unit="µs",
            value=middle("durable", "python_micros_each"),
            peer="a route that parses", peer_value=middle("parse", "python_micros_each")),
        Row("P4", "processor time in PostgreSQL, each", unit="µs",
            value=middle("durable", "postgresql_micros_each")),
        Row("P4", "answer, p50", value=middle("durable", "p50_ms"), unit="ms"),
        Row(
            "P4", "answer, p99", value=middle("durable", "p99_ms"), unit="ms",
            goal="≤ 50 ms",
        ),
    ]  # fmt: skip


def _signed(company: Company, label: str, deals: int, count: int) -> list[tuple[bytes, bytes]]:
    """Whole requests, each with an id and a signature of its own, and their bodies."""
    now = datetime.now(UTC)
    found = []
    for _, update in itertools.islice(companies.updates(label, deals), count):
        body = companies.delivery(update)
        headers = standard_webhooks.sign(company.secret, f"msg_{ids.new()}", now, body)
        request = load.request(company.server.url, company.webhook_path, headers, body)
        found.append((request, body))
    return found
