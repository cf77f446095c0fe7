"""What stands of deals, contracts and refunds, as far as pay needs it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from services.kit.db import Connection
from services.kit.standing import Entry, pack, unpack


class Subject(NamedTuple):
    """The conclusions that stand, and the deal and contract that the newest of them names."""

    standing: Mapping[str, Entry]
    deal: str | None = None
    contract: str | None = None


_COLUMNS = "SELECT subject, deal, contract, standing FROM pay_subject WHERE tenant_id = $1 "


async def subjects(
    connection: Connection, tenant_id: str, named: Iterable[str]
) -> dict[str, Subject]:
    return _read(
        await connection.fetch(
            _COLUMNS + "AND subject = ANY($2::text[])",
            tenant_id, sorted(named),
        )
    )  # fmt: skip


async def put(connection: Connection, tenant_id: str, changed: Mapping[str, Subject]) -> None:
    """Store them; what has no standing conclusion left is forgotten."""
    kept = {name: one for name, one in changed.items() if one.standing}
    await connection.execute(
        "DELETE FROM pay_subject WHERE tenant_id = $1 AND subject = ANY($2::text[])",
        tenant_id, sorted(changed.keys() - kept.keys()),
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO pay_subject (tenant_id, subject, deal, contract, standing) "
        "SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::jsonb[]) "
        "ON CONFLICT (tenant_id, subject) DO UPDATE "
        "SET deal = excluded.deal, contract = excluded.contract, standing = excluded.standing",
        tenant_id, list(kept), [one.deal for one in kept.values()],
        [one.contract for one in kept.values()],
        [orjson.dumps(pack(one.standing)).decode() for one in kept.values()],
    )  # fmt: skip


async def deals_of_contracts(
    connection: Connection, tenant_id: str, contracts: Iterable[str]
) -> dict[str, str]:
    """The deal of each contract that names one."""
    rows = await connection.fetch(
        "SELECT subject, deal FROM pay_subject WHERE tenant_id = $1 AND deal IS NOT NULL "
        "AND subject = ANY($2::text[]) AND subject LIKE 'contract:%'",
        tenant_id, sorted(contracts),
    )  # fmt: skip
    return {row["subject"]: row["deal"] for row in rows}


async def refunds_of_deals(
    connection: Connection, tenant_id: str, deals: Sequence[str]
) -> dict[str, list[Entry]]:
    """Standing refunds by deal: those that name it, and those that name no deal but a contract of
    it.
    """
    rows = await connection.fetch(
        "SELECT r.subject, r.standing, r.deal AS of_deal FROM pay_subject r "
        "WHERE r.tenant_id = $1 AND r.deal = ANY($2::text[]) AND r.subject LIKE 'refund:%' "
        "UNION ALL SELECT r.subject, r.standing, c.deal FROM pay_subject c JOIN pay_subject r "
        "ON r.tenant_id = c.tenant_id AND r.contract = c.subject AND r.deal IS NULL "
        "WHERE c.tenant_id = $1 AND c.deal = ANY($2::text[]) AND c.subject LIKE 'contract:%'",
        tenant_id, list(deals),
    )  # fmt: skip
    found: dict[str, list[Entry]] = {}
    for row in rows:
        standing = unpack(row["subject"], orjson.loads(row["standing"]))
        found.setdefault(row["of_deal"], []).extend(standing.values())
    return found


async def all_deals(connection: Connection, tenant_id: str) -> list[str]:
    rows = await connection.fetch(
        "SELECT subject FROM pay_subject WHERE tenant_id = $1 AND subject LIKE 'deal:%'", tenant_id
    )
    return [row["subject"] for row in rows]


def _read(rows: Iterable[Any]) -> dict[str, Subject]:
    return {
        row["subject"]: Subject(
            unpack(row["subject"], orjson.loads(row["standing"])), row["deal"], row["contract"]
        )
        for row in rows
    }
