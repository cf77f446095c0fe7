"""Batches of customers for one request."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.customers.client import CustomersClient
from gateway.execution.batching import Found, by_id
from gateway.execution.deadlines import Caller


class CustomersLoaders:
    def __init__(self, client: CustomersClient, caller: Caller) -> None:
        self._client = client
        self._caller = caller

    async def mix(self, scopes: Iterable[str]) -> Found:
        """Each member's or unit's customers by tier and by segment."""
        return await by_id(scopes, lambda ids: self._client.mix(ids, self._caller), "scope")

    async def tasks(self, members: Iterable[str], first: int, after: str | None) -> Found:
        """A page of each member's tasks."""
        return await by_id(
            members, lambda ids: self._client.tasks(ids, first, after, self._caller), "member_id"
        )

    async def act(
        self, method: str, path: str, body: Mapping[str, Any], key: str | None
    ) -> Mapping[str, Any]:
        return await self._client.act(method, path, body, self._caller, key)
