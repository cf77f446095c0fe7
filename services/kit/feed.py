"""Reading kpi's log from another service, over HTTP alone.

A service holds one request per process on the heads and, for each tenant that moved, pulls pages
after its own cursor; services.kit.consumer does both and keeps the cursor with the effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx

from services.kit import limits
from services.kit.auth import Signer
from services.kit.errors import Unavailable
from services.kit.standing import Entry


@dataclass(frozen=True, slots=True)
class Heads:
    """Every tenant's last offset and short name, by tenant id; `mark` asks for what follows."""

    offsets: Mapping[str, int]
    tenants: Mapping[str, str]
    mark: int


class Page(NamedTuple):
    """Entries after an offset: everything of the asked types up to `next_after` is in it."""

    entries: Sequence[Entry]
    next_after: int
    head: int


class Feed:
    """kpi's log as `service` may read it."""

    def __init__(self, *, service: str, kpi: httpx.AsyncClient, signer: Signer) -> None:
        self._service = service
        self._kpi = kpi
        self._signer = signer

    async def heads(self, mark: int = -1, wait_seconds: float = limits.LONG_POLL_SECONDS) -> Heads:
        """At once where anything moved since `mark`, else when it does or the wait is over."""
        answer = await self._get("", "", "/kpi/v1/heads", {"mark": mark, "wait": wait_seconds})
        return Heads(answer["heads"], answer["tenants"], answer["mark"])

    async def page(
        self, tenant: str, tenant_id: str, after: int, types: Sequence[str] = ()
    ) -> Page:
        """At most limits.FEED_PAGE entries after an offset; of all types where none is named."""
        asked: dict[str, Any] = {"after": after, "limit": limits.FEED_PAGE}
        if types:
            asked["type"] = list(types)
        answer = await self._get(tenant, tenant_id, "/kpi/v1/feed", asked)
        entries = [Entry.of(item) for item in answer["items"]]
        return Page(entries, answer["next_after"], answer["head"])

    async def _get(self, tenant: str, tenant_id: str, path: str, asked: dict[str, Any]) -> Any:
        token = self._signer.service_token(self._service, tenant or "-", tenant_id)
        try:
            answer = await self._kpi.get(
                path,
                params=asked,
                headers={"authorization": f"Bearer {token}"},
                timeout=limits.LONG_POLL_SECONDS + 10,
            )
        except httpx.HTTPError as fault:
            raise Unavailable(f"kpi does not answer: {type(fault).__name__}") from fault
        if answer.status_code != 200:
            raise Unavailable(f"kpi answered {answer.status_code} for {path}")
        return answer.json()
