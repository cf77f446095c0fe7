"""Batches of targets for one request: ids in, rows out, one call per level of a document."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from strawberry.dataloader import DataLoader

from gateway.errors import ServiceRefused
from gateway.execution.batching import Found, by_id
from gateway.execution.deadlines import Caller
from gateway.targets.client import TargetsClient
from services.kit import limits

Row: TypeAlias = Mapping[str, Any]


class TargetsLoaders:
    """`members` and `units` take any id that the contract allows; None where there is nobody.

    Both remember who was met on the way, such as the page of a unit's reps.
    """

    def __init__(self, client: TargetsClient, caller: Caller) -> None:
        self._client = client
        self._caller = caller
        most = limits.PAGE_MOST
        self.members: DataLoader[str, Row | None] = DataLoader(self._members, most)
        self.units: DataLoader[str, Row | None] = DataLoader(self._units, most)

    async def children(self, unit_ids: Iterable[str]) -> Found:
        """Items with the units right below each."""
        found = await by_id(
            unit_ids, lambda ids: self._client.children(ids, self._caller), "unit_id"
        )
        for item in found.values():
            if not isinstance(item, Exception):
                self.units.prime_many({unit["id"]: unit for unit in item["children"]})
        return found

    async def staff(self, unit_ids: Iterable[str], first: int, after: str | None) -> Found:
        """A page of who works in each unit or below it."""
        found = await by_id(
            unit_ids, lambda ids: self._client.staff(ids, first, after, self._caller), "unit_id"
        )
        for page in found.values():
            if not isinstance(page, Exception):
                self.members.prime_many({member["id"]: member for member in page["items"]})
        return found

    async def targets(
        self, owners: Iterable[str], period: str, metric: str | None, axis: str | None
    ) -> Found:
        """Each owner's totals for a period, with their children along `axis` where one is given."""
        return await by_id(
            owners,
            lambda ids: self._client.targets(ids, period, metric, axis, self._caller),
            "owner_id",
        )

    async def target_children(self, target_ids: Iterable[str], axis: str | None) -> Found:
        return await by_id(
            target_ids, lambda ids: self._client.target_children(ids, axis, self._caller), "id"
        )

    async def plans(self, plan_ids: Iterable[str]) -> Found:
        return await by_id(plan_ids, lambda ids: self._client.plans(ids, self._caller), "id")

    async def plan_page(self, first: int, after: str | None) -> Any:
        return await self._client.plan_page(first, after, self._caller)

    async def act(self, path: str, body: Mapping[str, Any], key: str | None) -> Mapping[str, Any]:
        return await self._client.act(path, body, self._caller, key)

    async def _members(self, ids: list[str]) -> list[Row | BaseException | None]:
        return await _each(ids, lambda some: self._client.members(some, self._caller))

    async def _units(self, ids: list[str]) -> list[Row | BaseException | None]:
        return await _each(ids, lambda some: self._client.units(some, self._caller))


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
