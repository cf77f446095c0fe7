"""The wire of customers: mixes and tasks in batches, and its actions."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from gateway.execution.deadlines import Caller
from gateway.execution.service import Many, Service

_CUSTOMERS = "/customers/v1"


class CustomersClient:
    def __init__(self, service: Service) -> None:
        self.service = service

    async def mix(self, scopes: Sequence[str], caller: Caller) -> list[Any]:
        params = [("scope", one) for one in sorted(scopes)]
        many = Many("scope", "scope")
        answer = await self.service.read_at_least(f"{_CUSTOMERS}/mix", params, caller, many=many)
        return cast("list[Any]", answer["items"])

    async def tasks(
        self, members: Sequence[str], first: int, after: str | None, caller: Caller
    ) -> list[Any]:
        params = [("member", one) for one in sorted(members)]
        params.append(("limit", str(first)))
        if after is not None:
            params.append(("cursor", after))
        # A cursor belongs to one member.
        many = Many("member", "member_id") if after is None else None
        answer = await self.service.read_at_least(f"{_CUSTOMERS}/tasks", params, caller, many=many)
        return cast("list[Any]", answer["items"])

    async def act(
        self, method: str, path: str, body: Mapping[str, Any], caller: Caller, key: str | None
    ) -> Mapping[str, Any]:
        """One call that changes something."""
        answer = await self.service.act(method, f"{_CUSTOMERS}/{path}", body, caller, key)
        return cast("Mapping[str, Any]", answer)
