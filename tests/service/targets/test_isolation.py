"""Another tenant reaches nothing: by a route with any token, or by SQL under the app role."""

import itertools

import asyncpg
import pytest
from fastapi.routing import APIRoute

from services.kit.auth import ROLES
from services.targets.api import members, organisation, plans, targets, tenants, units
from services.targets.tables import Row

PARTS = (members, organisation, plans, targets, tenants, units)
ROUTES = sorted(
    (method, route.path)
    for part in PARTS
    for route in part.router.routes
    if isinstance(route, APIRoute)
    for method in route.methods
)
TABLES = sorted(set(Row.metadata.tables) - {"tenant"})
OUR = {"zone": "Asia/Shanghai", "currency": "CNY"}
BODIES = {
    "/targets/v1/tenants/{short_name}": OUR,
    "/targets/v1/organisation": {"connection": "hr", "as_of": "2026-01-01"},
    "/targets/v1/members/{id:path}/moves": {"unit_id": "hr:west", "on": "2026-07-01"},
    "/targets/v1/plans": {
        "name": "Theirs", "metric": "sales", "owner_id": "hr:company", "period": "2026",
        "target": "1.00",
    },
    "/targets/v1/plans/{plan_id}/splits": {
        "splits": [{"of": "leaves", "axis": "time", "method": "equal"}]
    },
    "/targets/v1/plans/{plan_id}/approve": {"override_reason": "because"},
}  # fmt: skip
READ = {"period": "2026", "after": -1, "axis": "time"}


@pytest.fixture
async def two(loaded):
    """`demo` with its company and a plan, and `acme` with one unit and one member of its own."""
    await loaded.configure("acme")
    await loaded.load(
        tenant="acme", connection="acme", units=[{"external_id": "all", "name": "All"}],
        members=[{"external_id": "ann", "name": "Ann", "unit_external_id": "all"}],
    )  # fmt: skip
    await loaded.declare("sales")
    await loaded.declare("sales", tenant="acme")
    made = await loaded.post("/plans", BODIES["/targets/v1/plans"] | {"name": "Ours"}, status=201)
    await loaded.post(f"/plans/{made['plan']['id']}/propose")
    return loaded


async def everything(world, role="admin", **more):
    people = await world.get("/members", role=role, params={"limit": 100}, **more)
    places = await world.get("/units", role=role, params={"limit": 100}, **more)
    plans = await world.get("/plans", role=role, **more)
    roots = [plan["root"] | {"name": plan["name"]} for plan in plans["items"]]
    return people["items"], places["items"], plans["items"], roots


def place(path, plan, name="hr:wang"):
    url = path.removeprefix("/targets/v1").replace("{id:path}", name)
    url = url.replace("{plan_id}", plan["id"]).replace("{id}", plan["root"]["id"])
    return url.replace("{short_name}", "demo")


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_route_gives_or_changes_what_another_tenant_has(two, method, path):
    before = await everything(two)
    theirs = [one for part in before for one in part]
    names = [one[key] for one in theirs for key in ("id", "external_id") if key in one]
    plan = before[2][0]
    facts = len(await two.delivered())
    asked = (names[0], "hr:wang", "hr:company", "wang")
    for name, role in itertools.product(asked, ROLES):
        answer = await two.call(
            method, place(path, plan, name), tenant="acme", role=role,
            member="hr:wang", subject="headwater", json=BODIES.get(path),
            params=[*READ.items(), *((key, one) for one in names[:50] for key in ("id", "owner"))]
            if method == "GET" else None,
        )  # fmt: skip
        assert answer.status_code < 500
        told = answer.text
        for one in theirs:
            assert one["id"] not in told.replace(name, "")
            assert f'"{one["name"]}"' not in told
    assert await everything(two) == before
    assert len(await two.delivered()) == facts


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_without_a_token_or_tenant_nothing_is_answered(two, method, path):
    url = place(path, (await everything(two))[2][0])
    asked = READ | {"id": "wang", "owner": "wang"}
    answer = await two.client.request(
        method, f"/targets/v1{url}", json=BODIES.get(path), params=asked
    )
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    if method != "PUT":
        unknown = await two.call(
            method, url, tenant="nobody", role="service", json=BODIES.get(path), params=asked
        )
        assert (unknown.status_code, unknown.json()["code"]) == (403, "forbidden")


@pytest.fixture
async def app_role(two):
    url = two.app.state.office.database._url
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("table", TABLES)
async def test_sql_under_the_app_role_sees_the_set_tenant_alone(two, app_role, table):
    assert await app_role.fetchval(f"SELECT count(*) FROM {table}") == 0
    tenants = await app_role.fetch("SELECT id::text FROM tenant")
    assert len(tenants) == 2
    async with app_role.transaction():
        for (tenant_id,) in tenants:
            await app_role.execute(f"SET LOCAL app.tenant_id = '{tenant_id}'")
            found = await app_role.fetch(f"SELECT DISTINCT tenant_id::text FROM {table}")
            assert {row[0] for row in found} <= {tenant_id}


@pytest.mark.parametrize("table", TABLES)
async def test_rows_are_secured_even_from_the_owner(app_role, table):
    row = await app_role.fetchrow(
        "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = $1::regclass", table
    )
    assert tuple(row) == (True, True)
    owner = await app_role.fetchval(
        "SELECT pg_get_userbyid(relowner) = current_user FROM pg_class WHERE oid = $1::regclass",
        table,
    )
    assert owner is False


async def test_the_app_role_writes_no_row_of_another_tenant(two, app_role):
    mine, theirs = [row[0] for row in await app_role.fetch("SELECT id::text FROM tenant")]
    await app_role.execute(f"BEGIN; SET LOCAL app.tenant_id = '{mine}'")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app_role.execute(
            "INSERT INTO unit (tenant_id, id, external_id, name) VALUES ($1, $1, 'x:x', 'x')",
            theirs,
        )
    await app_role.execute("ROLLBACK")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM tenant", "UPDATE tenant SET short_name = 'x'", "DELETE FROM member",
        "DELETE FROM unit", "DELETE FROM tenant_setting", "DROP TABLE member",
        "ALTER TABLE member DISABLE ROW LEVEL SECURITY", "TRUNCATE member",
    ],
)  # fmt: skip
async def test_the_app_role_may_not_do_what_the_service_never_does(app_role, statement):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app_role.execute(statement)
