"""The wire of targets: batch reads of its organisation and plans, and its actions."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from gateway.execution.deadlines import Caller, Deadline
from gateway.execution.service import Many, Params, Service
from services.kit import limits

_TARGETS = "/targets/v1"
_LEFT_SECONDS = 0.2
_BY_ID, _BY_ASKED = Many("id", "id"), Many("id", "asked")


def _asking(name: str, ids: Sequence[str], **more: str | None) -> Params:
    params = [(name, one) for one in sorted(ids)]
    return params + [(key, value) for key, value in more.items() if value is not None]


class TargetsClient:
    """Rows as targets answers them, each with the id or ids that asked for it."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def members(self, ids: Sequence[str], caller: Caller) -> list[Any]:
        return await self._who("members", ids, caller)

    async def units(self, ids: Sequence[str], caller: Caller) -> list[Any]:
        return await self._who("units", ids, caller)

    async def children(self, ids: Sequence[str], caller: Caller) -> list[Any]:
        return await self._items("units/children", _asking("id", ids), caller, _BY_ASKED)

    async def staff(
        self, ids: Sequence[str], first: int, after: str | None, caller: Caller
    ) -> list[Any]:
        params = _asking("id", ids, limit=str(first), cursor=after)
        many = _BY_ASKED if after is None else None  # a cursor belongs to one unit
        return await self._items("units/members", params, caller, many)

    async def targets(
        self, owners: Sequence[str], period: str, metric: str | None, axis: str | None,
        caller: Caller,
    ) -> list[Any]:  # fmt: skip
        params = _asking("owner", owners, period=period, metric=metric, children=axis)
        # Sooner than the document's end: without the plan, kpi is asked what its metrics are.
        by = Deadline(caller.deadline.at_seconds - _LEFT_SECONDS)
        return await self._items("targets", params, caller, Many("owner", "owner_id"), by)

    async def target_children(
        self, ids: Sequence[str], axis: str | None, caller: Caller
    ) -> list[Any]:
        params = _asking("id", ids, axis=axis)
        return await self._items("targets/children", params, caller, _BY_ID)

    async def plans(self, ids: Sequence[str], caller: Caller) -> list[Any]:
        return await self._items("plans", _asking("id", ids), caller, _BY_ID)

    async def plan_page(self, first: int, after: str | None, caller: Caller) -> Any:
        params = _asking("id", (), limit=str(first), cursor=after)
        return await self.service.read_at_least(f"{_TARGETS}/plans", params, caller)

    async def _who(self, path: str, ids: Sequence[str], caller: Caller) -> list[Any]:
        # A board waits for this before it asks anybody else, so it may not take all the time.
        by = Deadline.sooner(caller.deadline, limits.GRAPHQL_IDENTITY_SECONDS)
        params = _asking("id", ids)
        answer = await self.service.read(
            f"{_TARGETS}/{path}", params, caller, by=by, many=_BY_ASKED
        )
        return cast("list[Any]", answer["items"])

    async def _items(
        self, path: str, params: Params, caller: Caller, many: Many | None,
        by: Deadline | None = None,
    ) -> list[Any]:  # fmt: skip
        read = self.service.read if path.startswith("units/") else self.service.read_at_least
        answer = await read(f"{_TARGETS}/{path}", params, caller, by=by, many=many)
        return cast("list[Any]", answer["items"])

    async def act(
        self, path: str, body: Mapping[str, Any], caller: Caller, key: str | None
    ) -> Mapping[str, Any]:
        """One POST that changes something."""
        answer = await self.service.act("POST", f"{_TARGETS}/{path}", body, caller, key)
        return cast("Mapping[str, Any]", answer)
