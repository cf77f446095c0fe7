"""Who may share a load, and what becomes of it when waiters leave."""

import asyncio

import pytest

from gateway.execution.coalescing import Flights, LoadKey
from gateway.execution.deadlines import Deadline

KEY = LoadKey("demo", "rep:1", "kpi", "/kpi/v1/funnels", (("scope", "1"),))


class Load:
    def __init__(self):
        self.started = 0
        self.cancelled = False
        self.go = asyncio.Event()

    async def __call__(self):
        self.started += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return self.started


async def _settle():
    for _ in range(5):
        await asyncio.sleep(0)


def _later():
    return Deadline.after(60)


async def test_equal_loads_share_one_answer_and_nothing_is_kept_after_it():
    flights, load = Flights(), Load()
    asking = [asyncio.create_task(flights.share(KEY, load, _later())) for _ in range(3)]
    await _settle()
    load.go.set()
    assert await asyncio.gather(*asking) == [1, 1, 1]
    assert flights.shared == 2
    assert await flights.share(KEY, load, _later()) == 2


@pytest.mark.parametrize("part", LoadKey._fields)
async def test_every_part_of_the_key_keeps_loads_apart(part):
    flights, load = Flights(), Load()
    other = KEY._replace(**{part: "else"})
    asking = [asyncio.create_task(flights.share(key, load, _later())) for key in (KEY, other)]
    await _settle()
    load.go.set()
    await asyncio.gather(*asking)
    assert load.started == 2


async def test_a_waiter_that_gives_up_does_not_take_the_answer_from_the_others():
    flights, load = Flights(), Load()
    first = asyncio.create_task(flights.share(KEY, load, _later()))
    await _settle()
    second = asyncio.create_task(flights.share(KEY, load, _later()))
    await _settle()
    first.cancel()
    await _settle()
    load.go.set()
    assert await second == 1
    assert first.cancelled()


async def test_the_last_waiter_takes_the_load_along_and_the_next_starts_anew():
    flights, load = Flights(), Load()
    with pytest.raises(TimeoutError):
        await flights.share(KEY, load, Deadline.after(0.01))
    next_one = asyncio.create_task(flights.share(KEY, load, _later()))
    await _settle()
    assert load.cancelled
    load.go.set()
    assert await next_one == 2


async def test_a_fault_reaches_every_waiter():
    flights, go = Flights(), asyncio.Event()

    async def fail():
        await go.wait()
        raise ValueError("no")

    asking = [asyncio.create_task(flights.share(KEY, fail, _later())) for _ in range(2)]
    await _settle()
    go.set()
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert [str(result) for result in results] == ["no", "no"]
