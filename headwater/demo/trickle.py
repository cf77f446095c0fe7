"""New events, forever: every few seconds a deal moves on, a lead or money comes in, somebody visits.

Deals go as signed webhooks over the socket to the demo's own address, as a CRM's would; visits and
collections as events of our own API, with a token. What is not acknowledged is sent again under
the same id, as Standard Webhooks asks of a sender.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import orjson

from headwater.demo import company, deals, exports, records
from headwater.demo.deals import History, Owner
from headwater.demo.people import REPS
from services.kit.clock import Clock
from services.kpi.vendors import standard_webhooks

log = logging.getLogger(__name__)
PAUSE_SECONDS = (2.0, 6.0)
_VISIT_SHARE, _COLLECTION_SHARE, _NEW_SHARE = 0.25, 0.10, 0.35
_MOST_OPEN = 1_000


@dataclass(frozen=True, slots=True)
class Sender:
    """Where the trickle sends to: a webhook with its secret, and the event API with a token."""

    url: str
    webhook_path: str
    secret: str
    token: Callable[[], str]


class Trickle:
    """`open_deals` is the stage by id of each deal that may move on."""

    def __init__(
        self, sender: Sender, clock: Clock, open_deals: dict[str, str], history: History,
        *, seed: int,
    ) -> None:  # fmt: skip
        self._sender = sender
        self._secret = standard_webhooks.secret_bytes(sender.secret)
        self._clock = clock
        self._open = open_deals
        self._customers = history.customers
        self._contracts = records.contracts(history)
        self._chance = random.Random(seed)
        # Another start must not use the ids of this one.
        self._series = f"{int(clock.now().timestamp()):x}"
        self._number = 0

    async def run(self) -> None:
        async with httpx.AsyncClient(
            base_url=self._sender.url, timeout=10, trust_env=False
        ) as client:
            while True:
                await asyncio.sleep(self._chance.uniform(*PAUSE_SECONDS))
                await self._deliver(client, *self.next_delivery())

    def next_delivery(self) -> tuple[str, dict[str, Any]]:
        """What happens now, and where it goes; never later than the clock says."""
        self._number += 1
        name = f"T-{self._series}-{self._number}"
        now = self._clock.now().astimezone(company.ZONE).replace(microsecond=0)
        kind = self._chance.random()
        if kind < _VISIT_SHARE:
            return records.EVENTS, self._visit(name, now)
        if kind < _VISIT_SHARE + _COLLECTION_SHARE and self._contracts:
            contract = self._chance.choice(self._contracts)
            amount = self._chance.randrange(1_000, 20_000, 100)
            return records.EVENTS, records.collected(name, now, contract, amount)
        if len(self._open) < _MOST_OPEN and (not self._open or self._chance.random() < _NEW_SHARE):
            return self._sender.webhook_path, self._new_lead(name, now)
        return self._sender.webhook_path, self._move(now)

    def _visit(self, name: str, now: datetime) -> dict[str, Any]:
        customer = self._chance.choice(self._customers)
        return records.activity(self._chance, name, "visit", now, customer.owner, customer.key)

    def _new_lead(self, name: str, now: datetime) -> dict[str, Any]:
        (rep,) = self._chance.choices(REPS, [one.weight for one in REPS])
        product, _, _ = self._chance.choice(deals.PRODUCTS)
        channel, _ = self._chance.choice(deals.CHANNELS)
        mine = [customer for customer in self._customers if customer.owner == rep.key]
        self._open[name] = "lead"
        return {
            "deal": name, "at": now.isoformat(), "stage": "lead",
            "amount": f"{self._chance.randrange(20_000, 300_000, 100)}.00",
            "owners": exports.shares((Owner(rep.key, 10_000),)), "product": product,
            "channel": channel, "account": self._chance.choice(mine).key,
        }  # fmt: skip

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

    async def _deliver(self, client: httpx.AsyncClient, path: str, item: dict[str, Any]) -> None:
        body = orjson.dumps(item)
        message_id = f"demo_{self._series}_{self._number}"
        while True:
            try:
                answer = await client.post(
                    path, content=body,
                    headers={"content-type": "application/json", **self._shown(path, message_id, body)},
                )  # fmt: skip
            except httpx.HTTPError as fault:
                log.debug("the trickle waits: %s", type(fault).__name__)
            else:
                if answer.status_code < 500:
                    if answer.is_error:
                        log.warning("the trickle was refused: %s", answer.text)
                    return
            await asyncio.sleep(PAUSE_SECONDS[0])

    def _shown(self, path: str, message_id: str, body: bytes) -> dict[str, str]:
        if path == records.EVENTS:
            return {"authorization": f"Bearer {self._sender.token()}"}
        return standard_webhooks.sign(self._secret, message_id, self._clock.now(), body)
