"""Reading kpi's log from another service, over HTTP alone.

A service holds one request per process on the heads and, for each tenant that moved, pulls pages
after its own cursor; the cursor is kept with the effect (services.kit.projection), not here.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx

from services.kit import limits
from services.kit.auth import Signer
from services.kit.errors import Unavailable


class Feed:
    """kpi's log as `service` may read it."""

    def __init__(self, *, service: str, kpi: httpx.AsyncClient, signer: Signer) -> None:
        self._service = service
        self._kpi = kpi
        self._signer = signer

    async def heads(self, mark: int = -1, wait_seconds: float = limits.LONG_POLL_SECONDS) -> Any:
        """`{"heads": {tenant id: last offset}, "mark": n}`, once anything moved since `mark`."""
        return await self._get("", "", "/kpi/v1/heads", {"mark": mark, "wait": wait_seconds})

    async def entries(
        self, tenant: str, tenant_id: str, after: int, *types: str
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Pages of entries after an offset, up to the head; unknown types are the reader's to skip."""
        while True:
            asked: dict[str, Any] = {"after": after, "limit": limits.FEED_PAGE}
            if types:
                asked["type"] = list(types)
            page = await self._get(tenant, tenant_id, "/kpi/v1/feed", asked)
            if page["items"]:
                yield page["items"]
            if page["next_after"] >= page["head"]:
                return
            after = page["next_after"]

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
