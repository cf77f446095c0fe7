"""The same company in PostGraphile's database, and the figures that both sides must agree on."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import asyncpg

from benchmarks import nodes
from benchmarks.company import Company
from services.kit import limits
from services.kit.period import Calendar, Period

_NAME = "headwater_bench_peer"


async def copied(of: Callable[[str], str], company: Company, period: Period) -> str:
    """URL of a database on the same server, filled with what the services say and posted.

    `of` gives the server's superuser a URL of any of its databases.
    """
    admin = await asyncpg.connect(of("postgres"))
    await admin.execute(f"CREATE DATABASE {_NAME}")
    await admin.close()
    peer = await asyncpg.connect(of(_NAME))
    try:
        await peer.execute((nodes.PEERS / "board.sql").read_text())
        await _organisation(peer, company)
        await _targets(peer, company, period)
        await _postings(peer, of("headwater_kpi"), company)
        await _customers(peer, company)
        await _statements(peer, company, period)
        await peer.execute("VACUUM ANALYZE")
    finally:
        await peer.close()
    return of(_NAME)


async def _copy(peer: Any, table: str, rows: Sequence[Sequence[Any]]) -> None:
    await peer.copy_records_to_table(table, schema_name="app", records=rows)


async def _organisation(peer: Any, company: Company) -> None:
    await _copy(peer, "unit", [(id_, name) for name, id_ in company.units.items()])
    members = await company.everything("/targets/v1/members")
    await _copy(peer, "rep", [(one["id"], one["name"], one["unit"]["id"]) for one in members])


async def _targets(peer: Any, company: Company, period: Period) -> None:
    rows = []
    calendar = Calendar()
    for owners in _some(company.reps):
        asked = "&".join(f"owner={one}" for one in owners)
        path = f"/targets/v1/targets?{asked}&period={period.code}&children=time"
        for item in (await company.ask("GET", path))["items"]:
            for target in item["targets"]:
                for part, parent in ((target, None), *((c, target) for c in target["children"])):
                    span = Period.parse(part["period"], calendar)
                    rows.append(
                        (
                            part["id"], item["owner_id"], parent and parent["id"],
                            target["metric"]["code"], span.code, span.first, span.last,
                            Decimal(part["target"]),
                        )
                    )  # fmt: skip
    await _copy(peer, "target", rows)


async def _postings(peer: Any, kpi_url: str, company: Company) -> None:
    kpi = await asyncpg.connect(kpi_url)
    rows = await kpi.fetch(
        "SELECT scope, measure, stage, day, sum(deals)::bigint, sum(amount_minor)::bigint "
        "FROM funnel_rollup WHERE tenant_id = $1 AND scope = ANY($2::uuid[]) "
        "AND pipeline <> '' GROUP BY 1, 2, 3, 4",
        company.tenant_id, company.reps,
    )  # fmt: skip
    stages = await kpi.fetchval(
        "SELECT stages FROM pipeline WHERE tenant_id = $1", company.tenant_id
    )
    await kpi.close()
    await _copy(peer, "rollup", [tuple(row) for row in rows])
    await peer.execute(
        "INSERT INTO app.stage SELECT s->>'code', (s->>'position')::int, s->>'kind' "
        "FROM jsonb_array_elements($1::jsonb) AS s",
        stages,
    )


async def _customers(peer: Any, company: Company) -> None:
    rows = [
        (one["id"], one["owner_id"], one["tier"], int(Decimal(one["revenue"]["amount"]) * 100))
        for one in await company.everything("/customers/v1/customers")
        if one["owner_id"] is not None and one["tier"] is not None
    ]
    await _copy(peer, "customer", rows)


async def _statements(peer: Any, company: Company, period: Period) -> None:
    statements, lines = [], []
    for members in _some(company.reps):
        asked = "&".join(f"member={one}" for one in members)
        path = f"/incentives/v1/earnings?{asked}&period={period.code}"
        for item in (await company.ask("GET", path, role="finance"))["items"]:
            rep = item["member_id"]
            statements.append((rep, rep, period.code, item["status"], _minor(item["earned"])))
            lines += [
                (rep, number, line["component"], _minor(line["amount"]))
                for number, line in enumerate(item["lines"])
            ]
    await _copy(peer, "statement", statements)
    await _copy(peer, "statement_line", lines)


def _some(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), limits.PAGE_MOST):
        yield ids[start : start + limits.PAGE_MOST]


def _minor(amount: str) -> int:
    return int(Decimal(amount) * 100)


def rep_figures(data: Any) -> Any:
    """What both sides must say of a rep."""
    rep = data["rep"]
    return {
        "unit": rep["unit"]["name"],
        "targets": [
            (t["metric"]["code"], _number(t["target"]), _number(t["actual"]),
             sorted((c["period"], _number(c["target"]), _number(c["actual"])) for c in t["children"]))
            for t in rep["targets"] if t["target"] is not None
        ],
        "stages": [
            (s["code"], s["entered"], s["open"], _number(s["amount"]["amount"]))
            for s in rep["funnel"]["stages"]
        ],
        "tiers": sorted(
            (t["tier"], t["count"], _number(t["revenue"]["amount"]))
            for t in rep["customerMix"]["byTier"] if t["count"]
        ),
        "earned": _number(rep["earnings"]["earned"]["amount"]),
        "lines": [_number(line["amount"]["amount"]) for line in rep["earnings"]["lines"]],
    }  # fmt: skip


def flat_rep_figures(data: Any) -> Any:
    rep = data["repByRowId"]
    (statement,) = rep["statementsByRepId"]["nodes"]
    return {
        "unit": rep["unitByUnitId"]["name"],
        "targets": [
            (t["metric"], _number(t["target"]), _number(t["actual"]),
             sorted((c["period"], _number(c["target"]), _number(c["actual"]))
                    for c in t["targetsByParentId"]["nodes"]))
            for t in rep["targetsByRepId"]["nodes"]
        ],
        "stages": [
            (s["code"], int(s["entered"]), int(s["open"]), _number(s["amount"]))
            for s in rep["funnel"]["nodes"]
        ],
        "tiers": sorted(
            (t["tier"], int(t["customers"]), _number(t["revenue"])) for t in rep["tiers"]["nodes"]
        ),
        "earned": Decimal(statement["earnedMinor"]) / 100,
        "lines": [
            Decimal(line["amountMinor"]) / 100
            for line in statement["statementLinesByStatementId"]["nodes"]
        ],
    }  # fmt: skip


def team_figures(data: Any) -> Any:
    return sorted(
        (rep["name"], _number(rep["target"]["target"]), _number(rep["target"]["actual"]))
        for rep in data["unit"]["reps"]["nodes"]
    )


def flat_team_figures(data: Any) -> Any:
    return sorted(
        (rep["name"], *(_number(rep["targetsByRepId"]["nodes"][0][key])
                        for key in ("target", "actual")))
        for rep in data["unitByRowId"]["repsByUnitId"]["nodes"]
    )  # fmt: skip


def _number(text: str) -> Decimal:
    return Decimal(text).normalize() + 0
