"""What stands of deals, contracts, collections, refunds and descriptions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from services.kit import standing
from services.kit.db import Connection
from services.kit.standing import Entry

_COLUMNS = "subject, own_account, deal, contract, account, standing"


@dataclass(frozen=True, slots=True)
class Record:
    """`account` is the customer that it belongs to, `own_account` the one that it names itself."""

    subject: str
    own_account: str | None
    deal: str | None
    contract: str | None
    account: str | None
    standing: Mapping[str, Entry]


def _record(row: Any) -> Record:
    subject, own_account, deal, contract, account, packed = row
    found = standing.unpack(subject, orjson.loads(packed))
    return Record(subject, own_account, deal, contract, account, found)


async def load(
    connection: Connection, tenant_id: str, subjects: Iterable[str]
) -> dict[str, Record]:
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM record WHERE tenant_id = $1 AND subject = ANY($2::text[])",
        tenant_id, sorted(subjects),
    )  # fmt: skip
    return {row["subject"]: _record(row) for row in rows}


async def naming(
    connection: Connection, tenant_id: str, subjects: Iterable[str]
) -> dict[str, Record]:
    """Records that name one of these deals or contracts."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM record WHERE tenant_id = $1 "
        "AND (deal = ANY($2::text[]) OR contract = ANY($2::text[]))",
        tenant_id, sorted(subjects),
    )  # fmt: skip
    return {row["subject"]: _record(row) for row in rows}


async def accounts(
    connection: Connection, tenant_id: str, subjects: Iterable[str]
) -> dict[str, str | None]:
    """The customers of deals and contracts."""
    rows = await connection.fetch(
        "SELECT subject, account FROM record WHERE tenant_id = $1 AND subject = ANY($2::text[])",
        tenant_id, sorted(subjects),
    )  # fmt: skip
    return {row["subject"]: row["account"] for row in rows}


async def put(connection: Connection, tenant_id: str, records: Sequence[Record]) -> None:
    """Write them; those of which nothing stands go."""
    gone = [record.subject for record in records if not record.standing]
    if gone:
        await connection.execute(
            "DELETE FROM record WHERE tenant_id = $1 AND subject = ANY($2::text[])", tenant_id, gone
        )
    await connection.executemany(
        "INSERT INTO record (tenant_id, subject, own_account, deal, contract, account, standing) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, subject) DO UPDATE "
        "SET own_account = $3, deal = $4, contract = $5, account = $6, standing = $7",
        [
            (tenant_id, record.subject, record.own_account, record.deal, record.contract,
             record.account, orjson.dumps(standing.pack(record.standing)).decode())
            for record in records
            if record.standing
        ],
    )  # fmt: skip


async def of_accounts(
    connection: Connection, tenant_id: str, accounts: Sequence[str]
) -> dict[str, dict[str, list[Entry]]]:
    """Standing conclusions by account and subject."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM record WHERE tenant_id = $1 AND account = ANY($2::text[])",
        tenant_id, accounts,
    )  # fmt: skip
    found: dict[str, dict[str, list[Entry]]] = {account: {} for account in accounts}
    for row in rows:
        record = _record(row)
        found[row["account"]][record.subject] = list(record.standing.values())
    return found
