"""What members earn in a period, as far as the viewer may see it."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.incentives.actions.office import Office, Reading
from services.incentives.actions.restate import Rules
from services.incentives.domain import policy, run_rate, statement
from services.incentives.domain.commission import NextBand
from services.incentives.domain.lines import Line
from services.incentives.domain.policy import View
from services.incentives.domain.statement import Statement
from services.incentives.store import plans as plans_store
from services.incentives.store import statements as store
from services.kit import limits
from services.kit.auth import Viewer
from services.kit.errors import TooLarge
from services.kit.period import Period

_STATES = ("live", "approved", "closed")


@dataclass(frozen=True, slots=True)
class Earnings:
    """`period` is the plan's that holds the asked one, or the asked one where it holds several;
    `state` is the least settled of its statements'. `lines` are None for who sees totals only.
    """

    member_id: str
    period: str
    state: str
    currency: str
    earned_minor: int
    projected_minor: int
    next_band: NextBand | None
    lines: tuple[Line, ...] | None


async def earnings(
    office: Office, viewer: Viewer, members: Sequence[str], period: str,
    min_offset: int | None = None,
) -> tuple[list[Earnings], int]:  # fmt: skip
    """In the order asked. Who has no plan then, is unknown or not for this viewer is absent."""
    if len(members) > limits.PAGE_MOST:
        raise TooLarge(f"ask for {limits.PAGE_MOST} members at most", path="member")
    async with office.reading(viewer, min_offset) as reading:
        wanted = Period.parse(period, reading.settings.calendar)
        sight = await reading.sight(members)
        seen: dict[str, View] = {}
        for name in members:
            member = reading.chart.references.get(name)
            if member is not None:
                seen[member] = policy.view(viewer.role, sight, member)
        ids = sorted(member for member, may in seen.items() if may is not View.NOTHING)
        if not ids:
            return [], reading.offset
        found = await _statements(reading, ids, wanted)
        items = [
            _earnings(found[member], may, wanted, reading)
            for member, may in seen.items()
            if found.get(member)
        ]
        return items, reading.offset


async def _statements(
    reading: Reading, members: Sequence[str], wanted: Period
) -> dict[str, list[tuple[str, Statement]]]:
    """The members' statements of the plan's periods that lie in the wanted one, or hold it, with
    their states; an empty one where there is a plan and nothing was credited.
    """
    active = await plans_store.active(reading.connection, reading.tenant_id)
    rule = Rules(tuple(active), reading.chart.above, reading.settings.calendar)
    plans = {one.id: one for one in active}
    records = await store.of_members(
        reading.connection, reading.tenant_id, members, wanted.first, wanted.last
    )
    stored: dict[str, dict[Period, tuple[str, Statement]]] = {member: {} for member in members}
    for record in records:
        made = record.statement(plans[record.plan_id])
        stored[record.member_id][made.period] = (record.state, made)
    return {member: _of_periods(member, rule, stored[member], wanted) for member in members}


def _of_periods(
    member: str, rule: Rules, stored: dict[Period, tuple[str, Statement]], wanted: Period
) -> list[tuple[str, Statement]]:
    last = stored.get(next((p for p in stored if p.contains(wanted.last)), wanted))
    plan = last[1].plan if last else rule.plan_on(member)(wanted.last)
    holding = None if plan is None else plan.period(wanted.last, rule.calendar)
    if holding is not None and plan is not None and holding.first <= wanted.first:
        return [stored.get(holding) or ("live", statement.empty(member, plan, holding))]
    within = {
        period: one
        for period, one in stored.items()
        if wanted.contains(period.first) and wanted.contains(period.last)
    }
    if not within and holding is not None and plan is not None:
        return [("live", statement.empty(member, plan, holding))]
    return [one for _, one in sorted(within.items(), key=lambda each: each[0].first)]


def _earnings(
    all_found: Sequence[tuple[str, Statement]], may: View, wanted: Period, reading: Reading
) -> Earnings:
    newest_state, newest = all_found[-1]
    currency = newest.plan.terms.currency
    # Pay in another currency, under an earlier plan, adds to nothing here.
    found = [each for each in all_found if each[1].plan.terms.currency == currency]
    return Earnings(
        newest.member_id,
        newest.period.code if len(found) == 1 else wanted.code,
        min((state for state, _ in found), key=_STATES.index),
        currency,
        sum(one.total_minor for _, one in found),
        sum(
            one.total_minor if state == "closed" else run_rate.projected(one, reading.today)
            for state, one in found
        ),
        None if newest_state == "closed" else newest.next_band,
        tuple(line for _, one in found for line in one.lines) if may is View.LINES else None,
    )
