"""Who reaches what over kpi's routes: another tenant nothing, a bad token nothing, a role its part.

The routes are read from the OpenAPI document, so a route without a case here fails.
"""

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from headwater.databases import Urls
from headwater.postgres import Server
from services.kit import ids, operations
from services.kit.auth import INSTALLATION, ROLES, Signer
from tests.support.gate import Gate, until
from tests.support.kpi import MAPPING, RunningKpi, running_kpi
from tests.support.targets import target_set

_PEOPLE = ("rep", "manager", "finance", "customer_success")
CONFIGURE = ("sales_ops", "admin")
PERIOD = "2026-Q1"


def metric(product: str) -> dict[str, Any]:
    return {
        "name": {"en": "Sold", "zh": "销量"}, "kind": "result", "unit": "count",
        "numerator": [{"measure": "won", "value": "count", "product": product}],
    }  # fmt: skip


ACKNOWLEDGE = "POST /kpi/v1/alerts/{alert}/acknowledge"


@dataclass
class Two:
    """Ours has data, theirs is as large; `names` is everything that tells of ours."""

    kpi: RunningKpi
    ours: Gate
    theirs: Gate
    names: list[str]
    deal: str
    held: str
    operation: str
    alert: str
    admin: Any

    def token(self, role: str, gate: Gate | None = None, member: str | None = None) -> str:
        company = (gate or self.theirs).company
        if role == "service":
            return self.kpi.signer.service_token("headwater", company.tenant, company.tenant_id)
        return self.kpi.signer.sign(
            tenant=company.tenant, role=role, subject=role, seconds=900, member_id=member  # type: ignore[arg-type]
        )  # fmt: skip

    def requests(self) -> dict[str, dict[str, Any]]:
        """How each documented operation is asked for what is ours."""
        scopes = [*self.ours.company.members.values(), *self.ours.company.units.values()]
        fact = {
            "id": ids.new(), "type": "member.joined.v1", "occurred_at": "2026-01-01T00:00:00Z",
            "subject": f"member:{self.ours.company.members['ann']}",
            "payload": {
                "member_id": self.ours.company.members["ann"], "external_id": "crm:mallory",
                "joined_on": None, "left_on": None,
            },
        }  # fmt: skip
        event = self.ours.event(deal="crm:deal-of-ours", stage="lost")
        name = {"name": "crm"}
        return {
            "POST /kpi/v1/events": {"json": event},
            "POST /kpi/v1/connections/{name}/deliveries": {
                "path": name, "json": [self.ours.item()]
            },
            "POST /kpi/v1/facts": {"json": {"facts": [fact]}},
            "PUT /kpi/v1/connections/{name}": {"path": name, "json": {"mapping": MAPPING}},
            "PATCH /kpi/v1/connections/{name}": {"path": name, "json": {"disabled": True}},
            "GET /kpi/v1/connections": {},
            "POST /kpi/v1/connections/{name}/secrets": {"path": name, "json": {}},
            "PUT /kpi/v1/connections/{name}/mapping": {"path": name, "json": MAPPING},
            "GET /kpi/v1/quarantine": {"params": {"limit": 100}},
            "POST /kpi/v1/quarantine/release": {"json": {"ids": [self.held]}},
            "POST /kpi/v1/quarantine/discard": {"json": {"ids": [self.held]}},
            "GET /kpi/v1/funnels": {"params": {"scope": scopes, "period": PERIOD}},
            "GET /kpi/v1/attainments": {"params": {"scope": scopes, "period": PERIOD}},
            "GET /kpi/v1/leaderboard": {"params": {
                "unit": self.ours.company.units["north"], "period": PERIOD, "metric": "sales",
            }},
            "GET /kpi/v1/alerts": {"params": {"scope": scopes}},
            ACKNOWLEDGE: {"path": {"alert": self.alert}},
            "GET /kpi/v1/metrics": {},
            "PUT /kpi/v1/metrics/{code}": {"path": {"code": "visits"}, "json": metric("a-product")},
            "GET /kpi/v1/deals": {"params": {"limit": 100}},
            "GET /kpi/v1/deals/{deal}": {"path": {"deal": self.deal}},
            "GET /kpi/v1/feed": {},
            "GET /kpi/v1/heads": {},
            "GET /kpi/v1/changes": {"params": {"after": 0}},
            "POST /kpi/v1/checks": {},
            "GET /kpi/v1/operations/{operation}": {"path": {"operation": self.operation}},
        }  # fmt: skip

    async def ask(self, operation: str, authorization: str | None) -> httpx.Response:
        method, _, template = operation.partition(" ")
        how = dict(self.requests()[operation])
        path = template.format(**how.pop("path", {}))
        headers = {"authorization": authorization} if authorization is not None else {}
        return await self.kpi.client.request(method, path, headers=headers, **how)

    async def fingerprint(self) -> dict[str, str]:
        """Every row of ours in every table, as one hash per table."""
        tables = await self.admin.fetch(
            "SELECT table_schema || '.' || table_name FROM information_schema.columns "
            "WHERE column_name = 'tenant_id' AND table_schema IN ('public', 'beside')"
        )
        ours = self.ours.company.tenant_id
        return {
            table: await self.admin.fetchval(
                "SELECT md5(coalesce(string_agg(r::text, '|' ORDER BY r::text), '')) "
                f"FROM {table} AS r WHERE tenant_id = $1", ours,
            )
            for (table,) in tables
        }  # fmt: skip


@pytest.fixture(scope="module")
async def two(clone: Callable[[str], Urls], server: Server) -> AsyncIterator[Two]:
    urls = clone("kpi")
    async with running_kpi(urls.app) as kpi:
        gates = []
        for tenant in ("theirs", "ours"):
            company = await kpi.company(tenant)
            await kpi.connect(company)
            gate = Gate(kpi, company)
            gates.append(gate)
            mark = f"product-of-{tenant}"
            await kpi.deliver(gate.item(deal=f"deal-of-{tenant}", amount="77", product=mark))
            await kpi.client.put(
                "/kpi/v1/metrics/sold", headers=kpi.token(tenant), json=metric(mark)
            )
            await kpi.deliver(gate.item(deal=f"quiet-deal-of-{tenant}", product=mark))
            await kpi.deliver(gate.item(deal=f"bad-deal-of-{tenant}", owner="nobody"))
            await until(gate.day_started)
        theirs, ours = gates
        offset = (await kpi.deliver([])).json()["offset"]
        company = ours.company
        await kpi.funnel(company, company.members["ann"], PERIOD, offset=offset)
        token = kpi.token("ours")
        held = await kpi.client.get("/kpi/v1/quarantine", headers=token)
        check = (await kpi.client.post("/kpi/v1/checks", headers=token)).json()["id"]

        async def checked() -> bool:
            async with kpi.app.state.kpi.database.read(company.tenant_id) as connection:
                return (await operations.one(connection, company.tenant_id, check))[
                    "state"
                ] == "done"

        await until(checked)
        ann = company.members["ann"]
        target = target_set(ann, "sales", {"2026-03": 900_000_00})
        await kpi.facts(company, target)
        alert = ids.derived(company.tenant_id, f"alert/{target[2]['cells'][0]['id']}")

        async def alerted() -> bool:
            found = await kpi.client.get("/kpi/v1/alerts", headers=token, params={"scope": ann})
            return alert in found.text

        await until(alerted)
        names = [
            company.tenant_id, *company.members.values(), *company.units.values(), "product-of-ours",
            kpi.secret, kpi.webhook_path, held.json()["items"][0]["id"], check,
        ]  # fmt: skip
        admin = await asyncpg.connect(server.url(urls.app.rpartition("/")[2]))
        yield Two(
            kpi, ours, theirs, names, "deal:crm:quiet-deal-of-ours", held.json()["items"][0]["id"], check,
            alert, admin,
        )  # fmt: skip
        await admin.close()


async def test_every_route_has_a_case(two: Two) -> None:
    documented = {
        f"{method.upper()} {path}"
        for path, methods in two.kpi.app.openapi()["paths"].items()
        for method in methods
    }
    assert documented == set(two.requests())


async def test_ours_is_found_with_our_own_token(two: Two) -> None:
    """Else the tests below would prove nothing."""
    for operation in two.requests():
        if operation.startswith("GET"):
            answer = await two.ask(operation, f"Bearer {two.token('service', two.ours)}")
            assert answer.status_code == 200, operation
            assert operation.endswith("/changes") or any(name in answer.text for name in two.names)


async def test_no_route_gives_or_changes_what_another_tenant_has(two: Two) -> None:
    before = await two.fingerprint()
    for operation in two.requests():
        for role in ROLES:
            for member in (two.ours.company.members["ann"], two.ours.company.members["boss"]):
                answer = await two.ask(operation, f"Bearer {two.token(role, member=member)}")
                assert answer.status_code < 500, (operation, role, answer.text)
                if operation == "GET /kpi/v1/heads" and role == "service":
                    continue  # which logs moved, by tenant id: what the installation's parts follow
                asked = operation.endswith(("{deal}", "{operation}"))
                for name in two.names:
                    told = answer.text.replace(two.deal, "").replace(two.operation, "")
                    assert name not in (told if asked else answer.text), (operation, role)
    assert await two.fingerprint() == before


async def test_what_is_ours_looks_to_others_like_what_is_not_there(two: Two) -> None:
    token = {"authorization": f"Bearer {two.token('admin')}"}
    for ours, absent in (
        (f"/kpi/v1/deals/{two.deal}", "/kpi/v1/deals/deal:crm:none"),
        (f"/kpi/v1/operations/{two.operation}", f"/kpi/v1/operations/{ids.new()}"),
    ):
        found = await two.kpi.client.get(ours, headers=token)
        missing = await two.kpi.client.get(absent, headers=token)
        assert (found.status_code, missing.status_code) == (404, 404)
        assert set(found.json()) == set(missing.json())


async def test_a_service_writes_only_its_own_types_and_only_its_tokens_tenant(two: Two) -> None:
    before = await two.fingerprint()
    company = two.ours.company
    body = two.requests()["POST /kpi/v1/facts"]["json"]
    for service in ("kpi", "customers", "incentives", "headwater", "gateway", "stranger"):
        token = two.kpi.signer.service_token(service, company.tenant, company.tenant_id)
        answer = await two.kpi.client.post(
            "/kpi/v1/facts", headers={"authorization": f"Bearer {token}"}, json=body
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), service
    token = two.kpi.signer.service_token("targets", company.tenant, company.tenant_id)
    for type_ in ("deal.won.v1", "day.started.v1", "pipeline.configured.v1", "anything"):
        fact = {**body["facts"][0], "type": type_}
        answer = await two.kpi.client.post(
            "/kpi/v1/facts", headers={"authorization": f"Bearer {token}"}, json={"facts": [fact]}
        )
        assert answer.status_code == 403, type_
    assert await two.fingerprint() == before


async def test_a_tenants_name_cannot_be_taken_with_another_id(two: Two) -> None:
    before = await two.fingerprint()
    body = two.requests()["POST /kpi/v1/facts"]["json"]
    for tenant, tenant_id in (("ours", ids.new()), ("new", two.ours.company.tenant_id)):
        token = two.kpi.signer.service_token("targets", tenant, tenant_id)
        answer = await two.kpi.client.post(
            "/kpi/v1/facts", headers={"authorization": f"Bearer {token}"}, json=body
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert await two.fingerprint() == before


# Tokens.


def bad_tokens(two: Two) -> dict[str, str | None]:
    key, now = Ed25519PrivateKey.generate(), int(time.time())
    public = two.kpi.signer.public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims = {
        "iss": INSTALLATION, "aud": INSTALLATION, "sub": "x", "iat": now, "exp": now + 900,
        "tenant": "ours", "role": "admin",
    }  # fmt: skip
    good = two.token("admin", two.ours)
    head, body, mark = good.split(".")

    def part(value: Any) -> str:
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def signed(**changed: Any) -> str:
        kept = {name: value for name, value in {**claims, **changed}.items() if value is not None}
        return jwt.encode(kept, two.kpi.signer._key, algorithm="EdDSA")

    def by_public_key() -> str:
        # PyJWT refuses to make such a token, so it is made by hand.
        import hashlib
        import hmac

        text = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
        return f"{text}.{part(hmac.digest(public, text.encode(), hashlib.sha256))}"

    deep = part(b'{"iss":' + b"[" * 20_000 + b"]" * 20_000 + b"}")
    return {
        "none at all": None,
        "no scheme": good,
        "another scheme": f"Basic {good}",
        "empty": "Bearer ",
        "words": "Bearer let me in",
        "dots": "Bearer ...",
        "expired": f"Bearer {signed(exp=now - 60)}",
        "without an end": f"Bearer {signed(exp=None)}",
        "an endless end": f"Bearer {signed(exp=float('inf'))}",
        "for somebody else": f"Bearer {signed(aud='elsewhere')}",
        "for nobody": f"Bearer {signed(aud=None)}",
        "of an unknown issuer": f"Bearer {signed(iss='https://evil.example')}",
        "of no issuer": f"Bearer {signed(iss=None)}",
        "without a subject": f"Bearer {signed(sub=None)}",
        "without a tenant": f"Bearer {signed(tenant=None)}",
        "with a list as tenant": f"Bearer {signed(tenant=['ours'])}",
        "with an unknown role": f"Bearer {signed(role='god')}",
        "with roles": f"Bearer {signed(role=['admin'])}",
        "not valid yet": f"Bearer {signed(nbf=now + 600)}",
        "signed by another key": f"Bearer {Signer(key).sign(tenant='ours', role='admin', subject='x', seconds=900)}",
        "alg none": f"Bearer {part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        "alg none with the mark": f"Bearer {part({'alg': 'NONE', 'typ': 'JWT'})}.{body}.{mark}",
        "HS256 by the public key": f"Bearer {by_public_key()}",
        "without its mark": f"Bearer {head}.{body}.",
        "another body": f"Bearer {head}.{part({**claims, 'role': 'service'})}.{mark}",
        "a deep body": f"Bearer {head}.{deep}.{mark}",
        "a body that is no object": f"Bearer {head}.{part([1])}.{mark}",
        "a key to fetch": f"Bearer {part({'alg': 'EdDSA', 'jku': 'http://evil.example'})}.{body}.{mark}",
    }  # fmt: skip


async def test_without_a_good_token_every_route_is_401(two: Two) -> None:
    before = await two.fingerprint()
    for operation in two.requests():
        answer = await two.ask(operation, None)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), operation
        assert answer.headers["www-authenticate"] == "Bearer"
    for case, authorization in bad_tokens(two).items():
        for operation in ("GET /kpi/v1/funnels", "POST /kpi/v1/events", "GET /kpi/v1/feed"):
            answer = await two.ask(operation, authorization)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), case
            if authorization is not None and len(authorization) > 20:
                assert authorization[-20:] not in answer.text
    assert await two.fingerprint() == before


async def test_a_good_token_passes_beside_them(two: Two) -> None:
    answer = await two.ask("GET /kpi/v1/funnels", f"bearer {two.token('admin', two.ours)}")
    assert answer.status_code == 200


async def test_a_token_of_an_unknown_tenant_finds_nothing(two: Two) -> None:
    token = two.kpi.signer.sign(tenant="nobody", role="admin", subject="x", seconds=900)
    for operation in two.requests():
        if operation not in {"GET /kpi/v1/heads", "POST /kpi/v1/facts"}:
            answer = await two.ask(operation, f"Bearer {token}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), operation


# Roles.


async def test_who_may_do_what(two: Two) -> None:
    """The matrix, over a tenant of its own kind: only whether the role gets through."""
    reads = {
        f"GET /kpi/v1/{operation}": ROLES
        for operation in ("funnels", "attainments", "alerts", "leaderboard", "metrics")
    }
    for operation in ("GET /kpi/v1/deals", "GET /kpi/v1/deals/{deal}"):
        narrow = {"rep", "manager", "customer_success"}
        reads[operation] = tuple(role for role in ROLES if role not in narrow)
    for operation in ("feed", "heads", "changes"):
        reads[f"GET /kpi/v1/{operation}"] = ("service",)
    for operation in ("connections", "quarantine", "operations/{operation}"):
        reads[f"GET /kpi/v1/{operation}"] = (*CONFIGURE, "service")
    for operation in two.requests():
        if not operation.startswith("GET"):
            continue
        for role in ROLES:
            answer = await two.ask(operation, f"Bearer {two.token(role, two.ours)}")
            expected = 200 if role in reads[operation] else 403
            assert answer.status_code == expected, (operation, role)
    for operation in two.requests():
        if operation.startswith("GET"):
            continue
        for role in _PEOPLE:
            answer = await two.ask(operation, f"Bearer {two.token(role, two.ours)}")
            if operation == ACKNOWLEDGE and role != "finance":
                # Without a member they see no alert, so there is none.
                assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), role
                continue
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (
                operation,
                role,
            )
    for service in ("targets", "customers", "incentives", "gateway"):
        company = two.ours.company
        token = two.kpi.signer.service_token(service, company.tenant, company.tenant_id)
        for operation in ("POST /kpi/v1/events", "PUT /kpi/v1/connections/{name}"):
            assert (await two.ask(operation, f"Bearer {token}")).status_code == 403


@pytest.mark.parametrize(
    ("role", "member", "seen"),
    [
        ("rep", "ann", {"ann", "north"}),
        ("rep", "ben", {"ben", "north"}),
        ("rep", "cai", {"cai", "south"}),
        ("rep", "boss", {"boss", "north"}),
        ("manager", "boss", {"boss", "ann", "ben", "north"}),
        ("manager", "cai", {"cai", "south"}),
        ("rep", None, set()),
        ("manager", None, set()),
        ("sales_ops", None, {"ann", "ben", "cai", "boss", "north", "south", "region"}),
        ("finance", None, {"ann", "ben", "cai", "boss", "north", "south", "region"}),
        ("admin", "ann", {"ann", "ben", "cai", "boss", "north", "south", "region"}),
    ],
)
@pytest.mark.parametrize("named", ["by our id", "by an external id"])
async def test_a_role_sees_its_scopes_and_the_rest_is_absent(
    two: Two, role: str, member: str | None, seen: set[str], named: str
) -> None:
    company = two.ours.company
    known = {**company.members, **company.units}
    who = None if member is None else known[member] if named == "by our id" else f"crm:{member}"
    foreign = [*two.theirs.company.members.values(), *two.theirs.company.units.values(), ids.new()]
    answer = await two.kpi.client.get(
        "/kpi/v1/funnels", params={"scope": [*foreign, *known.values()], "period": PERIOD},
        headers={"authorization": f"Bearer {two.token(role, two.ours, who)}"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    scopes = [item["scope"] for item in answer.json()["items"]]
    assert scopes == [id_ for name, id_ in known.items() if name in seen]


async def test_a_member_of_another_tenant_is_nobody_here(two: Two) -> None:
    foreign = two.theirs.company.members["boss"]
    for role in ("rep", "manager"):
        answer = await two.ask(
            "GET /kpi/v1/funnels", f"Bearer {two.token(role, two.ours, foreign)}"
        )
        assert (answer.status_code, answer.json()["items"]) == (200, [])


# Odd values in addresses.

ODD = [
    "%00",
    "a%00b",
    "%FF",
    "'; DROP TABLE deal; --",
    "../../etc/passwd",
    "x" * 5_000,
    "\ud7ff",
    "%",
]


@pytest.mark.parametrize("value", ODD)
async def test_odd_values_are_answered_below_500(two: Two, value: str) -> None:
    token = {"authorization": f"Bearer {two.token('service', two.ours)}"}
    cursor = base64.urlsafe_b64encode(json.dumps(["a\0"]).encode()).decode()
    scope = two.ours.company.members["ann"]
    for address in (
        f"/kpi/v1/deals/{value}", f"/kpi/v1/deals?cursor={value}", f"/kpi/v1/deals?cursor={cursor}",
        f"/kpi/v1/deals?limit={value}", f"/kpi/v1/quarantine?cursor={value}",
        f"/kpi/v1/quarantine?cursor={cursor}", f"/kpi/v1/quarantine?state={value}",
        f"/kpi/v1/feed?type={value}", f"/kpi/v1/feed?after={value}",
        f"/kpi/v1/operations/{value}", f"/kpi/v1/changes?after={value}",
        f"/kpi/v1/funnels?scope={value}&period=2026", f"/kpi/v1/funnels?scope={scope}&period={value}",
        *(f"/kpi/v1/funnels?scope={scope}&period=2026&{name}={value}"
          for name in ("pipeline", "product", "channel", "as_of", "known_at", "min_offset")),
    ):  # fmt: skip
        answer = await two.kpi.client.get(address, headers=token)
        assert answer.status_code < 500, (address, answer.text)


async def test_numbers_and_instants_beyond_any_are_refused(two: Two) -> None:
    token = {"authorization": f"Bearer {two.token('service', two.ours)}"}
    scope, huge = two.ours.company.members["ann"], 10**30
    for address, path in (
        (f"/kpi/v1/feed?after={huge}", "query.after"),
        (f"/kpi/v1/changes?after={huge}", "query.after"),
        (f"/kpi/v1/deals?limit={huge}", "limit"),
        (f"/kpi/v1/funnels?scope={scope}&period=2026&as_of=0001-01-01T00:00:00%2B14:00", "as_of"),
        (
            f"/kpi/v1/funnels?scope={scope}&period=2026&known_at=9999-12-31T23:59:59-14:00",
            "known_at",
        ),
        (f"/kpi/v1/funnels?scope={scope}&period=2026&as_of=2026-01-01T00:00:00", "as_of"),
        (f"/kpi/v1/funnels?{'&'.join([f'scope={scope}'] * 101)}&period=2026", "scope"),
    ):
        answer = await two.kpi.client.get(address, headers=token)
        assert (answer.status_code, answer.json()["path"]) == (422, path), address
