"""The wire of targets: batch reads of its organisation, up to 100 ids a call."""

from collections.abc import Sequence
from typing import TypedDict, cast

from gateway.execution.deadlines import Caller
from gateway.execution.service import Params, Service


class Reference(TypedDict):
    id: str
    name: str


class Member(TypedDict):
    id: str
    external_id: str
    name: str
    unit: Reference | None
    manager: Reference | None
    tenure_months: int
    asked: list[str]


class Unit(TypedDict):
    id: str
    external_id: str
    name: str
    parent_id: str | None
    asked: list[str]


class Children(TypedDict):
    unit_id: str
    asked: list[str]
    children: list[Unit]


class Staff(TypedDict):
    """A page of the members in a unit and below it."""

    unit_id: str
    asked: list[str]
    total_count: int
    items: list[Member]
    next_cursor: str | None


def _asking(ids: Sequence[str]) -> list[tuple[str, str]]:
    # Sorted, so that the same ids are the same load whichever order a document asks them in.
    return [("id", one) for one in sorted(ids)]


class TargetsClient:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def members(self, ids: Sequence[str], caller: Caller) -> list[Member]:
        answer = await self._service.read("/targets/v1/members", _asking(ids), caller)
        return cast("list[Member]", answer["items"])

    async def units(self, ids: Sequence[str], caller: Caller) -> list[Unit]:
        answer = await self._service.read("/targets/v1/units", _asking(ids), caller)
        return cast("list[Unit]", answer["items"])

    async def children(self, ids: Sequence[str], caller: Caller) -> list[Children]:
        answer = await self._service.read("/targets/v1/units/children", _asking(ids), caller)
        return cast("list[Children]", answer["items"])

    async def staff(
        self, ids: Sequence[str], first: int, after: str | None, caller: Caller
    ) -> list[Staff]:
        params: Params = [*_asking(ids), ("limit", str(first))]
        if after is not None:
            params = [*params, ("cursor", after)]
        answer = await self._service.read("/targets/v1/units/members", params, caller)
        return cast("list[Staff]", answer["items"])
