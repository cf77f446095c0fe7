"""A CRM's export goes in by file and by webhook; every figure equals an independent count.

Always over a generated export; over the real one too where MAVEN_CRM_DIR names its folder.
"""

import asyncio
import json
import os
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from headwater import checks, importing, serving
from headwater.databases import Urls
from headwater.importing import access, csvfile
from headwater.importing.access import Api
from headwater.settings import HeadwaterSettings
from headwater.stack import Stack
from services.kit.settings import load
from services.kpi.vendors import standard_webhooks
from tests.support import maven
from tests.support.maven import DEALS, EXAMPLE, PERIODS, TEAMS, Count, Scope

pytestmark = pytest.mark.timeout(900)
SETS = ["generated", *(["real"] if os.environ.get("MAVEN_CRM_DIR") else [])]
_SENDERS = 50


@pytest.fixture(scope="module", params=SETS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "real":
        return Path(os.environ["MAVEN_CRM_DIR"])
    return maven.generate(tmp_path_factory.mktemp("maven"), seed=20_161_020, deals=600)


@pytest.fixture(scope="module")
def count(folder: Path) -> Count:
    return Count(folder)


@pytest.fixture
def settings(
    fresh: dict[str, Urls], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> HeadwaterSettings:
    """An installation over fresh databases, as the commands find it in their environment."""
    for service, urls in fresh.items():
        monkeypatch.setenv(f"HEADWATER_{service.upper()}_DATABASE_URL", urls.app)
        monkeypatch.setenv(f"HEADWATER_{service.upper()}_MIGRATION_URL", urls.owner)
    return load(HeadwaterSettings, data_dir=tmp_path / "headwater")


def import_members(settings: HeadwaterSettings, folder: Path) -> Any:
    return importing.members(settings, folder / TEAMS, EXAMPLE / "members.yaml")


def import_deals(settings: HeadwaterSettings, file: Path) -> Any:
    return importing.deals(settings, file, EXAMPLE / "deals.yaml")


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

    capsys.readouterr()
    members = import_members(settings, folder)
    again = import_deals(settings, folder / DEALS)
    assert (members.created, members.changed) == (0, 0)
    assert (again.accepted, again.duplicates, again.quarantined) == (0, rows, 0)
    assert again.offset == first.offset
    assert capsys.readouterr().out.count("Nothing changed") == 2


def test_deals_without_a_date_are_listed_apart(
    settings: HeadwaterSettings, folder: Path, count: Count
) -> None:
    import_members(settings, folder)
    import_deals(settings, folder / DEALS)
    expected = count.sql.execute(
        "SELECT 'deal:maven:' || id FROM deal WHERE engaged_on IS NULL AND closed_on IS NULL"
    ).fetchall()

    async def read(api: Api) -> set[str]:
        found: set[str] = set()
        query: dict[str, Any] = {"undated": True, "limit": 100}
        while True:
            page = await api.call("GET", "/kpi/v1/deals", query=query)
            found |= {deal["id"] for deal in page["items"]}
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]

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
    late = set(chance.sample(range(len(rows)), len(rows) // 10))
    on_time = [number for number in range(len(rows)) if number not in late] * 3
    afterwards = list(late) * 3
    for part in (on_time, afterwards):
        chance.shuffle(part)
    with serving.opened(settings) as installation:
        asyncio.run(send(installation, rows, [on_time, afterwards]))
    need_equal(settings, count)


async def send(installation: Any, rows: list[dict[str, str]], parts: list[list[int]]) -> None:
    """Each row as a delivery of its own; the next part begins when the last one is counted."""
    keys = installation.keys()
    clock = installation.settings.clock()
    stack = Stack(installation.urls, keys, clock)
    mapping = yaml.safe_load((EXAMPLE / "deals.yaml").read_text())
    async with stack.lifespan():
        api = Api(stack.clients.targets, stack.clients.kpi, keys.signer, "maven")
        connection = await api.call("PUT", "/kpi/v1/connections/maven", {"mapping": mapping})
        secret = standard_webhooks.secret_bytes(connection["secret"])
        taken = {"accepted": 0, "duplicates": 0, "quarantined": 0}

        async def sender(numbers: Iterable[int]) -> int:
            offset = 0
            for number in numbers:
                body = json.dumps(rows[number]).encode()
                signed = standard_webhooks.sign(secret, f"msg_{number}", clock.now(), body)
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
        assert taken == {"accepted": len(rows), "duplicates": 2 * len(rows), "quarantined": 0}
