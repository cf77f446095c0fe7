"""The pay projection: log entries in, credits and statements out, in the cursor's transaction.

Credits are a function of what stands of a deal and its refunds, statements one of a member's
credits with the plans and closings; so whatever order entries come in, and however they are cut
into pages, the same set of them gives the same pay. Only deals and members that a page touches are
worked out again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.incentives.actions.restate import restate
from services.incentives.domain import credits as crediting
from services.incentives.domain.zones import Zones
from services.incentives.store import credits as credits_store
from services.incentives.store import subjects as subjects_store
from services.incentives.store.subjects import Subject
from services.kit import directory, versions
from services.kit.db import Connection
from services.kit.standing import SUPERSEDED, Entry, apply, in_order

PLAN_ACTIVATED = "compensation_plan.activated.v1"
STATEMENT_APPROVED = "statement.approved.v1"
STATEMENT_CLOSED = "statement.closed.v1"
_CONTRACT_TYPES = ("contract.signed.v1", "contract.changed.v1", "contract.ended.v1")
_PAID_FROM = (*crediting.DEAL_TYPES, *_CONTRACT_TYPES, crediting.REFUNDED)
TYPES = (
    *directory.TYPES, *_PAID_FROM, SUPERSEDED, PLAN_ACTIVATED, STATEMENT_APPROVED, STATEMENT_CLOSED,
)  # fmt: skip
"""What of the log pay follows from, or changes what is shown of it."""
_SUBJECTS = ("deal:", "contract:", "refund:")
_KEPT = ("amount", "owners", "stage", "deal", "contract", "order")
"""What is kept of a payload."""


@dataclass(slots=True)
class _Touched:
    """What a page changes, with the offset of the last entry that did."""

    deals: dict[str, int] = field(default_factory=dict)
    members: dict[str, int] = field(default_factory=dict)
    shown: dict[str, int] = field(default_factory=dict)
    """Members whose pay reads differently although nothing of it changed."""
    everybody_shown: int = 0
    everybody: int = 0
    all_deals: int = 0


async def take(
    connection: Connection, tenant_id: str, entries: Sequence[Entry], _offset: int
) -> None:
    """The effect of a page of the log (services.kit.consumer)."""
    touched = _Touched()
    for entry in entries:
        if entry.kind == "fact":
            await directory.learn(connection, tenant_id, entry.type, entry.payload, entry.offset)
            _learn(touched, entry)
    conclusions = [
        entry
        for entry in entries
        if entry.kind == "conclusion" and entry.subject.startswith(_SUBJECTS)
    ]
    if conclusions:
        await _stand(connection, tenant_id, conclusions, touched)
    if touched.all_deals:
        for deal in await subjects_store.all_deals(connection, tenant_id):
            touched.deals.setdefault(deal, touched.all_deals)
    if touched.deals:
        await _credit(connection, tenant_id, touched)
    await _restate(connection, tenant_id, touched)
    await versions.bump(connection, tenant_id, touched.shown)


async def _restate(connection: Connection, tenant_id: str, touched: _Touched) -> None:
    """Recalculate who is touched, and note whose pay is to be shown anew."""
    concerned = dict(touched.members)
    everybody = max(touched.everybody, touched.everybody_shown)
    if everybody:
        for member in await credits_store.members_with_pay(connection, tenant_id):
            touched.shown[member] = max(everybody, touched.shown.get(member, 0))
            if touched.everybody:
                concerned.setdefault(member, touched.everybody)
    if concerned:
        await restate(connection, tenant_id, concerned.keys())
    for member, offset in concerned.items():
        touched.shown[member] = max(offset, touched.shown.get(member, 0))


def _learn(touched: _Touched, fact: Entry) -> None:
    if fact.type == directory.TENANT_CONFIGURED:  # days and periods may be others
        touched.all_deals = touched.everybody = fact.offset
    elif fact.type == directory.UNIT_PLACED:
        touched.everybody = fact.offset
    elif fact.type == directory.MEMBER_MOVED:
        touched.members[fact.payload["member_id"]] = fact.offset
    elif fact.type in {directory.DAY_STARTED, PLAN_ACTIVATED}:
        # Run rates follow the day; plans were taken into account when they were activated.
        touched.everybody_shown = fact.offset
    elif fact.type in {STATEMENT_APPROVED, STATEMENT_CLOSED}:
        touched.shown[fact.payload["member_id"]] = fact.offset


async def _stand(
    connection: Connection, tenant_id: str, entries: Iterable[Entry], touched: _Touched
) -> None:
    """Bring up to date what stands of the subjects, and note the deals whose credit may change."""
    by_subject: dict[str, list[Entry]] = {}
    for entry in entries:
        by_subject.setdefault(entry.subject, []).append(entry)
    before = await subjects_store.subjects(connection, tenant_id, by_subject)
    after: dict[str, Subject] = {}
    for name, news in by_subject.items():
        standing = before[name].standing if name in before else {}
        for entry in news:
            kept = {key: entry.payload[key] for key in _KEPT if key in entry.payload}
            standing = apply(standing, entry._replace(payload=kept))
        after[name] = _subject(standing)
    await subjects_store.put(connection, tenant_id, after)
    contracts = {
        one.contract for one in (*before.values(), *after.values()) if one.contract is not None
    }
    through = await subjects_store.deals_of_contracts(connection, tenant_id, contracts)
    for name, news in by_subject.items():
        for one in (before.get(name), after[name]):
            deal = name if name.startswith("deal:") else _deal(one, through)
            if deal is not None:
                touched.deals[deal] = max(news[-1].offset, touched.deals.get(deal, 0))


def _subject(standing: Mapping[str, Entry]) -> Subject:
    """With the deal and contract that its last event names."""
    if not standing:
        return Subject(standing)
    last = in_order(standing.values())[-1].payload
    return Subject(standing, last.get("deal"), last.get("contract"))


def _deal(subject: Subject | None, through: Mapping[str, str]) -> str | None:
    """The deal that a contract or refund is about: its own, else that of its contract."""
    if subject is None:
        return None
    return subject.deal or through.get(subject.contract or "")


async def _credit(connection: Connection, tenant_id: str, touched: _Touched) -> None:
    """Bring the touched deals' credits to what stands; their members are touched by that."""
    deals = sorted(touched.deals)
    dated = await directory.settings(connection, tenant_id)
    zones = Zones((row["effective_on"], row["zone"]) for row in dated)
    standing = await subjects_store.subjects(connection, tenant_id, deals)
    refunds = await subjects_store.refunds_of_deals(connection, tenant_id, deals)
    was = await credits_store.of_deals(connection, tenant_id, deals)
    now = {
        credit
        for deal, subject in standing.items()
        for credit in crediting.credits_of(
            subject.standing.values(), refunds.get(deal, ()), zones.day_of
        )
    }
    await credits_store.remove(connection, tenant_id, was - now)
    await credits_store.add(connection, tenant_id, now - was)
    for credit in was ^ now:
        offset = max(touched.deals[credit.deal], touched.members.get(credit.member_id, 0))
        touched.members[credit.member_id] = offset
