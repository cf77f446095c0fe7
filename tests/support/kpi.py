"""A kpi in this process over a fresh database, and what a tenant needs in it."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from services.kit import ids
from services.kit.auth import Signer, Verifier
from services.kit.vault import Vault, new_key
from services.kpi.main import create_app
from services.kpi.settings import KpiSettings
from services.kpi.vendors import standard_webhooks

STAGES = [
    {"code": "lead", "name": "Lead", "kind": "open"},
    {"code": "intent", "name": "Intent", "kind": "open"},
    {"code": "negotiation", "name": "Negotiation", "kind": "open"},
    {"code": "won", "name": "Won", "kind": "won"},
    {"code": "lost", "name": "Lost", "kind": "lost"},
]
MAPPING: dict[str, Any] = {
    "mapping": 1, "connection": "crm", "zone": "Asia/Shanghai", "currency": "CNY",
    "pipeline": {"code": "sales", "name": "Sales", "stages": STAGES},
    "deal": "deal", "owners": "crm",
    "lookups": {"stages": {stage["code"]: stage["code"] for stage in STAGES}},
    "observations": [
        {
            "kind": "delta", "at": {"path": "at"}, "version": "version",
            "set": {
                "stage": {"path": "stage", "lookup": "stages"}, "amount": {"path": "amount"},
                "owners": {"path": "owner"}, "product": {"path": "product"},
            },
        }
    ],
}  # fmt: skip


class MovingClock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class Company:
    """A tenant with a region, two teams and three reps."""

    tenant: str
    tenant_id: str = field(default_factory=ids.new)
    units: dict[str, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)


@dataclass
class RunningKpi:
    app: FastAPI
    client: httpx.AsyncClient
    signer: Signer
    clock: MovingClock
    webhook_path: str = ""
    secret: str = ""

    def token(
        self, tenant: str, role: Any = "sales_ops", member: str | None = None
    ) -> dict[str, str]:
        token = self.signer.sign(
            tenant=tenant, role=role, subject=member or role, seconds=900, member_id=member
        )
        return {"authorization": f"Bearer {token}"}

    def service(self, company: Company, name: str = "targets") -> dict[str, str]:
        return {
            "authorization": "Bearer "
            + self.signer.service_token(name, company.tenant, company.tenant_id)
        }

    async def facts(self, company: Company, *facts: tuple[str, str, Mapping[str, Any]]) -> Any:
        answer = await self.client.post(
            "/kpi/v1/facts",
            headers=self.service(company),
            json={
                "facts": [
                    {
                        "id": ids.new(), "type": type_, "subject": subject,
                        "occurred_at": self.clock.now().isoformat(), "payload": payload,
                    }
                    for type_, subject, payload in facts
                ]
            },
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def company(self, tenant: str = "acme", *, zone: str = "Asia/Shanghai") -> Company:
        company = Company(tenant)
        company.units = {name: ids.new() for name in ("region", "north", "south")}
        company.members = {name: ids.new() for name in ("ann", "ben", "cai", "boss")}
        units, members = company.units, company.members
        await self.facts(
            company,
            ("tenant.configured.v1", f"tenant:{company.tenant_id}", {
                "zone": zone, "currency": "CNY", "fiscal_start_month": 1,
                "week_rule": "iso_clipped", "effective_on": "2020-01-01",
            }),
            *(unit(units[n], n, units.get(parent), members["boss"] if n == "north" else None)
              for n, parent in (("region", ""), ("north", "region"), ("south", "region"))),
            *(joined(members[n], n) for n in members),
            *(moved(members[n], [(units[u], "2020-01-01", None)])
              for n, u in (("ann", "north"), ("ben", "north"), ("cai", "south"), ("boss", "north"))),
        )  # fmt: skip
        return company

    async def connect(self, company: Company, mapping: Mapping[str, Any] | None = MAPPING) -> None:
        answer = await self.client.put(
            "/kpi/v1/connections/crm", headers=self.token(company.tenant), json={"mapping": mapping}
        )
        assert answer.status_code == 201, answer.text
        self.webhook_path, self.secret = answer.json()["webhook_path"], answer.json()["secret"]

    async def deliver(self, body: Any, message_id: str | None = None, **how: Any) -> httpx.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = standard_webhooks.sign(
            standard_webhooks.secret_bytes(how.get("secret", self.secret)),
            message_id or ids.new(),
            how.get("at", self.clock.now()),
            raw,
        )
        return await self.client.post(
            how.get("path", self.webhook_path), content=raw,
            headers={"content-type": "application/json", **headers, **how.get("headers", {})},
        )  # fmt: skip

    async def funnel(
        self, company: Company, scope: str, period: str, *, offset: int | None = None, **more: Any
    ) -> dict[str, Any]:
        parameters = {"scope": scope, "period": period, **more}
        if offset is not None:
            parameters["min_offset"] = offset
        answer = await self.client.get(
            "/kpi/v1/funnels", headers=self.token(company.tenant), params=parameters
        )
        assert answer.status_code == 200, answer.text
        (found,) = answer.json()["items"]
        return found  # type: ignore[no-any-return]


def unit(id_: str, name: str, parent: str | None, manager: str | None) -> tuple[str, str, Any]:
    place = {"parent_id": parent, "manager_id": manager, "starts_on": "2020-01-01", "ends_on": None}
    return "unit.placed.v1", f"unit:{id_}", {
        "unit_id": id_, "external_id": f"crm:{name}", "parent_id": parent, "manager_id": manager,
        "placements": [place],
    }  # fmt: skip


def joined(id_: str, name: str) -> tuple[str, str, Any]:
    return "member.joined.v1", f"member:{id_}", {
        "member_id": id_, "external_id": f"crm:{name}", "joined_on": "2020-01-01", "left_on": None,
    }  # fmt: skip


def moved(id_: str, spans: Sequence[tuple[str, str, str | None]]) -> tuple[str, str, Any]:
    return "member.moved.v1", f"member:{id_}", {
        "member_id": id_,
        "memberships": [
            {"unit_id": unit_id, "starts_on": start, "ends_on": end, "share_bp": 10_000}
            for unit_id, start, end in spans
        ],
    }  # fmt: skip


@contextlib.asynccontextmanager
async def running_kpi(url: str, at: datetime | None = None) -> AsyncIterator[RunningKpi]:
    """kpi with all its background work, asked without a socket."""
    signer = Signer(Ed25519PrivateKey.generate())
    clock = MovingClock(at or datetime(2026, 3, 31, 4, tzinfo=UTC))
    app = create_app(
        KpiSettings(kpi_database_url=url), verifier=Verifier(signer.public_key), clock=clock,
        vault=Vault(new_key()),
    )  # fmt: skip
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://kpi") as client,
    ):
        yield RunningKpi(app, client, signer, clock)


def stage(funnel: Mapping[str, Any], code: str) -> dict[str, Any]:
    return next(found for found in funnel["stages"] if found["code"] == code)
