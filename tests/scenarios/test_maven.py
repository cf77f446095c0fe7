"""A CRM's export goes in by file and by webhook; every figure equals an independent count.

Always over a generated export; over the real one too where MAVEN_CRM_DIR names its folder.
"""

import asyncio
import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from headwater import checks, serving
from headwater.importing import access, csvfile
from headwater.importing.access import Api
from headwater.installation import Installation
from headwater.settings import HeadwaterSettings
from headwater.stack import Stack
from services.kit.errors import Unauthenticated
from services.kpi.vendors import standard_webhooks
from tests.support import maven
from tests.support.imports import import_deals, import_members, serving_at_a_port
from tests.support.maven import DEALS, EXAMPLE, PERIODS, Count, Scope

pytestmark = pytest.mark.timeout(900)
_SENDERS = 50


def need_equal(settings: HeadwaterSettings, count: Count) -> None:
    """Every agent, team and region in every quarter, whole and by product; and a clean doctor."""
    slices = [(period, product) for period in PERIODS for product in (None, *count.products())]

    async def read(api: Api) -> dict[tuple[str, str | None], dict[Scope, Any]]:
        scopes = await ids(api, count.scopes())
        found = {}
        for period, product in slices:
            query: dict[str, Any] = {"scope": list(scopes), "period": period}
            if product is not None:
                query["product"] = product
            board = await api.call("GET", "/kpi/v1/funnels", query=query)
            found[period, product] = {
                scopes[item["scope"]]: maven.shown(item) for item in board["items"]
            }
        return found

    shown = access.run(settings, "maven", read)
    for part in slices:
        expected = count.funnels(*part)
        differing = {
            s: (shown[part].get(s), expected[s])
            for s in expected
            if shown[part].get(s) != expected[s]
        }
        assert not differing, f"{part}: {differing}"
    with serving.opened(settings) as installation:
        assert checks.doctor(installation, None) == 0


async def ids(api: Api, scopes: Iterable[Scope]) -> dict[str, Scope]:
    """Our ids of the scopes, found by their external ones."""
    found = {}
    for path, kinds in (("members", {"agent"}), ("units", {"team", "region", "company"})):
        asked = {f"maven:{s.external_id}": s for s in scopes if s.kind in kinds}
        page = await api.call("GET", f"/targets/v1/{path}", query={"id": list(asked)})
        found |= {item["id"]: asked[item["external_id"]] for item in page["items"]}
    return found


def test_an_import_equals_an_independent_count_and_a_second_changes_nothing(
    settings: HeadwaterSettings, folder: Path, count: Count, capsys: pytest.CaptureFixture[str]
) -> None:
    members = import_members(settings, folder)
    agents, teams, regions = (len(set(names)) for names in zip(*count.teams, strict=True))
    assert members.created == agents + teams + (1 + regions + teams)
    rows = count.one("SELECT count(*) FROM deal")[0]
    first = import_deals(settings, folder / DEALS)
    assert (first.accepted, first.duplicates, first.quarantined) == (rows, 0, 0)
    assert (first.empty, dict(first.waiting)) == (0, {})
    need_equal(settings, count)
    need_undated_apart(settings, count)

    capsys.readouterr()
    members = import_members(settings, folder)
    again = import_deals(settings, folder / DEALS)
    assert (members.created, members.changed) == (0, 0)
    assert (again.accepted, again.duplicates, again.quarantined) == (0, rows, 0)
    assert access.run(settings, "maven", lambda api: said_since(api, first.offset)) == set()
    assert capsys.readouterr().out.count("Nothing changed") == 2


async def said_since(api: Api, offset: int) -> set[str]:
    """Kinds of entries after an offset, but for facts: what the services make of it goes on."""
    page = await api.call("GET", "/kpi/v1/feed", query={"after": offset, "limit": 1_000})
    return {item["kind"] for item in page["items"]} - {"fact"}


def need_undated_apart(settings: HeadwaterSettings, count: Count) -> None:
    """Deals without any date are listed, all of them and no others."""

    async def read(api: Api) -> set[str]:
        found: set[str] = set()
        query: dict[str, Any] = {"undated": True, "limit": 100}
        while True:
            page = await api.call("GET", "/kpi/v1/deals", query=query)
            found |= {deal["id"] for deal in page["items"]}
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]

    expected = count.sql.execute(
        "SELECT 'deal:maven:' || id FROM deal WHERE engaged_on IS NULL AND closed_on IS NULL"
    ).fetchall()
    assert access.run(settings, "maven", read) == {row[0] for row in expected}


def test_any_order_gives_the_same_numbers_even_deals_before_their_owners(
    settings: HeadwaterSettings, folder: Path, count: Count, tmp_path: Path
) -> None:
    rows = count.one("SELECT count(*) FROM deal")[0]
    file = maven.shuffled(folder / DEALS, tmp_path / DEALS, seed=7)
    early = import_deals(settings, file)
    assert (early.accepted, early.quarantined) == (0, rows)
    assert set(early.waiting) == {"unknown_owner"}
    import_members(settings, folder)
    late = import_deals(settings, file)
    assert (late.duplicates, dict(late.waiting)) == (rows, {})
    need_equal(settings, count)


def test_signed_webhooks_tripled_shuffled_and_late_give_the_same_numbers(
    settings: HeadwaterSettings, folder: Path, count: Count
) -> None:
    import_members(settings, folder)
    rows = [row.cells for row in csvfile.checked(folder / DEALS)]
    chance = random.Random(3)  # noqa: S311 — the same seed, the same order
    chance.shuffle(rows)
    messages = []
    while rows:
        size = chance.randint(1, 5)
        messages.append((f"msg_{len(messages)}", json.dumps(rows[:size]).encode()))
        rows = rows[size:]
    late = len(messages) // 10
    parts = [messages[late:] * 3, messages[:late] * 3]
    for part in parts:
        chance.shuffle(part)
    with serving.opened(settings) as installation:
        taken = asyncio.run(send(installation, parts))
    total = count.one("SELECT count(*) FROM deal")[0]
    assert taken == {"accepted": total, "duplicates": 2 * total, "quarantined": 0}
    need_equal(settings, count)


async def send(installation: Installation, parts: list[list[tuple[str, bytes]]]) -> dict[str, int]:
    """Deliver part after part, each when the one before is counted; what became of the items."""
    keys = installation.keys()
    clock = installation.settings.clock()
    stack = Stack(installation.urls, keys, clock)
    mapping = yaml.safe_load((EXAMPLE / "deals.yaml").read_text())
    taken = {"accepted": 0, "duplicates": 0, "quarantined": 0}
    async with stack.lifespan():
        api = Api(stack.clients.targets, stack.clients.kpi, keys.signer, "maven")
        connection = await api.call("PUT", "/kpi/v1/connections/maven", {"mapping": mapping})
        secret = standard_webhooks.secret_bytes(connection["secret"])

        async def sender(messages: Iterator[tuple[str, bytes]]) -> int:
            offset = 0
            for message_id, body in messages:
                signed = standard_webhooks.sign(secret, message_id, clock.now(), body)
                answer = await stack.clients.kpi.post(
                    connection["webhook_path"], content=body,
                    headers={"content-type": "application/json", **signed},
                )  # fmt: skip
                assert answer.status_code == 202, answer.text
                told = answer.json()
                offset = max(offset, told.pop("offset"))
                for name, value in told.items():
                    taken[name] += value
            return offset

        for part in parts:
            queue = iter(part)
            offset = max(await asyncio.gather(*(sender(queue) for _ in range(_SENDERS))))
            reached = 0
            while reached < offset:
                query = {"after": max(reached - 1, -1), "wait": 5}
                reached = (await api.call("GET", "/kpi/v1/changes", query=query))["offset"]
    return taken


def test_an_import_over_the_network_is_the_same_import(
    settings: HeadwaterSettings, tmp_path: Path
) -> None:
    folder = maven.generate(tmp_path, seed=5, deals=120)
    with serving_at_a_port(settings) as url:
        remote = settings.model_copy(update={"url": url})
        assert import_members(remote, folder).created
        assert import_deals(remote, folder / DEALS).accepted == 120
        with pytest.raises(Unauthenticated, match="HEADWATER_DATA_DIR"):
            import_members(remote.model_copy(update={"data_dir": tmp_path / "other"}), folder)
    again = import_deals(settings, folder / DEALS)
    assert (again.accepted, again.duplicates) == (0, 120)
    need_equal(settings, Count(folder))
