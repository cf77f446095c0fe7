"""Batches of incentives for one request."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.execution.batching import Found, by_id
from gateway.execution.deadlines import Caller
from gateway.incentives.client import IncentivesClient


class IncentivesLoaders:
    def __init__(self, client: IncentivesClient, caller: Caller) -> None:
        self._client = client
        self._caller = caller

    async def earnings(self, members: Iterable[str], period: str) -> Found:
        """Each member's pay of a period, as far as the viewer may see it."""
        return await by_id(
            members, lambda ids: self._client.earnings(ids, period, self._caller), "member_id"
        )

    async def act(self, path: str, body: Mapping[str, Any], key: str | None) -> Mapping[str, Any]:
        return await self._client.act(path, body, self._caller, key)
