"""Entries of the log taken into the records: what stands now, and whose customers it touches."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from services.customers.domain import records as domain
from services.customers.store import records
from services.customers.store.records import Record
from services.kit import standing
from services.kit.db import Connection
from services.kit.standing import SUPERSEDED, Entry

_SUBJECTS = ("deal:", "contract:", "collection:", "refund:", "customer:")
_AT_ONCE = 200
TYPES = (*domain.CONCLUSIONS, SUPERSEDED)


async def gather(connection: Connection, tenant_id: str, entries: Iterable[Entry]) -> set[str]:
    """Accounts of which something else stands after these entries."""
    by_subject: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.type in TYPES and entry.subject.startswith(_SUBJECTS):
            by_subject.setdefault(entry.subject, []).append(entry)
    if not by_subject:
        return set()
    before: dict[str, Record] = {}
    after: dict[str, Record] = {}
    subjects = list(by_subject)
    for first in range(0, len(subjects), _AT_ONCE):  # requests of this process come in between
        part = subjects[first : first + _AT_ONCE]
        before |= await records.load(connection, tenant_id, part)
        after |= {one: _applied(before.get(one), one, by_subject[one]) for one in part}
    changed = set(after)
    await _with_dependents(connection, tenant_id, before, after)
    await _settle(connection, tenant_id, after)
    touched: set[str] = set()
    written = []
    for subject, record in after.items():
        known = before.get(subject)
        if subject in changed or known is None or known.account != record.account:
            written.append(record)
            touched |= {one.account for one in (known, record) if one and one.account}
    await records.put(connection, tenant_id, written)
    return touched


def _applied(known: Record | None, subject: str, told: Sequence[Entry]) -> Record:
    stands: Mapping[str, Entry] = known.standing if known else {}
    for entry in told:
        stands = standing.apply(stands, entry._replace(payload=domain.kept(entry)))
    deal, contract = domain.links_of(stands.values())
    account = known.account if known else None
    return Record(subject, domain.account_of(stands.values()), deal, contract, account, stands)


async def _with_dependents(
    connection: Connection, tenant_id: str, before: dict[str, Record], after: dict[str, Record]
) -> None:
    """Add the records that may belong to another customer now: those that name a changed one."""
    new = set(after)
    while new:
        found = await records.naming(connection, tenant_id, new)
        new = set(found) - set(after)
        for subject in new:
            before[subject] = after[subject] = found[subject]


async def _settle(connection: Connection, tenant_id: str, after: dict[str, Record]) -> None:
    """Work out whose each record is: its own account, else its deal's, else its contract's."""
    named = {link for one in after.values() for link in (one.deal, one.contract) if link}
    accounts = await records.accounts(connection, tenant_id, named - set(after))

    def account_of(subject: str | None, seen: tuple[str, ...] = ()) -> str | None:
        if subject is None or subject in seen:
            return None
        record = after.get(subject)
        if record is None:
            return accounts.get(subject)
        if record.own_account is not None or not record.standing:
            return record.own_account
        further = (*seen, subject)
        return account_of(record.deal, further) or account_of(record.contract, further)

    for subject, record in list(after.items()):
        after[subject] = replace(record, account=account_of(subject))
