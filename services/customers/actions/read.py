"""Reading customers, their histories and the mix of scopes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from services.customers.actions.office import Office, Reading, storable
from services.customers.domain import policy
from services.customers.domain.mix import TierShare, by_tier
from services.customers.store import customers
from services.kit.auth import Viewer
from services.kit.errors import NotFound


class CustomerNotFound(NotFound):
    """No such customer, or not for this viewer."""

    code = "customer_not_found"


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as the store has them, at an offset; amounts are in minor units of `currency`."""

    offset: int
    currency: str
    rows: list[Any]


@dataclass(frozen=True, slots=True)
class History:
    offset: int
    currency: str
    customer: Any
    tiers: list[dict[str, Any]]
    classes: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Mix:
    offset: int
    currency: str
    shares: dict[str, list[TierShare]]


async def customers_by_id(
    office: Office, viewer: Viewer, asked: Sequence[str], min_offset: int | None
) -> Page:
    """Those whom the viewer may see, in the order asked, by our id or by account."""
    names = storable(asked, "id")
    async with office.reading(viewer, (), min_offset) as reading:
        reach = await reading.reach(viewer)
        found: dict[str, Any] = {}
        for row in await customers.called(reading.connection, reading.tenant_id, names):
            if reach.shows(row["team"]):
                found |= {row["account"]: row, row["id"]: row}
        rows = {found[name]["id"]: found[name] for name in names if name in found}
        return Page(reading.offset, reading.chart.settings.currency, list(rows.values()))


async def all_customers(
    office: Office, viewer: Viewer, after: tuple[str, str] | None, size: int,
    min_offset: int | None,
) -> Page:  # fmt: skip
    """A page by name of those whom the viewer may see, one more than `size` if there is."""
    async with office.reading(viewer, (), min_offset) as reading:
        reach = await reading.reach(viewer)
        members = None if reach.everything else sorted(reach.members)
        rows = await customers.page(reading.connection, reading.tenant_id, members, after, size + 1)
        return Page(reading.offset, reading.chart.settings.currency, rows)


async def history(office: Office, viewer: Viewer, asked: str, min_offset: int | None) -> History:
    """Every change of tier with its causes, and every class that was fixed."""
    async with office.reading(viewer, (), min_offset) as reading:
        where = reading.connection, reading.tenant_id
        reach = await reading.reach(viewer)
        found = {row["id"]: row for row in await customers.called(*where, storable([asked], "id"))}
        row = found.get(asked) or next(iter(found.values()), None)
        if row is None or not reach.shows(row["team"]):
            raise CustomerNotFound(f"no customer {asked!r}", path="id")
        changes = await customers.tier_changes(*where, row["id"])
        fixes = await customers.class_fixes(*where, row["id"])
        tiers = [dict(one) | {"causes": orjson.loads(one["causes"])} for one in changes]
        return History(
            reading.offset, reading.chart.settings.currency, row, tiers,
            [dict(one) for one in fixes],
        )  # fmt: skip


async def mix(office: Office, viewer: Viewer, asked: Sequence[str], min_offset: int | None) -> Mix:
    """The mix of each scope that the viewer may see, in the order asked."""
    scopes = storable(asked, "scope")
    async with office.reading(viewer, scopes, min_offset) as reading:
        reach = await reading.reach(viewer)
        known = [scope for scope in dict.fromkeys(scopes) if reading.sight.knows(scope)]
        subtree = policy.sees_subtree(viewer.role)
        managed = [scope for scope in known if subtree and reading.sight.manages(scope)]
        seen = reach.scopes(known, managed)
        owners = {scope: await _owners(reading, scope) for scope in seen}
        everyone = sorted({owner for found in owners.values() for owner in found})
        holdings = await customers.holdings(reading.connection, reading.tenant_id, everyone)
        return Mix(
            reading.offset, reading.chart.settings.currency,
            {scope: by_tier(holdings, owners[scope]) for scope in seen},
        )  # fmt: skip


async def _owners(reading: Reading, scope: str) -> frozenset[str]:
    """The member itself, or the members in a unit and below it."""
    if scope in reading.chart.placements:
        return await reading.staff(frozenset({scope}))
    return frozenset({scope})
