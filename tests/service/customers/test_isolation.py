"""Another tenant reaches nothing, by any route with any token; and none without a token."""

import pytest
from fastapi.routing import APIRoute

from services.customers.api import customers, log, mix, policies, tasks
from services.kit.auth import ROLES
from tests.support import accounts
from tests.support.accounts import at, member

PARTS = (customers, mix, tasks, policies, log)
ROUTES = sorted(
    (method, route.path)
    for part in PARTS
    for route in part.router.routes
    if isinstance(route, APIRoute)
    for method in route.methods
)
ANN = member("ann")
POLICY = {"strategic_above": "7", "basic_below": "3"}


@pytest.fixture
async def two(world):
    """`demo` with a customer and a task, and `acme` with nothing but its organisation."""
    await world.day("2026-01-15")
    await world.say(accounts.described("secret", at("2026-01-02"), "Geheim", owners={ANN: 10_000}))
    await world.say(
        accounts.won("D1", at("2026-01-05"), 77_777, account="secret", owners={ANN: 10_000})
    )
    await world.settled()
    own = world.tenant_id
    world.tenant_id = world.log.tenant("acme")
    await world.organise()
    await world.day("2026-01-15")
    await world.settled()
    world.tenant_id = own
    return world


async def everything(world):
    return [
        await world.get("/customers"),
        await world.get("/tasks", params={"member": ANN}),
        await world.get("/tasks", params={"member": ANN, "status": "done"}),
        await world.get("/policies/tier"),
        await world.get("/mix", params={"scope": [ANN, member("company")]}),
    ]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_route_gives_or_changes_what_another_tenant_has(two, method, path):
    before = await everything(two)
    task = before[1]["items"][0]["tasks"][0]["id"]
    for name in (task, two.customer("secret"), "secret"):
        for role in ROLES:
            url = path.removeprefix("/customers/v1").replace("{id:path}", name)
            answer = await two.call(
                method, url.replace("{id}", name), tenant="acme", role=role, member="hr:ann",
                subject="headwater", json=POLICY if method == "PUT" else None,
                params=[("id", name), ("member", ANN), ("scope", ANN), ("after", "0")],
            )  # fmt: skip
            assert answer.status_code in {200, 403, 404}, answer.text
            for told in ("Geheim", "77777", "secret", task, two.customer("secret")):
                assert told not in answer.text.replace(name, "")
    await two.settled(two.log.tenant("acme"))
    await two.settled()
    assert await everything(two) == before


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_without_a_token_or_tenant_nothing_is_answered(two, method, path):
    url = path.replace("{id:path}", "secret").replace("{id}", "secret")
    asked = {"params": {"member": ANN, "scope": ANN, "after": 0}}
    body = {"json": POLICY} if method == "PUT" else {}
    answer = await two.client.request(method, url, **asked, **body)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    unknown = await two.call(
        method, url.removeprefix("/customers/v1"), tenant="nobody", role="service", **asked, **body
    )
    assert (unknown.status_code, unknown.json()["code"]) == (403, "forbidden")
