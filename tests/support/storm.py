"""What comes in tripled, shuffled and late while parts die, people decide, and somebody watches."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from tests.support.firm import Firm
from tests.support.gate import until
from tests.support.quarter import REPS, Quarter, Said, deliveries
from tests.support.split import Split

COPIES, SENDERS = 3, 4
LATE = 0.1
BOARD = """query($rep: ID!) { rep(id: $rep) { name
  targets(period: "2026-Q1") { metric { code } target actual light }
  funnel(period: "2026-Q1") { stages { code entered open } }
  customerMix { byTier { tier count } }
  earnings(period: "2026-03") { earned { amount } } } }"""
PASSING = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "PROJECTION_BEHIND", "TOO_MANY_REQUESTS"}


@dataclass
class Storm:
    firm: Firm
    apart: Split
    chance: random.Random
    answers: int = 0

    def parts(self, made: Quarter, count: int) -> list[list[Sequence[Said]]]:
        """Requests in `count` parts; what is late is in the last one alone."""
        late = set(self.chance.sample(range(len(made.said)), int(len(made.said) * LATE)))
        first = [one for n, one in enumerate(made.said) if n not in late] * COPIES
        last = [made.said[n] for n in late] * COPIES
        for some in (first, last):
            self.chance.shuffle(some)
        size = len(first) // (count - 1) + 1
        cut = [first[n : n + size] for n in range(0, len(first), size)]
        return [list(deliveries(some, self.chance)) for some in (*cut, last)]

    async def rages(
        self, requests: Sequence[Sequence[Said]], killed: str, *decisions: Awaitable[Any]
    ) -> None:
        """Requests come in while a part is killed and people decide."""
        waiting = list(requests)
        before = self.firm.acknowledged.total()

        async def sends() -> None:
            while waiting:
                await self.firm.send(waiting.pop())

        async def kills() -> None:
            async def begun() -> bool:
                return self.firm.acknowledged.total() > before

            await until(begun, 60)
            self.apart.parts[killed].kill()
            await self.apart.start(killed)

        async with asyncio.TaskGroup() as group:
            for _ in range(SENDERS):
                group.create_task(sends())
            group.create_task(kills())
            for decision in decisions:
                group.create_task(_done(decision))

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Somebody reads all the time; what is answered is right at every moment."""
        watching = [asyncio.create_task(self._again(look)) for look in (self._sums, self._board)]
        try:
            yield
        finally:
            for task in watching:
                task.cancel()
            for done in await asyncio.gather(*watching, return_exceptions=True):
                assert isinstance(done, asyncio.CancelledError), done

    async def _again(self, look: Callable[[], Awaitable[bool]]) -> None:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                self.answers += await look()
            await asyncio.sleep(0.05)  # leaves the processors to the storm

    async def _sums(self) -> bool:
        """The teams' sales are the region's, and the reps' are too, to the cent."""
        tenant = self.firm.tenant
        scopes = [tenant.units[unit] for unit in ("region", "north", "south")]
        scopes += [tenant.members[rep] for rep in REPS]
        answer = await self.firm.stack.client.get(
            "/kpi/v1/attainments", headers=self.firm.stack.token(tenant.name),
            params={"scope": scopes, "period": "2026-Q1", "metric": "sales"},
        )  # fmt: skip
        if answer.status_code == 503:
            return False
        assert answer.status_code == 200, answer.text
        items = {item["scope"]: Decimal(item["actual"] or 0) for item in answer.json()["items"]}
        region, north, south, *reps = (items[scope] for scope in scopes)
        assert region == north + south == sum(reps), answer.text
        return True

    async def _board(self) -> bool:
        rep = self.firm.tenant.members[self.chance.choice(REPS)]
        found = await self.firm.stack.query(
            self.firm.stack.token(self.firm.tenant.name, "rep", rep), BOARD, rep=rep
        )
        codes = {error["extensions"]["code"] for error in found.get("errors", ())}
        assert codes <= PASSING, found
        return not codes


async def _done(decision: Awaitable[Any]) -> None:
    await decision
