"""A kpi that is only its log: heads, feed and facts, for tests of the services that follow it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from services.kit import ids
from services.kit.auth import Verifier
from services.kit.standing import SUPERSEDED

_START = datetime(2026, 1, 1, tzinfo=UTC)
_LOOKS = 40
"""How often a waiting request for heads looks again before it answers that nothing moved."""


class FakeLog:
    """Entries by tenant id; `away` answers every request with that status, or raises it."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self.names: dict[str, str] = {}
        self.entries: dict[str, list[dict[str, Any]]] = {}
        self.facts: list[dict[str, Any]] = []
        """What services said, each once, in order."""
        self.away: int | Exception | None = None
        self.asked = 0
        """Requests so far."""
        self._moved = asyncio.Condition()

    @property
    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self), base_url="http://kpi")

    def tenant(self, short_name: str) -> str:
        """A tenant's id; made on first mention."""
        for tenant_id, name in self.names.items():
            if name == short_name:
                return tenant_id
        tenant_id = ids.new()
        self.names[tenant_id] = short_name
        self.entries[tenant_id] = []
        return tenant_id

    async def append(
        self, tenant_id: str, type_: str, subject: str, payload: Mapping[str, Any], *,
        kind: str = "conclusion", at: datetime | None = _START, supersedes: Sequence[str] = (),
        id_: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """One entry at the head."""
        log = self.entries[tenant_id]
        entry = {
            "offset": len(log) + 1, "id": id_ or ids.new(), "kind": kind, "type": type_,
            "subject": subject, "effective_at": at.isoformat() if at else None,
            "recorded_at": _START.isoformat(), "supersedes": list(supersedes), "cause": None,
            "payload": dict(payload),
        }  # fmt: skip
        async with self._moved:
            log.append(entry)
            self._moved.notify_all()
        return entry

    async def fact(
        self, tenant_id: str, type_: str, subject: str, payload: Mapping[str, Any],
        *, at: datetime | None = _START,
    ) -> dict[str, Any]:  # fmt: skip
        return await self.append(tenant_id, type_, subject, payload, kind="fact", at=at)

    async def supersede(self, tenant_id: str, *entries: Mapping[str, Any]) -> dict[str, Any]:
        """Take conclusions of one subject back."""
        return await self.append(
            tenant_id, SUPERSEDED, entries[0]["subject"], {}, at=None,
            supersedes=[entry["id"] for entry in entries],
        )  # fmt: skip

    async def start_day(self, tenant_id: str, day: str, zone: str = "Asia/Shanghai") -> None:
        await self.fact(tenant_id, "day.started.v1", f"day:{day}", {"day": day, "zone": zone})

    async def configure(self, tenant_id: str, **changed: Any) -> None:
        payload = {
            "zone": "Asia/Shanghai", "currency": "CNY", "fiscal_start_month": 1,
            "week_rule": "iso_clipped", "effective_on": "2020-01-01", **changed,
        }  # fmt: skip
        await self.fact(tenant_id, "tenant.configured.v1", f"tenant:{tenant_id}", payload)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        viewer = await self._verifier.viewer(dict(request.headers))
        assert viewer.role == "service"
        self.asked += 1
        if isinstance(self.away, Exception):
            raise self.away
        if self.away is not None:
            return httpx.Response(self.away, json={"code": "unavailable"})
        path = request.url.path
        if path == "/kpi/v1/heads":
            return await self._heads(request.url.params)
        assert viewer.tenant_id is not None
        if path == "/kpi/v1/feed":
            return self._feed(viewer.tenant_id, request.url.params)
        assert path == "/kpi/v1/facts", path
        if viewer.tenant_id not in self.entries:  # made by a service, not by the test
            self.names[viewer.tenant_id] = viewer.tenant
            self.entries[viewer.tenant_id] = []
        return await self._take(viewer.tenant_id, orjson.loads(request.content)["facts"])

    async def _heads(self, asked: httpx.QueryParams) -> httpx.Response:
        for _ in range(_LOOKS):
            heads = {tenant_id: len(log) for tenant_id, log in self.entries.items()}
            if sum(heads.values()) != int(asked.get("mark", -1)) or not float(asked.get("wait", 0)):
                break
            async with self._moved:
                try:
                    async with asyncio.timeout(0.25):
                        await self._moved.wait()
                except TimeoutError:
                    continue
        body = {"heads": heads, "tenants": self.names, "mark": sum(heads.values())}
        return httpx.Response(200, json=body)

    def _feed(self, tenant_id: str, asked: httpx.QueryParams) -> httpx.Response:
        after, limit = int(asked["after"]), int(asked["limit"])
        log, types = self.entries[tenant_id], asked.get_list("type")
        wanted = [one for one in log[after:] if not types or one["type"] in types]
        items = wanted[:limit]
        next_after = items[-1]["offset"] if len(items) == limit else len(log)
        body = {"items": items, "head": len(log), "next_after": next_after}
        return httpx.Response(200, json=body)

    async def _take(self, tenant_id: str, facts: list[dict[str, Any]]) -> httpx.Response:
        known = {fact["id"] for fact in self.facts}
        new = [fact for fact in facts if fact["id"] not in known]
        self.facts += new
        for fact in new:
            await self.append(
                tenant_id, fact["type"], fact["subject"], fact["payload"], kind="fact",
                at=datetime.fromisoformat(fact["occurred_at"]), id_=fact["id"],
            )  # fmt: skip
        body = {
            "accepted": len(new), "duplicates": len(facts) - len(new),
            "offset": len(self.entries[tenant_id]),
        }  # fmt: skip
        return httpx.Response(200, json=body)
