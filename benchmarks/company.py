"""The company whose deals the load is about, and what its CRM and its programs send."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson

from benchmarks.sizes import REPS, TEAMS
from benchmarks.stand import Server
from services.kit import ids
from services.kpi.vendors import standard_webhooks

STAGES = ("lead", "intent", "negotiation")
PRODUCTS = ("suite", "support", "training")
_PIPELINE = [
    {"code": code, "name": code.title(), "kind": code if code in {"won", "lost"} else "open"}
    for code in (*STAGES, "won", "lost")
]
MAPPING: dict[str, Any] = {
    "mapping": 1, "connection": "crm", "zone": "Asia/Shanghai", "currency": "CNY",
    "pipeline": {"code": "sales", "name": "Sales", "stages": _PIPELINE},
    "deal": "data.deal", "owners": "crm",
    "lookups": {"stages": {stage["code"]: stage["code"] for stage in _PIPELINE}},
    "observations": [
        {
            "kind": "delta", "at": {"path": "data.at"}, "version": "data.version",
            "set": {
                "stage": {"path": "data.stage", "lookup": "stages"},
                "amount": {"path": "data.amount"}, "owners": {"path": "data.owner"},
                "product": {"path": "data.product"}, "account": {"path": "data.account"},
            },
        }
    ],
}  # fmt: skip


@dataclass
class Company:
    """A tenant with teams, reps and one connection that delivers webhooks."""

    server: Server
    client: httpx.AsyncClient
    name: str = "bench"
    size: int = REPS
    """How many reps it has."""
    teams: int = TEAMS
    tenant_id: str = field(default_factory=ids.new)
    reps: list[str] = field(default_factory=list)
    """Our ids by number."""
    units: dict[str, str] = field(default_factory=dict)
    """Our ids by name: `company`, `team-0` and on."""
    webhook_path: str = ""
    secret: bytes = b""

    def __post_init__(self) -> None:
        self._signer = self.server.keys().signer

    def bearer(self, role: Any = "sales_ops", member: str | None = None) -> dict[str, str]:
        if role == "service":
            token = self._signer.service_token("headwater", self.name, self.tenant_id)
        else:
            token = self._signer.sign(
                tenant=self.name, role=role, subject=member or role, member_id=member,
                seconds=3600,
            )  # fmt: skip
        return {"authorization": f"Bearer {token}"}

    async def ask(
        self, method: str, path: str, body: Any = None, role: str = "sales_ops"
    ) -> dict[str, Any]:
        content = None if body is None else orjson.dumps(body)
        headers = {"content-type": "application/json", **self.bearer(role)}
        answer = await self.client.request(method, path, content=content, headers=headers)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def build(self) -> None:
        tenant = {"zone": "Asia/Shanghai", "currency": "CNY", "id": self.tenant_id}
        await self.ask("PUT", f"/targets/v1/tenants/{self.name}", tenant, "service")
        teams = [f"team-{number}" for number in range(self.teams)]
        units = [{"external_id": "company", "name": "company"}] + [
            {"external_id": team, "name": team, "parent_external_id": "company"} for team in teams
        ]
        members = [
            {
                "external_id": rep_name(n),
                "name": rep_name(n),
                "unit_external_id": teams[n % self.teams],
            }
            for n in range(self.size)
        ]
        organisation = {
            "connection": "crm", "as_of": "2020-01-01", "units": units, "members": members,
        }  # fmt: skip
        await self.ask("POST", "/targets/v1/organisation", organisation)
        while (await self.ask("GET", "/targets/v1/outbox", role="service"))["pending"]:
            pass
        made = await self.ask("PUT", "/kpi/v1/connections/crm", {"mapping": MAPPING})
        self.webhook_path = made["webhook_path"]
        self.secret = standard_webhooks.secret_bytes(made["secret"])
        by_name = {one["name"]: one["id"] for one in await self.everything("/targets/v1/members")}
        self.reps = [by_name[rep_name(n)] for n in range(self.size)]
        self.units = {u["name"]: u["id"] for u in await self.everything("/targets/v1/units")}
        await self.settle()

    async def everything(self, path: str) -> list[dict[str, Any]]:
        """All pages of a list."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = await self.ask("GET", f"{path}?limit=100{cursor}")
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    async def settle(self, *services: str) -> None:
        """Until what follows from the log has caught up with it: nothing of one round is left.

        kpi's own figures, and those of the `services` that are named.
        """
        for service in ("kpi", *services):
            while True:
                heads = await self.ask("GET", "/kpi/v1/heads", role="service")
                path = f"/{service}/v1/changes?after=-1"
                at = await self.ask("GET", path, role="service")
                if at["offset"] >= heads["heads"][self.tenant_id]:
                    break

    async def accepted(self, source: str) -> int:
        """Items of `source` that the server took as new, and nothing else: all else is a fault."""
        text = (await self.client.get("/metrics")).text
        counts = {
            line.partition('result="')[2].partition('"')[0]: float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith("ingest_items_total{") and f'source="{source}"' in line
        }
        others = {result: count for result, count in counts.items() if result != "accepted"}
        if any(others.values()):
            raise AssertionError(f"the server did not accept every item of {source}: {others}")
        return int(counts.get("accepted", 0))


@contextlib.asynccontextmanager
async def built(server: Server) -> AsyncIterator[Company]:
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        company = Company(server, client)
        await company.build()
        yield company


def updates(label: str, deals: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Endless updates of `deals` deals, each in turn; with the number of the rep who owns it.

    A deal passes its stages, is won or lost, and then changes its amount on and on.
    """
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=200)
    turn = 0
    while True:
        at = (begin + timedelta(days=turn % 190, seconds=turn)).isoformat()
        for number in range(deals):
            closed = "won" if number % 3 else "lost"
            yield (
                number % REPS,
                {
                    "deal": f"{label}-{number}", "at": at, "version": turn + 1,
                    "stage": STAGES[turn] if turn < len(STAGES) else closed,
                    "amount": f"{10_000 + number * 7 + max(0, turn - len(STAGES)) * 100}.00",
                    "owner": rep_name(number % REPS), "product": PRODUCTS[number % len(PRODUCTS)],
                    "account": f"Account {number % 997}",
                },
            )  # fmt: skip
        turn += 1


def delivery(update: dict[str, Any]) -> bytes:
    """The body of a webhook about `update`, with what a CRM tells beside."""
    data = {**update, "name": f"Deal {update['deal']}", "currency": "CNY", "probability": 40}
    return orjson.dumps({"type": "deal.updated", "timestamp": update["at"], "data": data})


def event(label: str, number: int, update: dict[str, Any]) -> dict[str, Any]:
    """`update` as an event of our own API."""
    data = {name: value for name, value in update.items() if name != "at"}
    data["owner"] = f"crm:{data['owner']}"
    return {
        "id": f"{label}-{number}", "source": "bench", "type": "deal.observed.v1",
        "time": update["at"], "data": data,
    }  # fmt: skip


def rep_name(number: int) -> str:
    return f"rep-{number:02}"
