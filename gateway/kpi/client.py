"""The wire of kpi: figures of up to 100 scopes a call, its actions, and the poll of changes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from gateway.execution.deadlines import Caller
from gateway.execution.service import Many, Params, Service

_KPI = "/kpi/v1"
_BY_SCOPE = Many("scope", "scope")


class Slice(NamedTuple):
    """Which deals a funnel counts."""

    period: str
    pipeline: str | None = None
    product: str | None = None
    channel: str | None = None


class KpiClient:
    def __init__(self, service: Service) -> None:
        self.service = service

    async def funnels(
        self, scopes: Sequence[str], which: Slice, parts: Sequence[str], caller: Caller
    ) -> Any:
        """`parts` beside the figures: coverage, bottlenecks, forecast."""
        params = [*_of(scopes), *_given(**which._asdict())]
        params += [("parts", part) for part in ("figures", *parts)]
        return await self._read("funnels", params, caller, _BY_SCOPE)

    async def attainments(
        self, scopes: Sequence[str], period: str, metrics: Sequence[str], caller: Caller,
        *, by_time: bool,
    ) -> Any:  # fmt: skip
        params = [*_of(scopes), ("period", period)]
        params += [("metric", one) for one in metrics]
        if by_time:
            params.append(("children", "time"))
        return await self._read("attainments", params, caller, _BY_SCOPE)

    async def leaderboard(
        self, unit: str, period: str, metric: str, first: int, caller: Caller
    ) -> Any:
        params = _given(unit=unit, period=period, metric=metric, limit=str(first))
        return await self._read("leaderboard", params, caller)

    async def alerts(
        self, scopes: Sequence[str], first: int, after: str | None, caller: Caller, *, below: bool
    ) -> list[Any]:
        deep = "true" if below else None
        params = [*_of(scopes), *_given(limit=str(first), cursor=after, below=deep)]
        many = _BY_SCOPE if after is None else None  # a cursor belongs to one scope
        return cast("list[Any]", (await self._read("alerts", params, caller, many))["items"])

    async def metrics(self, caller: Caller) -> list[Any]:
        answer = await self.service.read(f"{_KPI}/metrics", [], caller)
        return cast("list[Any]", answer["items"])

    async def _read(
        self, path: str, params: Params, caller: Caller, many: Many | None = None
    ) -> Any:
        return await self.service.read_at_least(f"{_KPI}/{path}", params, caller, many=many)

    async def act(
        self, path: str, body: Mapping[str, Any], caller: Caller, key: str | None
    ) -> Mapping[str, Any]:
        """One call that changes something."""
        answer = await self.service.act("POST", f"{_KPI}/{path}", body, caller, key)
        return cast("Mapping[str, Any]", answer)


def _of(scopes: Sequence[str]) -> list[tuple[str, str]]:
    return [("scope", one) for one in sorted(scopes)]


def _given(**values: str | None) -> list[tuple[str, str]]:
    return [(name, value) for name, value in values.items() if value is not None]
