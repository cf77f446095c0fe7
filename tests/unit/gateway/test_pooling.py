"""Loads of different ids travel together, and nobody gets what is another's."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ServiceRefused, unavailable
from gateway.execution import pooling
from gateway.execution.coalescing import LoadKey
from gateway.execution.pooling import Pools

KEY = LoadKey("demo", "rep:ann", "kpi", "/funnels", (("period", "2026"),))


class Service:
    """Answers when it is let; remembers what it was asked."""

    def __init__(self):
        self.calls: list[list[str]] = []
        self.seconds: list[float] = []
        self.open = asyncio.Event()
        self.open.set()
        self.refuses: set[str] = set()

    async def send(self, ids, seconds):
        self.calls.append(list(ids))
        self.seconds.append(seconds)
        await self.open.wait()
        if wrong := self.refuses & set(ids):
            raise ServiceRefused("kpi", "ambiguous_id", str(wrong), path="id", status=409)
        return {"offset": len(self.calls), "items": [{"scope": one, "n": one * 2} for one in ids]}

    def read(self, pools, *ids, key=KEY, seconds=1.0):
        return asyncio.ensure_future(pools.read(key, ids, "scope", self.send, seconds))


async def let(task_count=3):
    for _ in range(task_count):
        await asyncio.sleep(0)


async def test_at_rest_nobody_waits():
    pools, service = Pools(), Service()
    answer = await service.read(pools, "a", "b")
    assert [item["scope"] for item in answer["items"]] == ["a", "b"]
    assert (service.calls, pools.pooled) == ([["a", "b"]], 0)


async def test_who_comes_while_calls_are_away_rides_in_the_next_and_gets_the_own_alone():
    pools, service = Pools(), Service()
    service.open.clear()
    reads = [service.read(pools, one) for one in "abcdef"]
    await let()
    service.open.set()
    answers = await asyncio.gather(*reads)
    assert [[item["scope"] for item in answer["items"]] for answer in answers] == [
        [one] for one in "abcdef"
    ]
    assert service.calls == [["a"], ["b", "c", "d", "e", "f"]]
    assert pools.pooled == 4


async def test_a_call_that_hangs_does_not_hold_up_who_comes_after(monkeypatch):
    monkeypatch.setattr(pooling, "_PATIENCE_SECONDS", 0.01)
    pools, service = Pools(), Service()
    service.open.clear()
    hanging = service.read(pools, "a")
    await let()
    answering = Service()
    assert (await answering.read(pools, "b"))["items"] == [{"scope": "b", "n": "bb"}]
    assert not hanging.done()
    service.open.set()
    await hanging


async def test_other_viewers_and_arguments_travel_apart():
    pools, service = Pools(), Service()
    service.open.clear()
    others = [KEY._replace(scope="rep:ben"), KEY._replace(tenant="other"),
              KEY._replace(arguments=(("period", "2025"),)), KEY._replace(field="/alerts")]  # fmt: skip
    reads = [service.read(pools, one, key=key) for key in (KEY, *others) for one in "abc"]
    await let()
    service.open.set()
    await asyncio.gather(*reads)
    assert service.calls[-5:] == [["b", "c"]] * 5


async def test_a_call_asks_for_a_page_at_most():
    pools, service = Pools(), Service()
    service.open.clear()
    reads = [service.read(pools, *(f"{n}-{m}" for m in range(40))) for n in range(7)]
    await let()
    service.open.set()
    answers = await asyncio.gather(*reads)
    assert [len(answer["items"]) for answer in answers] == [40] * 7
    assert max(map(len, service.calls)) == 80


async def test_ones_refusal_is_not_the_others():
    pools, service = Pools(), Service()
    service.refuses = {"twice"}
    service.open.clear()
    reads = [service.read(pools, one) for one in ("a", "b", "c", "twice", "d")]
    await let()
    service.open.set()
    answers = await asyncio.gather(*reads, return_exceptions=True)
    assert isinstance(answers[3], ServiceRefused)
    assert [a["items"][0]["scope"] for a in answers if not isinstance(a, Exception)] == list("abcd")


async def test_a_service_that_is_away_is_away_for_all_who_rode():
    pools = Pools()

    async def fail(_ids, _seconds):
        await let()
        raise unavailable("kpi")

    reads = [asyncio.ensure_future(pools.read(KEY, [one], "scope", fail, 1.0)) for one in "abcd"]
    answers = await asyncio.gather(*reads, return_exceptions=True)
    assert all(isinstance(answer, Exception) for answer in answers)


async def test_who_gave_up_is_not_asked_for_and_a_call_has_the_longest_patience():
    pools, service = Pools(), Service()
    service.open.clear()
    away = [service.read(pools, "a")]
    waiting = [service.read(pools, "c", seconds=0.5), service.read(pools, "d", seconds=30),
               service.read(pools, "e")]  # fmt: skip
    await let()
    waiting[2].cancel()
    await let()
    service.open.set()
    await asyncio.gather(*away, *waiting[:2])
    assert service.calls[-1] == ["c", "d"]
    assert service.seconds[-1] > 20


async def test_items_known_by_several_names_reach_who_asked_by_any():
    pools = Pools()

    async def send(ids, _seconds):
        return {"items": [{"id": "1", "asked": [one for one in ids if one in {"crm:ann", "ann"}]}]}

    reads = [asyncio.ensure_future(pools.read(KEY, [one], "asked", send, 1.0))
             for one in ("x", "y", "crm:ann", "ann", "nobody")]  # fmt: skip
    answers = await asyncio.gather(*reads)
    assert [len(answer["items"]) for answer in answers] == [0, 0, 1, 1, 0]


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True), max_size=12))
def test_pooled_or_alone_the_answer_is_the_same(asked):
    async def run():
        pools, service = Pools(), Service()
        answers = await asyncio.gather(*(service.read(pools, *ids) for ids in asked))
        for ids, answer in zip(asked, answers, strict=True):
            assert answer["items"] == [{"scope": one, "n": one * 2} for one in sorted(ids)]
        assert pools._lanes == {}

    asyncio.run(run())


async def test_a_broken_answer_fails_its_riders_and_no_lane_stays():
    pools = Pools()

    async def send(_ids, _seconds):
        return {"items": [{"other": 1}]}

    with pytest.raises(KeyError):
        await pools.read(KEY, ["a"], "scope", send, 1.0)
    await let()
    assert pools._lanes == {}
