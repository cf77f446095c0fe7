"""incentives over a fresh database and a log of the test's own: deals are told in one line each."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from services.incentives.actions.rebuild import pay
from services.incentives.main import create_app
from services.incentives.settings import IncentivesSettings
from services.kit.auth import Signer, Verifier
from services.kit.beside import Finding
from services.kit.feed import Feed
from tests.support.fakelog import FakeLog

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
ANN, BEN, CAI, LI, FAY = (str(uuid.UUID(int=n)) for n in range(1, 6))
"""Three reps, their manager, and one of finance."""
TEAM, OTHER, COMPANY = (str(uuid.UUID(int=n)) for n in range(11, 14))
BANDS: list[dict[str, Any]] = [
    {"up_to": "1000000.00", "rate_bp": 800},
    {"up_to": "2000000.00", "rate_bp": 1000},
    {"up_to": None, "rate_bp": 1200},
]
_STAGE = {"pipeline": "sales", "code": "won", "kind": "won", "position": 5}


class StillClock:
    def now(self) -> datetime:
        return NOON


def plan(name: str = "Sales", mode: str = "marginal", **changed: Any) -> dict[str, Any]:
    component = {"mode": mode, "bands": BANDS, "rounding": changed.pop("rounding", "half_even")}
    return {"name": name, "currency": "CNY", "components": [component], **changed}


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+08:00")


class World:
    """One running service of the tenant `demo`, and the log it follows."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient, signer: Signer, log: FakeLog):
        self.app, self.client, self.signer, self.log = app, client, signer, log
        self.tenant_id = log.tenant("demo")

    async def call(
        self, method: str, path: str, *, tenant: str = "demo", role: Any = "finance",
        member: str | None = FAY, headers: Mapping[str, str] | None = None,
        subject: str = "someone", **more: Any,
    ) -> httpx.Response:  # fmt: skip
        token = self.signer.sign(
            tenant=tenant, role=role, subject=subject, seconds=300, member_id=member
        )
        return await self.client.request(
            method, f"/incentives/v1{path}",
            headers={"authorization": f"Bearer {token}", **(headers or {})}, **more,
        )  # fmt: skip

    async def get(self, path: str, *, status: int = 200, **more: Any) -> Any:
        answer = await self.call("GET", path, **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, path: str, *, status: int = 200, **more: Any) -> Any:
        answer = await self.call("POST", path, **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def organise(self) -> None:
        """ann and ben in the team of li, cai and fay in another one."""
        log, tenant = self.log, self.tenant_id
        await log.configure(tenant)
        for unit, parent, manager in (
            (COMPANY, None, None), (TEAM, COMPANY, LI), (OTHER, COMPANY, None),
        ):  # fmt: skip
            place = {
                "parent_id": parent, "manager_id": manager, "starts_on": "2020-01-01",
                "ends_on": None,
            }  # fmt: skip
            payload = {
                "unit_id": unit, "external_id": f"hr:{unit[-2:]}", "manager_id": manager,
                "placements": [place],
            }  # fmt: skip
            await log.fact(tenant, "unit.placed.v1", f"unit:{unit}", payload)
        for member, unit in ((ANN, TEAM), (BEN, TEAM), (CAI, OTHER), (LI, TEAM), (FAY, OTHER)):
            joined = {
                "member_id": member, "external_id": f"hr:{member[-2:]}", "joined_on": "2020-01-01",
                "left_on": None,
            }  # fmt: skip
            await log.fact(tenant, "member.joined.v1", f"member:{member}", joined)
            await self.move(member, unit)

    async def move(self, member: str, unit: str, starts_on: str = "2020-01-01") -> None:
        span = {"unit_id": unit, "starts_on": starts_on, "ends_on": None, "share_bp": 10_000}
        await self.log.fact(
            self.tenant_id, "member.moved.v1", f"member:{member}",
            {"member_id": member, "memberships": [span]},
        )  # fmt: skip

    async def caught_up(self) -> int:
        """The log's head, once all of it and all that followed from it is taken."""
        office = self.app.state.office
        while (await office.outbox.pending(self.tenant_id))[0]:
            await office.outbox._deliver_all()
        head = len(self.log.entries[self.tenant_id])
        async with asyncio.timeout(10):
            while True:
                answer = await self.call(
                    "GET", "/changes?after=-1", role="service", subject="gateway", member=None
                )
                if answer.status_code == 200 and answer.json()["offset"] >= head:
                    return head
                await asyncio.sleep(0.02)

    async def use(self, document: Mapping[str, Any], since: str = "2026-Q1") -> str:
        """Draft and activate a plan; its id."""
        await self.caught_up()
        made = await self.post("/plans", json=document, status=201)
        plan_id: str = made["plan"]["id"]
        await self.post(f"/plans/{plan_id}/activate", json={"effective_from": since})
        return plan_id

    async def earned(self, member: str, period: str = "2026-Q1", **who: Any) -> Any:
        """The member's earnings once all is taken; None where there are none to see."""
        await self.caught_up()
        found = await self.get(f"/earnings?member={member}&period={period}", **who)
        return found["items"][0] if found["items"] else None

    async def close(self, member: str, period: str) -> Any:
        await self.caught_up()
        items = (await self.get(f"/statements?member={member}&period={period}"))["items"]
        assert len(items) == 1
        await self.post(f"/statements/{items[0]['id']}/approve")
        closed = await self.post(f"/statements/{items[0]['id']}/close")
        await self.caught_up()
        return closed["statement"]

    async def doctor(self) -> Finding:
        office = self.app.state.office
        feed = Feed(service="incentives", kpi=self.log.client, signer=self.signer)
        return await pay(feed).check(office.database, self.tenant_id, lambda _done, _all: None)


def owners(*shares: tuple[str, int] | str) -> list[dict[str, Any]]:
    pairs = [(one, 10_000) if isinstance(one, str) else one for one in shares]
    return [{"member": member, "share_bp": share} for member, share in pairs]


def won(name: str, day: str, major: int, *shares: tuple[str, int] | str) -> dict[str, Any]:
    """A win, as arguments of FakeLog.append."""
    return _deal("deal.won.v1", name, day, major, shares or (ANN,))


def deal_event(
    type_: str, name: str, day: str, major: int, *shares: tuple[str, int] | str,
    stage: str = "won", order: int = 1,
) -> dict[str, Any]:  # fmt: skip
    found = _deal(type_, name, day, major, shares or (ANN,))
    found["payload"] |= {"stage": _STAGE | {"kind": stage}, "order": order}
    return found


def _deal(
    type_: str, name: str, day: str, major: int, shares: Sequence[tuple[str, int] | str]
) -> dict[str, Any]:
    payload = {
        "stage": _STAGE, "amount": {"minor": major * 100, "currency": "CNY"},
        "owners": owners(*shares), "product": None, "channel": None, "account": "acme",
        "precision": "instant", "incomplete": False, "order": 0,
    }  # fmt: skip
    return {"type_": type_, "subject": f"deal:crm:{name}", "payload": payload, "at": noon(day)}


def refunded(
    name: str, day: str, major: int, deal: str | None = None, contract: str | None = None
) -> dict[str, Any]:
    payload = {
        "account": "acme", "contract": contract and f"contract:crm:{contract}",
        "deal": deal and f"deal:crm:{deal}", "owners": [],
        "amount": {"minor": major * 100, "currency": "CNY"}, "order": 0, "precision": "instant",
    }  # fmt: skip
    return {
        "type_": "collection.refunded.v1", "subject": f"refund:crm:{name}", "payload": payload,
        "at": noon(day),
    }  # fmt: skip


def contract(name: str, day: str, deal: str | None) -> dict[str, Any]:
    payload = {
        "account": "acme", "deal": deal and f"deal:crm:{deal}", "owners": [], "amount": None,
        "annual_fee": None, "starts_on": day, "ends_on": None, "contract_kind": "new",
        "renews": None, "schedule": [], "order": 0, "precision": "day",
    }  # fmt: skip
    return {
        "type_": "contract.signed.v1", "subject": f"contract:crm:{name}", "payload": payload,
        "at": noon(day),
    }  # fmt: skip


@contextlib.asynccontextmanager
async def running(url: str) -> AsyncIterator[World]:
    key = Ed25519PrivateKey.generate()
    log = FakeLog(Verifier(key.public_key()))
    async with contextlib.AsyncExitStack() as stack:
        kpi = await stack.enter_async_context(log.client)
        app = create_app(
            IncentivesSettings(incentives_database_url=url), kpi=kpi, signer=Signer(key),  # type: ignore[arg-type]
            verifier=Verifier(key.public_key()), clock=StillClock(),
        )  # fmt: skip
        await stack.enter_async_context(app.router.lifespan_context(app))
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app, raise_app_exceptions=True),
                base_url="http://incentives",
            )
        )
        yield World(app, client, Signer(key), log)
