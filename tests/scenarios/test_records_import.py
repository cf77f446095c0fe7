"""The exports of an ERP go in by file, in any order of the files; a second run changes nothing."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import asyncpg
import pytest
import yaml

from headwater import checks, importing, serving
from headwater.databases import Urls
from headwater.settings import HeadwaterSettings
from services.kit.errors import Invalid
from services.kit.settings import load
from services.kpi.domain.observation import RECORDS, Record

pytestmark = pytest.mark.timeout(300)
ERP = Path(__file__).parents[2] / "examples/erp"
FILES: dict[Record, str] = {
    "customer": "account,name,industry,region,rep,since\n"
    "Cancity,Cancity Ltd,retail,华东,li,2025-01-05\nBetasoft,贝塔软件,,,,2025-02-01\n",
    "contract": "contract,account,deal,rep,amount,annual_fee,starts_on,ends_on,kind,renews,due_1,"
    "amount_1,due_2,amount_2,signed_on,cancelled_on\n"
    "C1,Cancity,D1,,240000,,2026-01-01,2027-12-31,新签,,2026-01-31,120000,2027-01-31,120000,"
    "2026-01-05,\n"
    "C2,Betasoft,,wang,30000,30000,2026-02-01,2027-01-31,续约,C0,2026-02-28,30000,,,2026-02-01,"
    "2026-02-15\n",
    "collection": "receipt,account,contract,deal,rep,amount,received_on\n"
    "M1,Cancity,C1,,,119999.99,2026-02-01\nM2,Betasoft,C2,,,500,2026-02-03\n",
    "refund": "refund,account,contract,deal,amount,paid_on\nR1,Cancity,,D1,19.99,2026-02-10\n",
    "activity": "id,kind,rep,account,deal,minutes,at\n"
    "A1,拜访,wang,Cancity,,90,2026-01-20T09:30:00\nA2,电话,li,,,12,2026-01-21\n"
    "A3,演示,nobody,,,,2026-01-21\n",
}
MEMBERS = {
    "members": 1, "tenant": "acme", "connection": "hr", "since": "2024-01-01",
    "settings": {"zone": "Asia/Shanghai", "currency": "CNY"},
    "units": [{"external_id": {"value": "acme"}}],
    "member": {"external_id": {"column": "id"}},
}  # fmt: skip
DEALS: dict[str, Any] = {
    "mapping": 1, "tenant": "acme", "connection": "crm", "zone": "Asia/Shanghai",
    "currency": "CNY", "owners": "hr", "deal": "deal", "source": "deal",
    "pipeline": {"code": "sales", "stages": [
        {"code": "open", "kind": "open"}, {"code": "won", "kind": "won"},
        {"code": "lost", "kind": "lost"}]},
    "observations": [{"kind": "delta", "at": {"path": "won_on"}, "set": {
        "stage": {"value": "won"}, "owners": {"path": "rep"}, "amount": {"path": "amount"}}}],
}  # fmt: skip


@pytest.fixture
def settings(
    fresh: dict[str, Urls], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> HeadwaterSettings:
    """An installation over fresh databases, as the commands find it in their environment."""
    for service, urls in fresh.items():
        monkeypatch.setenv(f"HEADWATER_{service.upper()}_DATABASE_URL", urls.app)
        monkeypatch.setenv(f"HEADWATER_{service.upper()}_MIGRATION_URL", urls.owner)
    return load(HeadwaterSettings, data_dir=tmp_path / "headwater")


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def load_all(settings: HeadwaterSettings, folder: Path, order: Iterable[Record]) -> dict[str, Any]:
    """What became of each file's rows: accepted, duplicates, quarantined."""
    found = {}
    for record in order:
        mapping = ERP / f"{'activities' if record == 'activity' else record + 's'}.yaml"
        file = written(folder, f"{record}.csv", FILES[record])
        done = importing.records(settings, record, file, mapping)
        found[record] = (done.accepted, done.duplicates, done.quarantined)
    return found


def totals(urls: Urls) -> dict[str, tuple[int, int]]:
    """Count and minor units by measure and stage, over the whole company."""

    async def read() -> Any:
        connection = await asyncpg.connect(urls.owner)
        try:
            (tenant,) = await connection.fetch("SELECT id::text FROM tenant")
            async with connection.transaction():
                await connection.execute(f"SET LOCAL app.tenant_id = '{tenant[0]}'")
                return await connection.fetch(
                    "SELECT measure, stage, sum(deals)::bigint, sum(amount_minor)::bigint "
                    "FROM funnel_rollup WHERE pipeline = '' AND scope IN "
                    "(SELECT unit_id FROM org_unit) GROUP BY 1, 2 ORDER BY 1, 2"
                )
        finally:
            await connection.close()

    return {f"{row[0]} {row[1]}".strip(): (row[2], row[3]) for row in asyncio.run(read())}


@pytest.mark.parametrize("backwards", [False, True])
def test_every_export_is_counted_once(
    settings: HeadwaterSettings, fresh: dict[str, Urls], tmp_path: Path, backwards: bool
) -> None:
    members = written(tmp_path, "members.yaml", yaml.safe_dump(MEMBERS))
    importing.members(settings, written(tmp_path, "m.csv", "id\nli\nwang\n"), members)
    deal_mapping = written(tmp_path, "deals.yaml", yaml.safe_dump(DEALS))
    deals = written(tmp_path, "d.csv", "deal,rep,amount,won_on\nD1,li,240000,2026-01-04\n")
    order = [record for record in RECORDS if record != "deal"]
    if not backwards:
        importing.records(settings, "deal", deals, deal_mapping)
    first = load_all(settings, tmp_path, reversed(order) if backwards else order)
    if backwards:
        importing.records(settings, "deal", deals, deal_mapping)
    assert first == {
        "customer": (2, 0, 0), "contract": (2, 0, 0), "collection": (2, 0, 0), "refund": (1, 0, 0),
        "activity": (2, 0, 1),
    }  # fmt: skip
    counted = totals(fresh["kpi"])
    assert counted == {
        "activity call": (1, 0), "activity visit": (1, 0),
        "annual_fee": (1, 12_000_000),
        "collected": (2, 12_049_999), "refunded": (1, 1_999),
        "contract new": (1, 24_000_000), "contract renewal": (0, 0),
        "due": (2, 24_000_000),
    }  # fmt: skip
    again = load_all(settings, tmp_path, order)
    assert {sum(rows) - rows[1] for rows in again.values()} == {0}
    assert totals(fresh["kpi"]) == counted
    with serving.opened(settings) as installation:
        assert not checks.doctor(installation, None)


def test_a_mapping_of_other_records_is_refused(settings: HeadwaterSettings, tmp_path: Path) -> None:
    file = written(tmp_path, "refund.csv", FILES["refund"])
    with pytest.raises(Invalid, match="the mapping is of refunds, not of collections"):
        importing.records(settings, "collection", file, ERP / "refunds.yaml")
    assert set(get_args(Record)) == {*FILES, "deal"}
