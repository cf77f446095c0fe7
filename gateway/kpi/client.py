"""The wire of kpi: funnels of up to 100 scopes a call, and the long poll of changes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypedDict, cast

from gateway.execution.deadlines import Caller
from gateway.execution.hub import Changes
from gateway.execution.service import Service
from services.kit import ids, limits

_GRACE_SECONDS = 5.0
"""How much longer than the poll asks for an answer may take."""


class Money(TypedDict):
    amount: str
    currency: str


class Stage(TypedDict):
    code: str
    name: str
    kind: str
    entered: int
    open: int
    undated: int
    amount: Money | None
    entered_amount: Money | None
    conversion: str | None
    median_days: str | None


class Deals(TypedDict):
    deals: int
    amount: Money | None


class Funnel(TypedDict):
    scope: str
    pipeline: str
    currency: str | None
    stages: list[Stage]
    created: int
    undated: int
    won: Deals
    lost: Deals
    win_rate: str | None
    win_rate_all: str | None
    cycle_days: str | None


class Funnels(TypedDict):
    offset: int
    period: str
    items: list[Funnel]


class Slice(NamedTuple):
    """Which deals a funnel counts."""

    period: str
    pipeline: str | None = None
    product: str | None = None
    channel: str | None = None


class KpiClient:
    def __init__(self, service: Service, token: Callable[[str], str]) -> None:
        """`token` signs for the gateway itself, for a tenant; reads use the viewer's own."""
        self._service = service
        self._token = token

    async def funnels(self, scopes: Sequence[str], which: Slice, caller: Caller) -> Funnels:
        params = [("scope", one) for one in sorted(scopes)]
        params += [(name, value) for name, value in which._asdict().items() if value is not None]
        if caller.min_offset is not None:
            params.append(("min_offset", str(caller.min_offset)))
        return cast("Funnels", await self._service.read("/kpi/v1/funnels", params, caller))

    async def changes(self, tenant: str, after: int) -> Changes:
        """Waits until something of the tenant moved; with `after` -1, says where it is at once."""
        wait_seconds = limits.LONG_POLL_SECONDS
        answer = await self._service.ask(
            "/kpi/v1/changes",
            [("after", str(after)), ("wait", str(round(wait_seconds)))],
            token=self._token(tenant), request_id=ids.new(), seconds=wait_seconds + _GRACE_SECONDS,
        )  # fmt: skip
        return Changes(answer["offset"], answer["subjects"])
