"""Batches of targets for one request: ids in, rows out, one call per level of a document."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from strawberry.dataloader import DataLoader

from gateway.errors import ServiceRefused
from gateway.execution.deadlines import Caller
from gateway.targets.client import Member, Staff, TargetsClient, Unit
from services.kit import limits

Row = TypeVar("Row")


class StaffKey(NamedTuple):
    unit_id: str
    first: int
    after: str | None


class TargetsLoaders:
    """`members` and `units` take any id that the contract allows; None where there is nobody."""

    def __init__(self, client: TargetsClient, caller: Caller) -> None:
        self._client = client
        self._caller = caller
        most = limits.PAGE_MOST
        self.members: DataLoader[str, Member | None] = DataLoader(self._members, most)
        self.units: DataLoader[str, Unit | None] = DataLoader(self._units, most)
        self.children: DataLoader[str, list[Unit]] = DataLoader(self._children, most)
        self.staff: DataLoader[StaffKey, Staff | None] = DataLoader(self._staff, most)

    async def _members(self, ids: list[str]) -> list[Member | BaseException | None]:
        return await _each(ids, lambda some: self._client.members(some, self._caller))

    async def _units(self, ids: list[str]) -> list[Unit | BaseException | None]:
        return await _each(ids, lambda some: self._client.units(some, self._caller))

    async def _children(self, unit_ids: list[str]) -> list[list[Unit]]:
        rows = await self._client.children(unit_ids, self._caller)
        below = {row["unit_id"]: row["children"] for row in rows}
        for units in below.values():
            self.units.prime_many({unit["id"]: unit for unit in units})
        return [below.get(unit_id, []) for unit_id in unit_ids]

    async def _staff(self, keys: list[StaffKey]) -> list[Staff | None]:
        calls: defaultdict[tuple[int, str | None], list[str]] = defaultdict(list)
        for unit_id, first, after in keys:
            calls[first, after].append(unit_id)
        pages: dict[StaffKey, Staff] = {}

        async def call(first: int, after: str | None, unit_ids: list[str]) -> None:
            for row in await self._client.staff(unit_ids, first, after, self._caller):
                pages[StaffKey(row["unit_id"], first, after)] = row
                self.members.prime_many({member["id"]: member for member in row["items"]})

        await asyncio.gather(*(call(*page, unit_ids) for page, unit_ids in calls.items()))
        return [pages.get(key) for key in keys]


async def _each(
    ids: list[str], read: Callable[[Sequence[str]], Awaitable[Sequence[Any]]]
) -> list[Any]:
    """A row, None or an error for each id: an ambiguous one does not fail its neighbours."""
    try:
        rows = await read(ids)
    except ServiceRefused as refusal:
        if refusal.code != "ambiguous_id" or len(ids) == 1:
            raise
        alone = (_each([one], read) for one in ids)
        found = await asyncio.gather(*alone, return_exceptions=True)
        return [one if isinstance(one, BaseException) else one[0] for one in found]
    meant: dict[str, Any] = {}
    for row in rows:
        for name in (*row["asked"], row["id"], row["external_id"]):
            meant[name] = row
    return [meant.get(one) for one in ids]
