"""P6: from a webhook's answer to the subscription's event that reflects it."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect

from benchmarks import company as companies
from benchmarks.company import Company
from benchmarks.results import Row
from benchmarks.sizes import LIVE_PER_SECOND, LIVE_WATCHED, Size
from services.kit import ids
from services.kpi.vendors import standard_webhooks

_LIVE = """
subscription Live($rep: ID!, $period: Period!) {
  repChanged(rep: $rep, period: $period) {
    offset
    rep { funnel(period: $period) { offset created won { deals amount { amount currency } }
      stages { code open amount { amount } } } }
  }
}
"""
_GRACE_SECONDS = 10
Answered = list[tuple[int, int, float]]
"""Number of the rep, offset and time of each webhook's answer."""


class Heard:
    """Offset and time of each event, by the number of its rep."""

    def __init__(self) -> None:
        self.events: list[list[tuple[int, float]]] = [[] for _ in range(LIVE_WATCHED)]
        self.moved = asyncio.Event()

    def last(self, rep: int) -> int:
        return self.events[rep][-1][0]


async def measure(company: Company, size: Size, advance: Callable[[], None]) -> list[Row]:
    url = company.server.url.replace("http", "ws", 1) + "/graphql"
    heard = Heard()
    async with connect(url, subprotocols=["graphql-transport-ws"], max_size=None) as socket:  # type: ignore[list-item]
        await _subscribe(socket, company)
        ear = asyncio.create_task(_listen(socket, heard))
        await _until(ear, heard, lambda: all(heard.events))
        answered = await _send(company, size, advance)
        await _until(ear, heard, lambda: all(heard.last(rep) >= o for rep, o, _ in answered))
        ear.cancel()
    delays = [_delay_ms(heard.events[rep], offset, at) for rep, offset, at in answered]
    cuts = quantiles(delays, n=100, method="inclusive")
    details = [
        {"samples": len(delays), "events": sum(map(len, heard.events)), "max_ms": max(delays)}
    ]
    what = f"webhook to subscription, {LIVE_PER_SECOND}/s"
    return [
        Row("P6", f"{what}, p50", value=cuts[49], unit="ms", goal="≤ 50 ms", rounds=details),
        Row("P6", f"{what}, p95", value=cuts[94], unit="ms"),
        Row("P6", f"{what}, p99", value=cuts[98], unit="ms", first_bar="≤ 1 s", goal="≤ 250 ms"),
    ]


async def _subscribe(socket: ClientConnection, company: Company) -> None:
    await _say(socket, type="connection_init", payload=company.bearer())
    if orjson.loads(await socket.recv())["type"] != "connection_ack":
        raise AssertionError("the gateway did not take the token")
    period = str(datetime.now(UTC).year)
    for number in range(LIVE_WATCHED):
        variables = {"rep": company.reps[number], "period": period}
        payload = {"query": _LIVE, "variables": variables}
        await _say(socket, type="subscribe", id=str(number), payload=payload)


async def _say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(orjson.dumps(message).decode())


async def _listen(socket: ClientConnection, heard: Heard) -> None:
    loop = asyncio.get_running_loop()
    async for text in socket:
        at = loop.time()
        message = orjson.loads(text)
        payload = message.get("payload")
        if message["type"] != "next" or payload.get("errors"):
            raise AssertionError(f"not an event: {str(text)[:500]}")
        offset = int(payload["data"]["repChanged"]["offset"])
        heard.events[int(message["id"])].append((offset, at))
        heard.moved.set()


async def _send(company: Company, size: Size, advance: Callable[[], None]) -> Answered:
    """Webhooks at a fixed rate, however long the answers take; those of watched reps count."""
    loop = asyncio.get_running_loop()
    answered: Answered = []
    count = size.live_seconds * LIVE_PER_SECOND
    updates = itertools.islice(companies.updates("L", size.deals), count)
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    begun = loop.time() + 0.5
    async with (
        httpx.AsyncClient(base_url=company.server.url, limits=limits, timeout=30) as client,
        asyncio.TaskGroup() as group,
    ):

        async def send(rep: int, body: bytes) -> None:
            signed = standard_webhooks.sign(company.secret, ids.new(), datetime.now(UTC), body)
            headers = {"content-type": "application/json", **signed}
            answer = await client.post(company.webhook_path, content=body, headers=headers)
            at = loop.time()
            found = answer.json()
            if found.get("accepted") != 1:
                raise AssertionError(f"a webhook was not accepted: {answer.text[:500]}")
            if rep < LIVE_WATCHED:
                answered.append((rep, found["offset"], at))

        for number, (rep, update) in enumerate(updates):
            await asyncio.sleep(begun + number / LIVE_PER_SECOND - loop.time())
            group.create_task(send(rep, companies.delivery(update)))
            if number % LIVE_PER_SECOND == 0:
                advance()
    return answered


def _delay_ms(heard: list[tuple[int, float]], offset: int, answered_at: float) -> float:
    """To the first event that has the change; none where the event was there before the answer."""
    for reflected, at in heard:
        if reflected >= offset:
            return max(0.0, (at - answered_at) * 1000)
    raise AssertionError(f"no event ever reflected offset {offset}")


async def _until(ear: asyncio.Task[None], heard: Heard, come: Callable[[], bool]) -> None:
    """Until the events that must come have come; a fault of the ear is ours."""
    async with asyncio.timeout(_GRACE_SECONDS):
        while not come():
            heard.moved.clear()
            moved = asyncio.create_task(heard.moved.wait())
            await asyncio.wait({ear, moved}, return_when=asyncio.FIRST_COMPLETED)
            if ear.done():
                ear.result()
                raise AssertionError("the socket was closed")
