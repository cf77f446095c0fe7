"""The app of targets on a fresh database, with a kpi that takes every fact and remembers it."""

import contextlib
from datetime import UTC, datetime

import httpx
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kit.auth import Signer, Verifier
from services.targets.main import create_app
from services.targets.settings import TargetsSettings

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)  # noon in Shanghai
CHINA = {"zone": "Asia/Shanghai", "currency": "CNY"}


class MovableClock:
    def __init__(self):
        self.instant = NOON

    def now(self):
        return self.instant


class World:
    """One running service: `call` speaks for a role of a tenant, `facts` are what kpi took."""

    def __init__(self, app, client, signer, clock, facts):
        self.app, self.client, self.signer, self.clock = app, client, signer, clock
        self.facts = facts

    def token(self, tenant, role, member=None, subject="someone"):
        return self.signer.sign(
            tenant=tenant, role=role, subject=subject, seconds=300, member_id=member
        )

    async def call(
        self, method, path, *, tenant="demo", role="admin", member=None, subject="someone",
        headers=None, **more,
    ):  # fmt: skip
        token = self.token(tenant, role, member, subject)
        return await self.client.request(
            method, f"/targets/v1{path}",
            headers={"authorization": f"Bearer {token}", **(headers or {})}, **more,
        )  # fmt: skip

    async def get(self, path, *, status=200, **more):
        answer = await self.call("GET", path, **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def configure(self, tenant="demo", *, status=201, **changed):
        answer = await self.call(
            "PUT", f"/tenants/{tenant}", tenant=tenant, role="service", subject="headwater",
            json=CHINA | changed,
        )  # fmt: skip
        assert answer.status_code == status, answer.text
        return answer.json()

    async def load(self, *, status=200, tenant="demo", role="sales_ops", headers=None, **statement):
        body = {"connection": "hr", "as_of": "2026-01-01"} | statement
        answer = await self.call(
            "POST", "/organisation", tenant=tenant, role=role, json=body, headers=headers
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    async def delivered(self):
        """Every fact so far, after the outbox handed over what it has."""
        office = self.app.state.office
        async with office.database.read(None) as connection:
            tenants = await connection.fetch("SELECT id::text FROM tenant")
        for tenant in tenants:
            while (await office.outbox.pending(tenant["id"]))[0]:
                await office.outbox._deliver_all()
        return list(self.facts)


def unit(external_id, parent=None, manager=None, **more):
    return {
        "external_id": external_id, "name": external_id.title(), "parent_external_id": parent,
        "manager_external_id": manager, **more,
    }  # fmt: skip


def member(external_id, in_unit=None, **more):
    return {
        "external_id": external_id,
        "name": external_id.title(),
        "unit_external_id": in_unit,
        **more,
    }


COMPANY = {
    "units": [
        unit("company", manager="boss"), unit("east", "company", "li"), unit("west", "company", "qi"),
        unit("shanghai", "east"), unit("suzhou", "east"),
    ],
    "members": [
        member("boss"), member("li"), member("qi"),
        member("wang", "shanghai", joined_on="2025-11-23"), member("zhou", "suzhou"),
        member("chen", "west"), member("zhao", "west"),
    ],
}  # fmt: skip


@pytest.fixture
def company():
    return COMPANY


@pytest.fixture
async def world(clone):
    facts = []

    def take(request):
        facts.extend(orjson.loads(request.content)["facts"])
        return httpx.Response(202, json={})

    key = Ed25519PrivateKey.generate()
    clock = MovableClock()
    async with contextlib.AsyncExitStack() as stack:
        kpi = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.MockTransport(take), base_url="http://kpi")
        )
        app = create_app(
            TargetsSettings(targets_database_url=clone("targets").app),
            kpi=kpi, signer=Signer(key), verifier=Verifier(key.public_key()), clock=clock,
        )  # fmt: skip
        await stack.enter_async_context(app.router.lifespan_context(app))
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app, raise_app_exceptions=True),
                base_url="http://targets",
            )
        )
        yield World(app, client, Signer(key), clock, facts)


@pytest.fixture
async def loaded(world):
    """The tenant `demo` with its company, as of new year."""
    await world.configure()
    await world.load(**COMPANY)
    return world
