"""The app of targets on a fresh database, with a kpi that is only its log."""

import contextlib
from datetime import UTC, datetime

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kit.auth import Signer, Verifier
from services.kit.projection import cursor
from services.targets.actions.look import PROJECTION
from services.targets.main import create_app
from services.targets.settings import TargetsSettings
from tests.support.fakelog import FakeLog

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)  # noon in Shanghai
CHINA = {"zone": "Asia/Shanghai", "currency": "CNY"}


class MovableClock:
    def __init__(self):
        self.instant = NOON

    def now(self):
        return self.instant


class World:
    """One running service: `call` speaks for a role of a tenant, `log` is what kpi has."""

    def __init__(self, app, client, signer, clock, log):
        self.app, self.client, self.signer, self.clock = app, client, signer, clock
        self.log = log

    @property
    def facts(self):
        return self.log.facts

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

    async def post(self, path, body=None, *, status=200, **more):
        answer = await self.call("POST", path, json=body, **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def declare(self, *codes, tenant="demo"):
        """Metrics that kpi has declared and this service has heard of."""
        tenant_id = (await self.get("/tenant", tenant=tenant))["id"]
        await self.delivered()
        for code in codes or METRICS:
            await self.log.fact(
                tenant_id, "metric.declared.v1", f"metric:{code}",
                {"code": code, "numerator": [], **METRICS[code]},
            )  # fmt: skip
        offset = len(self.log.entries[tenant_id])
        office = self.app.state.office
        for _ in range(100):
            async with office.database.read(tenant_id) as connection:
                if await cursor(connection, tenant_id, PROJECTION) >= offset:
                    return tenant_id
            await office.heard.wait(tenant_id, 0.1)
        raise AssertionError("the log was not heard")


METRICS = {
    "sales": {"name": {"en": "Sales", "zh": "销售额"}, "kind": "result", "unit": "money",
              "direction": "higher", "denominator": None},
    "visits": {"name": {"en": "Visits", "zh": "拜访量"}, "kind": "process", "unit": "count",
               "direction": "higher", "denominator": None},
    "win_rate": {"name": {"en": "Win rate", "zh": "赢单率"}, "kind": "result", "unit": "percent",
                 "direction": "higher", "denominator": []},
}  # fmt: skip


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
    key = Ed25519PrivateKey.generate()
    clock = MovableClock()
    log = FakeLog(Verifier(key.public_key()))
    async with contextlib.AsyncExitStack() as stack:
        kpi = await stack.enter_async_context(log.client)
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
        yield World(app, client, Signer(key), clock, log)


@pytest.fixture
async def loaded(world):
    """The tenant `demo` with its company, as of new year."""
    await world.configure()
    await world.load(**COMPANY)
    return world


@pytest.fixture
async def planning(loaded):
    """The same with metrics: plans can be made."""
    await loaded.declare()
    return loaded
