"""Batches of kpi for one request: scopes in, funnels out, one call per slice and level."""

import asyncio
from collections import defaultdict
from typing import NamedTuple

from strawberry.dataloader import DataLoader

from gateway.execution.deadlines import Caller
from gateway.kpi.client import Funnel, KpiClient, Slice
from services.kit import limits


class FunnelKey(NamedTuple):
    scope: str
    slice: Slice


class FunnelAt(NamedTuple):
    """A scope's funnel with the offset it reflects."""

    offset: int
    period: str
    row: Funnel


class KpiLoaders:
    def __init__(self, client: KpiClient, caller: Caller) -> None:
        self._client = client
        self._caller = caller
        self.funnels: DataLoader[FunnelKey, FunnelAt | None] = DataLoader(
            self._funnels, limits.PAGE_MOST
        )

    async def _funnels(self, keys: list[FunnelKey]) -> list[FunnelAt | BaseException | None]:
        by_slice: defaultdict[Slice, list[str]] = defaultdict(list)
        for scope, which in keys:
            by_slice[which].append(scope)
        answers = await asyncio.gather(
            *(self._client.funnels(scopes, one, self._caller) for one, scopes in by_slice.items()),
            return_exceptions=True,
        )
        found: dict[FunnelKey, FunnelAt | BaseException] = {}
        for (which, scopes), answer in zip(by_slice.items(), answers, strict=True):
            if isinstance(answer, BaseException):
                found |= {FunnelKey(scope, which): answer for scope in scopes}
                continue
            for row in answer["items"]:
                key = FunnelKey(row["scope"], which)
                found.setdefault(key, FunnelAt(answer["offset"], answer["period"], row))
        return [found.get(key) for key in keys]
