"""Batches of kpi for one request: scopes in, figures out, one call per level of a document."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.execution.batching import Found, by_id
from gateway.execution.deadlines import Caller
from gateway.kpi.client import KpiClient, Slice


class KpiLoaders:
    def __init__(self, client: KpiClient, caller: Caller) -> None:
        self._client = client
        self._caller = caller
        self._metrics: Mapping[str, Any] | None = None

    async def funnels(self, scopes: Iterable[str], which: Slice, parts: Sequence[str]) -> Found:
        """Funnels, each with the offset that it reflects and the period it is of."""

        async def read(ids: Sequence[str]) -> list[Any]:
            answer = await self._client.funnels(ids, which, parts, self._caller)
            at = {"offset": answer["offset"], "period": answer["period"]}
            return [{**item, **at} for item in answer["items"]]

        return await by_id(scopes, read, "scope")

    async def attainments(
        self, scopes: Iterable[str], period: str, metrics: Sequence[str], *, by_time: bool = False
    ) -> Found:
        """By scope `{metrics: {code: figures}}`; all metrics where none is named."""

        async def read(ids: Sequence[str]) -> list[Any]:
            answer = await self._client.attainments(
                ids, period, metrics, self._caller, by_time=by_time
            )
            by_scope: dict[str, dict[str, Any]] = {}
            for item in answer["items"]:
                by_scope.setdefault(item["scope"], {})[item["metric"]] = item
            return [{"scope": scope, "metrics": items} for scope, items in by_scope.items()]

        return await by_id(scopes, read, "scope")

    async def leaderboard(self, unit: str, period: str, metric: str, first: int) -> list[Any]:
        answer = await self._client.leaderboard(unit, period, metric, first, self._caller)
        items: list[Any] = answer["items"]
        return items

    async def alerts(
        self, scopes: Iterable[str], first: int, after: str | None, *, below: bool
    ) -> Found:
        """A page of each scope's alerts; `below`: with those of everybody below a unit."""

        async def read(ids: Sequence[str]) -> list[Any]:
            return await self._client.alerts(ids, first, after, self._caller, below=below)

        return await by_id(scopes, read, "scope")

    async def metrics(self) -> Mapping[str, Any]:
        """The catalogue by code, in its order."""
        if self._metrics is None:
            items = await self._client.metrics(self._caller)
            self._metrics = {item["code"]: item for item in items}
        return self._metrics

    async def act(self, path: str, body: Mapping[str, Any], key: str | None) -> Mapping[str, Any]:
        return await self._client.act(path, body, self._caller, key)
