"""One tenant on five processes that may be gone at any moment: what its people send and decide.

Whatever is asked is asked again until the part answers, so all that is done here may be done twice.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from services.kit.clock import FileClock
from services.kpi.vendors import standard_webhooks
from tests.support.fresh import BANDS
from tests.support.gate import until
from tests.support.quarter import BASIC_BELOW, MAPPING, STRATEGIC_ABOVE, Said
from tests.support.stack import RunningStack, Tenant

_AWAY = {502, 503, 504}
_FOLLOWERS = ("kpi", "targets", "customers", "incentives")


def set_clock(path: Path, at: datetime) -> None:
    """Whole or not at all: five processes read it at any moment."""
    new = path.with_suffix(".new")
    new.write_text(at.isoformat())
    new.replace(path)


@dataclass
class Firm:
    stack: RunningStack
    tenant: Tenant
    clock: Path
    acknowledged: Counter[str] = field(default_factory=Counter)
    """How often each item was answered with 202, by its key."""
    closed: dict[str, Any] = field(default_factory=dict)
    """Statements as they were closed, by id."""

    async def ask(self, method: str, path: str, role: str, body: Any = None, **asked: Any) -> Any:
        """The answer, once there is one."""
        answers: list[httpx.Response] = []

        async def answered() -> bool:
            try:
                answer = await self.stack.client.request(
                    method, path, headers=self.stack.token(self.tenant.name, role), json=body,
                    params=asked,
                )  # fmt: skip
            except httpx.HTTPError:
                return False
            answers.append(answer)
            return answer.status_code not in _AWAY

        await until(answered, 60)
        assert answers[-1].is_success, f"{method} {path}: {answers[-1].text}"
        return answers[-1].json()

    async def send(self, items: Sequence[Said]) -> None:
        """One request of one door, until it is acknowledged."""
        (door,) = {one.door for one in items}

        async def acknowledged() -> bool:
            try:
                answer = await (self._webhook if door == "webhook" else self._events)(items)
            except httpx.HTTPError:
                return False
            if answer.status_code in _AWAY:
                return False
            assert answer.status_code == 202, answer.text
            counts = answer.json()
            assert counts["accepted"] + counts["duplicates"] == len(items), counts
            return True

        await until(acknowledged, 60)
        self.acknowledged.update(one.key for one in items)

    async def _events(self, items: Sequence[Said]) -> httpx.Response:
        return await self.stack.client.post(
            "/kpi/v1/events", json=[one.body for one in items],
            headers=self.stack.token(self.tenant.name, "sales_ops"),
        )  # fmt: skip

    async def _webhook(self, items: Sequence[Said]) -> httpx.Response:
        (item,) = items
        raw = httpx.Request("POST", "http://x", json=item.body).content
        key = standard_webhooks.secret_bytes(self.tenant.secret)
        signed = standard_webhooks.sign(key, item.key, FileClock(self.clock).now(), raw)
        return await self.stack.client.post(
            self.tenant.webhook_path, content=raw,
            headers={"content-type": "application/json", **signed},
        )  # fmt: skip

    async def head(self) -> int:
        heads = await self.stack.client.get(
            "/kpi/v1/heads", headers=self.stack.service(self.tenant, "kpi")
        )
        return int(heads.json()["heads"][self.tenant.id])

    async def settled(self) -> None:
        """Every service has taken all of the log, and the log has all of their facts."""

        async def is_settled() -> bool:
            head = await self.head()
            for name in _FOLLOWERS:
                changes = await self.stack.client.get(
                    f"/{name}/v1/changes?after=-1", headers=self.stack.service(self.tenant, name)
                )
                if changes.status_code != 200 or changes.json()["offset"] < head:
                    return False
                if (
                    name != "kpi"
                    and (await self.ask("GET", f"/{name}/v1/outbox", "admin"))["pending"]
                ):
                    return False
            return await self.head() == head

        await until(is_settled, 60)

    async def has_begun(self) -> bool:
        """Whether the log has started a day."""
        return any(entry["type"] == "day.started.v1" for entry in await self.log())

    async def log(self) -> list[Any]:
        """All of its entries."""
        found: list[Any] = []
        while True:
            page = await self.stack.client.get(
                "/kpi/v1/feed", params={"after": len(found), "limit": 1_000},
                headers=self.stack.service(self.tenant, "incentives"),
            )  # fmt: skip
            assert page.status_code == 200, page.text
            found += page.json()["items"]
            if len(found) >= page.json()["head"]:
                return found

    async def map_its_crm(self) -> None:
        await self.ask("PUT", "/kpi/v1/connections/crm/mapping", "admin", MAPPING)

    async def draft_targets(self) -> str:
        """Sales of the quarter, down to each rep's month, approved; the plan's path."""

        async def declared() -> bool:
            metrics = await self.ask("GET", "/targets/v1/metrics", "admin")
            return "sales" in {metric["code"] for metric in metrics["items"]}

        await until(declared, 30)
        made = await self.ask("POST", "/targets/v1/plans", "sales_ops", {
            "name": "Quarter", "metric": "sales", "owner_id": "crm:region", "period": "2026-Q1",
            "target": "18000000.00",
        })  # fmt: skip
        path = f"/targets/v1/plans/{made['plan']['id']}"
        halves = {"of": "leaves", "axis": "organisation", "method": "equal"}
        body = {"splits": [
            {"of": "leaves", "axis": "organisation", "method": "shares", "parts": [
                {"owner_id": "crm:north", "share_bp": 6_000},
                {"owner_id": "crm:south", "share_bp": 4_000}]},
            {**halves, "owner_id": "crm:north",
             "parts": [{"owner_id": "crm:ann"}, {"owner_id": "crm:ben"}]},
            {**halves, "owner_id": "crm:south", "parts": [{"owner_id": "crm:cai"}]},
            {"of": "leaves", "axis": "time", "method": "equal", "into": "month"},
        ]}  # fmt: skip
        await self.ask("POST", f"{path}/splits", "sales_ops", body)
        await self.ask("POST", f"{path}/propose", "sales_ops")
        await self.ask("POST", f"{path}/approve", "sales_ops", {"override_reason": "decided"})
        return path

    async def activate(self, path: str) -> None:
        """Again answers it unchanged."""
        await self.ask("POST", f"{path}/activate", "sales_ops")

    async def move_ben(self) -> None:
        """To the other team, in the middle of the quarter."""
        await self.ask(
            "POST", "/targets/v1/members/crm:ben/moves", "sales_ops",
            {"unit_id": "crm:south", "on": "2026-02-16"},
        )  # fmt: skip

    async def draft_pay(self) -> str:
        """Commission by the month; the plan's path."""
        await self.settled()
        bands = [
            {"up_to": None if upper is None else f"{upper // 100}.00", "rate_bp": percent * 100}
            for upper, percent in BANDS
        ]
        document = {
            "name": "Commission", "period": "month", "currency": "CNY",
            "components": [{"mode": "marginal", "bands": bands, "rounding": "half_even"}],
        }  # fmt: skip
        made = await self.ask("POST", "/incentives/v1/plans", "finance", document)
        return f"/incentives/v1/plans/{made['plan']['id']}"

    async def pay_by(self, path: str) -> None:
        await self.ask("POST", f"{path}/activate", "finance", {"effective_from": "2026-01"})

    async def set_tiers(self) -> None:
        """By fees, other thresholds than the default ones from February on."""
        await self.ask("PUT", "/customers/v1/policies/tier", "sales_ops", {
            "basis": "annual_fee", "strategic_above": f"{STRATEGIC_ABOVE // 100}",
            "basic_below": f"{BASIC_BELOW // 100}", "effective_on": "2026-02-01",
        })  # fmt: skip

    async def close(self, *periods: str) -> None:
        """Approve and close what is stated of these months so far."""
        for period in periods:
            listed = await self.ask("GET", "/incentives/v1/statements", "finance", period=period)
            for statement in listed["items"]:
                await self._close(statement["id"])

    async def _close(self, id_: str) -> None:
        path = f"/incentives/v1/statements/{id_}"

        async def closed() -> bool:
            """Not where the figures changed after they were approved."""
            found = (await self.ask("GET", path, "finance"))["statement"]
            if found["status"] == "closed":
                self.closed[id_] = found
                return True
            step = "close" if found["status"] == "approved" else "approve"
            await self.stack.client.post(
                f"{path}/{step}", headers=self.stack.token(self.tenant.name, "finance")
            )
            return False

        await until(_patient(closed), 60)


def _patient(condition: Any) -> Any:
    async def asked() -> bool:
        try:
            return bool(await condition())
        except httpx.HTTPError:
            return False

    return asked
