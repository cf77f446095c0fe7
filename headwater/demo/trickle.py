"""Signed webhooks, forever: every few seconds a deal moves on or a lead comes in.

They go over the socket to the demo's own address, as a CRM's would. A delivery that is not
acknowledged is sent again under the same id, as Standard Webhooks asks of a sender.
"""

import asyncio
import logging
import random
from datetime import datetime
from typing import Any

import httpx
import orjson

from headwater.demo import company, deals
from headwater.demo.company import REPS
from services.kit.clock import Clock
from services.kpi.vendors import standard_webhooks

log = logging.getLogger(__name__)
PAUSE_SECONDS = (2.0, 6.0)
_NEW_SHARE = 0.35
_MOST_OPEN = 1_000


class Trickle:
    """`open_deals` is the stage by id of each deal that may move on."""

    def __init__(
        self, url: str, secret: str, clock: Clock, open_deals: dict[str, str], *, seed: int
    ) -> None:
        self._url = url
        self._secret = standard_webhooks.secret_bytes(secret)
        self._clock = clock
        self._open = open_deals
        self._chance = random.Random(seed)
        # Another start must not use the ids of this one.
        self._series = f"{int(clock.now().timestamp()):x}"
        self._number = 0

    async def run(self) -> None:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            while True:
                await asyncio.sleep(self._chance.uniform(*PAUSE_SECONDS))
                item = self.next_item()
                await self._deliver(client, f"demo_{self._series}_{self._number}", item)

    def next_item(self) -> dict[str, Any]:
        """What happens now; never later than the clock says."""
        self._number += 1
        now = self._clock.now().astimezone(company.ZONE).replace(microsecond=0)
        if len(self._open) < _MOST_OPEN and (not self._open or self._chance.random() < _NEW_SHARE):
            return self._new_lead(now)
        return self._move(now)

    def _new_lead(self, now: datetime) -> dict[str, Any]:
        (rep,) = self._chance.choices(REPS, [one.leads for one in REPS])
        deal = deals.opened(self._chance, f"T-{self._series}-{self._number}", rep, now)
        self._open[deal.id] = "lead"
        return deal.items[0]

    def _move(self, now: datetime) -> dict[str, Any]:
        deal = self._chance.choice(list(self._open))
        stage = self._open.pop(deal)
        if self._chance.random() >= deals.CHANCE[stage]:
            following = "lost"
        elif stage == deals.OPEN[-1]:
            following = "won"
        else:
            following = self._open[deal] = deals.OPEN[deals.OPEN.index(stage) + 1]
        return {"deal": deal, "at": now.isoformat(), "stage": following}

    async def _deliver(
        self, client: httpx.AsyncClient, message_id: str, item: dict[str, Any]
    ) -> None:
        body = orjson.dumps(item)
        while True:
            headers = standard_webhooks.sign(self._secret, message_id, self._clock.now(), body)
            try:
                answer = await client.post(
                    self._url, content=body,
                    headers={"content-type": "application/json", **headers},
                )  # fmt: skip
            except httpx.HTTPError as fault:
                log.debug("the trickle waits: %s", type(fault).__name__)
            else:
                if answer.status_code < 500:
                    if answer.is_error:
                        log.warning("the trickle was refused: %s", answer.text)
                    return
            await asyncio.sleep(PAUSE_SECONDS[0])
