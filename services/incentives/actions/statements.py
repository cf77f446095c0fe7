"""Statements and credits: reading them, approving, closing."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from services.incentives.actions import facts
from services.incentives.actions.office import Office, Reading
from services.incentives.actions.restate import restate
from services.incentives.domain import policy
from services.incentives.domain.credits import Credit
from services.incentives.domain.policy import View
from services.incentives.domain.settling import (
    OwnStatement,
    PeriodRunning,
    StatementClosed,
    StatementNotApproved,
)
from services.incentives.store import credits as credits_store
from services.incentives.store import statements as store
from services.incentives.store.statements import StatementRecord
from services.kit import directory, ids, outbox
from services.kit.auth import Viewer
from services.kit.chart import Sight
from services.kit.errors import NotFound
from services.kit.period import Period

Seen = tuple[StatementRecord, View]


async def approve(office: Office, viewer: Viewer, statement_id: str) -> tuple[Seen, int]:
    """Approve the figures as they are; the same again changes nothing."""
    policy.need_settling(viewer.role)
    async with office.deciding(viewer) as deciding:
        found, me = await _to_settle(deciding, statement_id)
        if found.state == "closed":
            raise StatementClosed(f"the statement of {found.period} is closed")
        if found.state == "live":
            now = office.now()
            await store.approve(
                deciding.connection, deciding.tenant_id, found, viewer.subject, me, now
            )
            await outbox.put(
                deciding.connection, deciding.tenant_id, [facts.statement_approved(found, now)]
            )
        return (await _again(deciding, found), View.LINES), deciding.offset


async def close(office: Office, viewer: Viewer, statement_id: str) -> tuple[Seen, int]:
    """Close an approved statement for good; a closed one is answered unchanged."""
    policy.need_settling(viewer.role)
    async with office.deciding(viewer) as deciding:
        found, _ = await _to_settle(deciding, statement_id)
        if found.state == "live":
            raise StatementNotApproved(
                "approve the statement first: its figures may have changed since it was approved"
            )
        if found.state == "approved":
            connection, tenant_id = deciding.connection, deciding.tenant_id
            now = office.now()
            await store.close(connection, tenant_id, found, viewer.subject, now)
            await restate(connection, tenant_id, [found.member_id])
            await outbox.put(connection, tenant_id, [facts.statement_closed(found, now)])
        return (await _again(deciding, found), View.LINES), deciding.offset


async def _to_settle(deciding: Reading, statement_id: str) -> tuple[StatementRecord, str | None]:
    """The statement, ended and of somebody else, and who the viewer is."""
    found = None
    if ids.is_id(statement_id):
        found = await store.one(deciding.connection, deciding.tenant_id, statement_id)
    if found is None:
        raise NotFound("no such statement", path="statement")
    sight = await deciding.sight()
    if sight.me == found.member_id:
        raise OwnStatement("somebody else approves and closes your pay")
    if deciding.today <= found.last_on:
        raise PeriodRunning(f"{found.period} lasts until {found.last_on}")
    return found, sight.me


async def _again(deciding: Reading, found: StatementRecord) -> StatementRecord:
    again = await store.one(deciding.connection, deciding.tenant_id, found.id)
    assert again is not None, "a statement that was settled stays"
    return again


async def one_statement(office: Office, viewer: Viewer, statement_id: str) -> tuple[Seen, int]:
    """NotFound where it is not there and where the viewer sees nothing of it, alike."""
    async with office.reading(viewer) as reading:
        found = None
        if ids.is_id(statement_id):
            found = await store.one(reading.connection, reading.tenant_id, statement_id)
        # Looked up either way: ids can be worked out, and time would tell which ones are there.
        sight = await reading.sight([found.member_id] if found else ())
        if found is not None:
            seen = policy.view(viewer.role, sight, found.member_id)
            if seen is not View.NOTHING:
                return (found, seen), reading.offset
    raise NotFound("no such statement", path="statement")


async def some_statements(
    office: Office, viewer: Viewer, members: Sequence[str], period: str | None, state: str | None,
    after: Sequence[Any] | None, size: int,
) -> tuple[list[Seen], int]:  # fmt: skip
    """A page of what the viewer may see, one more than the page if there is."""
    async with office.reading(viewer) as reading:
        sight = await reading.sight(members)
        scope = await _visible(reading, sight, members, View.TOTALS)
        if scope == []:
            return [], reading.offset
        found = await store.page(
            reading.connection, reading.tenant_id, scope, _span(reading, period), state, after,
            size + 1,
        )  # fmt: skip
        await reading.chart.meet(reading.connection, [one.member_id for one in found])
        return [
            (one, policy.view(viewer.role, sight, one.member_id)) for one in found
        ], reading.offset


async def some_credits(
    office: Office, viewer: Viewer, members: Sequence[str], period: str | None, deal: str | None,
    after: Sequence[Any] | None, size: int,
) -> tuple[list[Credit], int]:  # fmt: skip
    """A page of the credits whose lines the viewer may see."""
    async with office.reading(viewer) as reading:
        sight = await reading.sight(members)
        scope = await _visible(reading, sight, members, View.LINES)
        if scope == []:
            return [], reading.offset
        found = await credits_store.page(
            reading.connection, reading.tenant_id, scope, _span(reading, period), deal, after,
            size + 1,
        )  # fmt: skip
        return found, reading.offset


async def _visible(
    reading: Reading, sight: Sight, asked: Sequence[str], least: View
) -> list[str] | None:
    """The members of whom the viewer sees at least so much, among those asked where any are; None
    for everybody.
    """
    role = reading.viewer.role
    if asked:
        known = [reading.chart.references.get(name) for name in asked]
        return [
            member
            for member in dict.fromkeys(known)
            if member is not None and policy.view(role, sight, member) >= least
        ]
    if policy.sees_everybody(role):
        return None
    wanted = {sight.me} if sight.me else set()
    if least is View.TOTALS and sight.managed:
        below = reading.chart.below(sight.managed, sight.on)
        wanted |= await directory.members_in(reading.connection, reading.tenant_id, sorted(below))
        await reading.chart.meet(reading.connection, wanted)
    return sorted(member for member in wanted if policy.view(role, sight, member) >= least)


def _span(reading: Reading, period: str | None) -> tuple[date, date] | None:
    return None if period is None else Period.parse(period, reading.settings.calendar).span
