"""The app of customers on an empty database, following a kpi that is only its log."""

import contextlib
from datetime import UTC, datetime

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.customers.actions.project import customer_id
from services.customers.actions.rebuild import customers as rebuilt
from services.customers.main import create_app
from services.customers.settings import CustomersSettings
from services.kit import consumer, outbox, projection
from services.kit.auth import Signer, Verifier
from services.kit.feed import Feed
from tests.support.accounts import member
from tests.support.fakelog import FakeLog
from tests.support.gate import until

NOON = datetime(2026, 1, 15, 4, tzinfo=UTC)  # noon in Shanghai


class MovableClock:
    def __init__(self):
        self.instant = NOON

    def now(self):
        return self.instant


class World:
    """One running service and the log that it follows; the tenant is `demo`."""

    def __init__(self, app, client, signer, clock, log, admin):
        self.app, self.client, self.signer, self.clock = app, client, signer, clock
        self.log, self.admin = log, admin
        self.tenant_id = log.tenant("demo")

    @property
    def office(self):
        return self.app.state.office

    def customer(self, account):
        return customer_id(self.tenant_id, account)

    async def call(
        self, method, path, *, tenant="demo", role="admin", member=None, subject="someone",
        headers=None, **more,
    ):  # fmt: skip
        token = self.signer.sign(
            tenant=tenant, role=role, subject=subject, seconds=300, member_id=member
        )
        return await self.client.request(
            method, f"/customers/v1{path}",
            headers={"authorization": f"Bearer {token}", **(headers or {})}, **more,
        )  # fmt: skip

    async def get(self, path, *, status=200, **more):
        answer = await self.call("GET", path, **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def settled(self, tenant_id=None):
        """Everything in the log is projected, and every fact has left and come back."""
        tenant_id = tenant_id or self.tenant_id
        database = self.office.database

        async def still():
            async with database.read(tenant_id) as connection:
                reached = await projection.cursor(connection, tenant_id, "customers")
            waiting, _ = await self.office.outbox.pending(tenant_id)
            return waiting == 0 and reached == len(self.log.entries[tenant_id])

        self.office.outbox.wake()
        await until(still)

    async def organise(self):
        """company ← east (li) ← shanghai: ann, bob; company ← west (qi): cid. eve serves."""
        await self.log.configure(self.tenant_id)
        for unit, parent, boss in (
            ("company", None, "boss"), ("east", "company", "li"), ("shanghai", "east", None),
            ("west", "company", "qi"),
        ):  # fmt: skip
            place = {
                "parent_id": parent and member(parent), "manager_id": boss and member(boss),
                "starts_on": "2020-01-01", "ends_on": None,
            }  # fmt: skip
            await self.log.fact(
                self.tenant_id, "unit.placed.v1", f"unit:{member(unit)}",
                {"unit_id": member(unit), "external_id": f"hr:{unit}", "placements": [place],
                 "parent_id": place["parent_id"], "manager_id": place["manager_id"]},
            )  # fmt: skip
        for name, unit in (
            ("boss", None), ("li", None), ("qi", None), ("ann", "shanghai"), ("bob", "shanghai"),
            ("cid", "west"), ("eve", "west"),
        ):  # fmt: skip
            await self.join(name, unit)

    async def join(self, name, unit, since="2020-01-01"):
        await self.log.fact(
            self.tenant_id, "member.joined.v1", f"member:{member(name)}",
            {"member_id": member(name), "external_id": f"hr:{name}", "joined_on": since,
             "left_on": None},
        )  # fmt: skip
        await self.log.fact(
            self.tenant_id, "member.moved.v1", f"member:{member(name)}",
            {"member_id": member(name), "memberships": [
                {"unit_id": member(unit), "starts_on": since, "ends_on": None, "share_bp": 10_000}
            ] if unit else []},
        )  # fmt: skip

    async def day(self, day):
        await self.log.start_day(self.tenant_id, day)

    async def say(self, made):
        """Append an entry that tests.support.accounts made."""
        return await self.log.append(
            self.tenant_id, made.type, made.subject, made.payload, at=made.at,
            supersedes=made.supersedes, id_=made.id,
        )  # fmt: skip

    async def read(self, account):
        found = await self.get("/customers", params={"id": account})
        return found["items"][0] if found["items"] else None

    def told(self, type_):
        """What the log was told, by account and day."""
        return [
            (fact["payload"]["account"], fact["payload"]["effective_on"],
             fact["payload"].get("tier", fact["payload"].get("class")))
            for fact in self.log.facts if fact["type"] == type_
        ]  # fmt: skip

    def beside(self):
        """Doctor and replay over this log."""
        return rebuilt(Feed(service="customers", kpi=self.log.client, signer=self.signer))

    async def doctor(self, tenant_id=None):
        """Differences between the live projection and one rebuilt from the log."""
        return await self.beside().check(
            self.office.database, tenant_id or self.tenant_id, lambda _done, _all: None
        )


@pytest.fixture(scope="module")
def urls(clone):
    return clone("customers")


@pytest.fixture
def shared(urls):
    return urls.app


@pytest.fixture
def clone_owner(urls):
    return urls.owner


@pytest.fixture
async def world(shared, server, monkeypatch):
    monkeypatch.setattr(consumer, "_RETRY_SECONDS", 0.02)
    monkeypatch.setattr(outbox, "_RETRY_SECONDS", 0.02)
    admin = await asyncpg.connect(server.url(shared.rpartition("/")[2]))
    tables = await admin.fetch(
        "SELECT schemaname || '.' || tablename FROM pg_tables "
        "WHERE schemaname IN ('public', 'beside') AND tablename <> 'alembic_version'"
    )
    await admin.execute("TRUNCATE " + ", ".join(row[0] for row in tables))
    key = Ed25519PrivateKey.generate()
    verifier, clock = Verifier(key.public_key()), MovableClock()
    log = FakeLog(verifier)
    async with contextlib.AsyncExitStack() as stack:
        kpi = await stack.enter_async_context(log.client)
        app = create_app(
            CustomersSettings(customers_database_url=shared),
            kpi=kpi, signer=Signer(key), verifier=verifier, clock=clock,
        )  # fmt: skip
        made = World(app, None, Signer(key), clock, log, admin)
        await made.organise()
        await stack.enter_async_context(app.router.lifespan_context(app))
        made.client = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app, raise_app_exceptions=True),
                base_url="http://customers",
            )
        )
        yield made
    await admin.close()
