"""The demo company goes in through the routes: tenant, organisation, connection, deliveries.

Every step may be repeated. Killed half-way, the next start goes on: items are keyed by what they
say, and the day on which the company was made is read back from the organisation, so the same
deals come out of the generator.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx

from headwater.demo import company, exports, people, seasons
from headwater.demo.deals import SEED, SERIES, History
from headwater.stack import Clients
from services.kit import limits
from services.kit.auth import Signer
from services.kit.clock import Clock
from services.kit.period import business_day

_PATIENCE_SECONDS = 60.0
Progress = Callable[[str, int, int], None]


class DemoFailed(Exception):
    """A part of the stack refused what the demo gave it, or did not answer in time."""


@dataclass(frozen=True, slots=True)
class Loaded:
    members: Mapping[str, str]
    """Our ids by the company's keys, of members and units."""
    units: Mapping[str, str]
    connection: str
    """Its public id, which its webhook's address ends with."""
    secret: str | None
    """Known only where this start made the connection."""
    deals: int
    history: History


class Loader:
    def __init__(self, clients: Clients, signer: Signer, clock: Clock, progress: Progress) -> None:
        self._clients = clients
        self._signer = signer
        self._progress = progress
        self._today = business_day(clock.now(), company.ZONE)
        self._admin = {"authorization": f"Bearer {self.token()}"}

    def token(self) -> str:
        """For an hour, as the company's administrator."""
        return self._signer.sign(
            tenant=company.TENANT, role="admin", subject="headwater-demo", seconds=3_600
        )

    async def load(self) -> Loaded:
        await self._tenant()
        first_day = await self._first_day()
        await self._call(
            self._clients.targets, "POST", "/targets/v1/organisation",
            json=company.organisation(first_day),
        )  # fmt: skip
        members = await self._ids("members", [one.key for one in people.EVERYBODY])
        units = await self._ids("units", [unit.key for unit in company.UNITS])
        await self._facts_have_left()
        connection = await self._call(
            self._clients.kpi, "PUT", f"/kpi/v1/connections/{company.CONNECTION}",
            json={"vendor": "standard", "mapping": company.MAPPING},
        )  # fmt: skip
        history = History(SEED, first_day)
        count = await self._deals(history, units[company.SHOWN_UNIT])
        return Loaded(
            members,
            units,
            connection["webhook_path"].rpartition("/")[2],
            connection["secret"],
            count,
            history,
        )

    async def new_secret(self) -> str:
        answer = await self._call(
            self._clients.kpi, "POST", f"/kpi/v1/connections/{company.CONNECTION}/secrets", json={}
        )
        return str(answer["secret"])

    async def open_deals(self) -> dict[str, str]:
        """The stages of the CRM's deals that may move on, as they are now."""
        found: dict[str, str] = {}
        query: dict[str, Any] = {"limit": limits.PAGE_MOST}
        while True:
            page = await self._call(self._clients.kpi, "GET", "/kpi/v1/deals", params=query)
            for deal in page["items"]:
                name = deal["id"].rpartition(":")[2]
                if deal["kind"] == "open" and name.startswith(SERIES):
                    found[name] = deal["stage"]
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]

    async def _tenant(self) -> None:
        token = self._signer.sign(
            tenant=company.TENANT, role="service", subject="headwater", seconds=300
        )
        await self._call(
            self._clients.targets, "PUT", f"/targets/v1/tenants/{company.TENANT}",
            json=company.CONFIGURATION, headers={"authorization": f"Bearer {token}"},
        )  # fmt: skip

    async def _first_day(self) -> date:
        newest = f"{company.CONNECTION}:{people.NEWEST.key}"
        found = await self._call(
            self._clients.targets, "GET", "/targets/v1/members", params={"id": newest}
        )
        if not found["items"]:
            return self._today
        return people.first_day(date.fromisoformat(found["items"][0]["joined_on"]))

    async def _ids(self, kind: str, keys: list[str]) -> dict[str, str]:
        names = {f"{company.CONNECTION}:{key}": key for key in keys}
        found = await self._call(
            self._clients.targets, "GET", f"/targets/v1/{kind}", params={"id": list(names)}
        )
        return {names[item["external_id"]]: item["id"] for item in found["items"]}

    async def _facts_have_left(self) -> None:
        """Until kpi knows the organisation, deals of its members would wait in quarantine."""
        until = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while (await self._call(self._clients.targets, "GET", "/targets/v1/outbox"))["pending"]:
            if asyncio.get_running_loop().time() > until:
                raise DemoFailed("kpi does not take the organisation's facts")
            await asyncio.sleep(0.02)

    async def _deals(self, history: History, unit: str) -> int:
        batches = list(exports.batches(history, SEED))
        count = exports.count(batches)
        if await self._is_there(batches[-1][-1]["deal"]):
            return count
        path = f"/kpi/v1/connections/{company.CONNECTION}/deliveries"
        total, done, offset = sum(map(len, batches)), 0, 0
        for batch in batches:
            answer = await self._call(self._clients.kpi, "POST", path, json=batch)
            if answer["quarantined"]:
                raise AssertionError(
                    f"{answer['quarantined']} items of the demo were not understood"
                )
            done, offset = done + len(batch), answer["offset"]
            self._progress("Events of deals taken:", done, total)
        await self._counted(unit, offset)
        return count

    async def _is_there(self, deal: str) -> bool:
        """Batches go in one after the other, so the last deal's presence means all of them."""
        answer = await self._clients.kpi.get(
            f"/kpi/v1/deals/deal:{company.CONNECTION}:{deal}", headers=self._admin
        )
        return answer.status_code == 200

    async def _counted(self, unit: str, offset: int) -> None:
        """Wait until the funnel shows everything up to `offset`."""
        until = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        period = seasons.quarter_of(self._today).code
        query: dict[str, str | int] = {"scope": unit, "period": period, "min_offset": offset}
        while True:
            answer = await self._clients.kpi.get(
                "/kpi/v1/funnels", params=query, headers=self._admin
            )
            if answer.status_code == 200:
                return
            if asyncio.get_running_loop().time() > until:
                raise DemoFailed(f"the funnel does not reach offset {offset}: {answer.text}")

    async def _call(
        self, client: httpx.AsyncClient, method: str, path: str,
        *, headers: Mapping[str, str] | None = None, **request: Any,
    ) -> Any:  # fmt: skip
        answer = await client.request(method, path, headers=headers or self._admin, **request)
        if answer.is_error:
            raise DemoFailed(f"{method} {path} was answered {answer.status_code}: {answer.text}")
        return answer.json()
