"""The hub misses nothing, collapses what a slow reader did not take, and ends with its readers."""

import asyncio
import contextlib

import pytest

from gateway.errors import ServiceRefused
from gateway.execution.hub import Backoff, Changes, Hub
from services.kit import limits


class Log:
    """Answers polls as kpi does; `failures` come first."""

    def __init__(self):
        self.entries = []
        self.asked = []
        self.failures = 0
        self.moved = asyncio.Condition()
        self.recovered = asyncio.Event()

    async def add(self, *subjects):
        async with self.moved:
            self.entries += subjects
            self.moved.notify_all()

    async def poll(self, tenant, after):
        self.asked.append((tenant, after))
        if self.failures:
            self.failures -= 1
            if not self.failures:
                self.recovered.set()
            raise ConnectionError("kpi is away")
        async with self.moved:
            if after < 0:
                return Changes(len(self.entries), [])
            await self.moved.wait_for(lambda: len(self.entries) > after)
            return Changes(len(self.entries), self.entries[after:])


@pytest.fixture
async def log():
    return Log()


@pytest.fixture
async def hub(log):
    hub = Hub({"kpi": log.poll}, Backoff(0.001, 0.002))
    yield hub
    await hub.close()


async def test_a_watch_moves_at_once_and_after_changes_of_its_subject_alone(hub, log):
    await log.add("b", "a")
    async with hub.watch("demo", "a") as watch:
        assert await anext(watch) == 2
        await log.add("b")
        await log.add("a")
        assert await anext(watch) == 4


async def test_failures_are_survived_and_polling_goes_on_from_the_last_offset(hub, log):
    async with hub.watch("demo", "a") as watch:
        assert await anext(watch) == 0
        log.failures = 3
        await log.add("b")  # wakes the poll; the next three fail
        await log.recovered.wait()
        await log.add("a")
        assert await anext(watch) == 2
    assert [after for _, after in log.asked[:6]] == [-1, 0, 1, 1, 1, 1]


async def test_a_slow_reader_finds_the_latest_change_once(hub, log):
    async with hub.watch("demo", "a") as slow, hub.watch("demo", "a") as quick:
        assert (await anext(slow), await anext(quick)) == (0, 0)
        for count in range(1, 6):
            await log.add("a")
            assert await anext(quick) == count
        assert await anext(slow) == 5
        waiting = asyncio.ensure_future(anext(slow))
        await log.add("b")
        await log.add("a")
        assert await waiting == 7


async def test_unknown_subjects_wake_everybody(hub, log):
    async with hub.watch("demo", "a") as one, hub.watch("demo", "b") as other:
        await anext(one)
        await anext(other)
        hub._tenants["demo"]._streams[0].take(Changes(9, None))
        assert (await anext(one), await anext(other)) == (9, 9)


async def test_a_log_that_went_back_wakes_everybody_at_its_own_offset(hub, log):
    await log.add("x", "y", "z")
    async with hub.watch("demo", "a") as watch:
        assert await anext(watch) == 3
        hub._tenants["demo"]._streams[0].take(Changes(1, []))
        assert await anext(watch) == 1


async def test_tenants_have_polls_of_their_own(hub, log):
    async with hub.watch("demo", "a") as mine, hub.watch("other", "a") as theirs:
        assert (await anext(mine), await anext(theirs)) == (0, 0)
        assert hub.watching == 2
    assert {tenant for tenant, _ in log.asked} == {"demo", "other"}
    assert hub.watching == 0
    assert hub._tenants == {}


async def test_the_poll_ends_with_its_last_reader_and_starts_with_the_next(hub, log):
    async with hub.watch("demo", "a") as watch:
        await anext(watch)
        task = hub._tenants["demo"]._streams[0]._task
    assert task.cancelled()
    await log.add("a")
    async with hub.watch("demo", "a") as watch:
        assert await anext(watch) == 1


async def test_a_watch_that_cannot_start_says_so_and_leaves_nothing(hub, log, monkeypatch):
    monkeypatch.setattr(limits, "GRAPHQL_SECONDS", 0.01)
    log.failures = 1_000_000
    with pytest.raises(ServiceRefused, match="kpi does not answer"):
        async with hub.watch("demo", "a"):
            pytest.fail("it is not known where to start")
    assert hub.watching == 0


async def test_closing_ends_the_readers(log):
    hub = Hub({"kpi": log.poll})
    async with hub.watch("demo", "a") as watch:
        await anext(watch)
        await hub.close()
        with pytest.raises(StopAsyncIteration):
            await anext(watch)


async def test_what_failed_comes_again_and_a_closed_watch_does_not(hub):
    async with contextlib.AsyncExitStack() as stack:
        watch = await stack.enter_async_context(hub.watch("demo", "a"))
        assert await anext(watch) == 0
        watch.again()
        assert await anext(watch) == 0
        watch.again()
        await stack.aclose()
        assert watch._retry.cancelled()


def test_pauses_grow_to_a_limit_and_differ():
    backoff = Backoff(0.1, 5.0)
    assert all(0.05 <= backoff.pause(1) <= 0.1 for _ in range(100))
    assert all(0.2 <= backoff.pause(3) <= 0.4 for _ in range(100))
    assert all(2.5 <= backoff.pause(99) <= 5.0 for _ in range(100))
    assert len({backoff.pause(3) for _ in range(10)}) > 1


async def test_every_service_s_changes_are_heard_and_offsets_never_fall(log):
    other = Log()
    await log.add("x", "y", "z")
    hub = Hub({"kpi": log.poll, "customers": other.poll}, Backoff(0.001, 0.002))
    async with hub.watch("demo", "a") as watch:
        assert await anext(watch) == 3
        await other.add("a")
        assert await anext(watch) == 3
        await log.add("a")
        assert await anext(watch) == 4
    assert hub.watching == 0


async def test_a_service_that_is_away_stops_no_other_s_changes(log):
    away = Log()
    away.failures = 1_000_000
    hub = Hub({"kpi": away.poll, "customers": log.poll}, Backoff(0.001, 0.002))
    async with hub.watch("demo", "a") as watch:
        assert await anext(watch) == 0
        await log.add("a")
        assert await anext(watch) == 1


async def test_a_service_that_comes_late_may_have_missed_anything(log):
    late = Log()
    late.failures = 3
    hub = Hub({"kpi": log.poll, "customers": late.poll}, Backoff(0.001, 0.002))
    async with hub.watch("demo", "a") as watch:
        assert await anext(watch) == 0
        await late.recovered.wait()
        await late.add("b")
        assert await anext(watch) >= 0


async def test_a_service_that_hangs_delays_the_start_by_no_more_than_allowed(log, monkeypatch):
    monkeypatch.setattr(limits, "GRAPHQL_SECONDS", 0.02)

    async def hang(_tenant, _after):
        await asyncio.Event().wait()

    hub = Hub({"kpi": hang, "customers": log.poll}, Backoff(0.001, 0.002))
    async with hub.watch("demo", "a") as watch:
        assert await anext(watch) == 0
        await log.add("a")
        assert await anext(watch) == 1
