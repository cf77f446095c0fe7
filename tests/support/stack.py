"""Every part in this process behind a real socket, over fresh databases."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import ClientConnection, connect

from headwater.databases import Urls
from headwater.installation import Keys
from headwater.serving import server_of
from headwater.stack import Stack
from services.kit import ids
from services.kit.auth import Signer, Verifier
from services.kit.clock import Clock, SystemClock
from services.kit.vault import Vault, new_key
from services.kpi.vendors import standard_webhooks
from tests.support.kpi import MAPPING

ORGANISATION: dict[str, Any] = {
    "connection": "crm", "as_of": "2020-01-01",
    "units": [
        {"external_id": "region", "name": "East"},
        {"external_id": "north", "name": "North", "parent_external_id": "region",
         "manager_external_id": "boss"},
        {"external_id": "south", "name": "South", "parent_external_id": "region"},
    ],
    "members": [
        {"external_id": name, "name": name.title(), "unit_external_id": unit,
         "joined_on": "2020-01-01"}
        for name, unit in (("boss", "north"), ("ann", "north"), ("ben", "north"), ("cai", "south"))
    ],
}  # fmt: skip


@dataclass
class Tenant:
    name: str
    id: str
    webhook_path: str
    secret: str
    members: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)


@dataclass
class RunningStack:
    """Everything behind `url`. `suffix` keeps the tenants of tests that share it apart."""

    url: str
    client: httpx.AsyncClient
    signer: Signer
    suffix: str = ""

    def token(
        self, tenant: str, role: Any = "sales_ops", member: str | None = None
    ) -> dict[str, str]:
        token = self.signer.sign(
            tenant=self.named(tenant),
            role=role,
            subject=member or role,
            seconds=900,
            member_id=member,
        )
        return {"authorization": f"Bearer {token}"}

    def named(self, tenant: str) -> str:
        return tenant if tenant.endswith(self.suffix) else tenant + self.suffix

    def service(self, tenant: Tenant, name: str) -> dict[str, str]:
        """One of the installation's services acts for the tenant."""
        token = self.signer.service_token(name, tenant.name, tenant.id)
        return {"authorization": f"Bearer {token}"}

    async def tenant(self, name: str) -> Tenant:
        """A configured tenant with its organisation known to kpi and a connection."""
        name = self.named(name)
        installation = {
            "authorization": f"Bearer {self.signer.service_token('headwater', name, ids.new())}"
        }
        made = await self.client.put(
            f"/targets/v1/tenants/{name}",
            headers=installation,
            json={"zone": "Asia/Shanghai", "currency": "CNY"},
        )
        assert made.status_code in {200, 201}, made.text
        admin = self.token(name, "admin")
        answer = await self.client.post(
            "/targets/v1/organisation", headers=admin, json=ORGANISATION
        )
        assert answer.status_code == 200, answer.text
        while (await self.client.get("/targets/v1/outbox", headers=admin)).json()["pending"]:
            await asyncio.sleep(0.01)
        connection = await self.client.put(
            "/kpi/v1/connections/crm", headers=admin, json={"mapping": MAPPING}
        )
        assert connection.status_code == 201, connection.text
        tenant = Tenant(
            name, made.json()["id"], connection.json()["webhook_path"], connection.json()["secret"]
        )
        for kind, found in (("members", tenant.members), ("units", tenant.units)):
            asked = [f"crm:{row['external_id']}" for row in ORGANISATION[kind]]
            rows = await self.client.get(f"/targets/v1/{kind}", headers=admin, params={"id": asked})
            found.update(
                {r["external_id"].removeprefix("crm:"): r["id"] for r in rows.json()["items"]}
            )
        return tenant

    async def deliver(
        self, tenant: Tenant, body: Any, message_id: str | None = None
    ) -> httpx.Response:
        raw = json.dumps(body).encode()
        key = standard_webhooks.secret_bytes(tenant.secret)
        headers = standard_webhooks.sign(key, message_id or ids.new(), SystemClock().now(), raw)
        return await self.client.post(
            tenant.webhook_path,
            content=raw,
            headers={"content-type": "application/json", **headers},
        )

    async def query(self, headers: dict[str, str], text: str, **variables: Any) -> Any:
        answer = await self.client.post(
            "/graphql", headers=headers, json={"query": text, "variables": variables}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    @contextlib.asynccontextmanager
    async def subscribed(
        self, headers: dict[str, str], text: str, **variables: Any
    ) -> AsyncIterator[ClientConnection]:
        """An open subscription; the first message is still to be received."""
        url = self.url.replace("http", "ws") + "/graphql"
        async with connect(url, subprotocols=["graphql-transport-ws"]) as websocket:  # type: ignore[list-item]
            await websocket.send(json.dumps({"type": "connection_init", "payload": headers}))
            assert json.loads(await websocket.recv())["type"] == "connection_ack"
            payload = {"query": text, "variables": variables}
            await websocket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            yield websocket


async def next_message(websocket: ClientConnection, seconds: float = 20) -> Any:
    return json.loads(await asyncio.wait_for(websocket.recv(), seconds))


@contextlib.asynccontextmanager
async def running_stack(
    urls: dict[str, Urls], clock: Clock | None = None
) -> AsyncIterator[RunningStack]:
    signer = Signer(Ed25519PrivateKey.generate())
    keys = Keys(signer, Verifier(signer.public_key), Vault(new_key()))
    stack = Stack(urls, keys, clock or SystemClock())
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = server_of(stack, "127.0.0.1", port)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            while not server.started:
                assert not serving.done(), "the server stopped before it started"
                await asyncio.sleep(0.01)
            url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=url, timeout=30) as client:
                yield RunningStack(url, client, signer)
        finally:
            server.should_exit = True
            await serving
