"""The wire of incentives: earnings in batches, and its actions."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from gateway.execution.deadlines import Caller
from gateway.execution.service import Many, Service

_INCENTIVES = "/incentives/v1"


class IncentivesClient:
    def __init__(self, service: Service) -> None:
        self.service = service

    async def earnings(self, members: Sequence[str], period: str, caller: Caller) -> list[Any]:
        params = [*(("member", one) for one in sorted(members)), ("period", period)]
        many = Many("member", "member_id")
        answer = await self.service.read_at_least(
            f"{_INCENTIVES}/earnings", params, caller, many=many
        )
        return cast("list[Any]", answer["items"])

    async def act(
        self, path: str, body: Mapping[str, Any], caller: Caller, key: str | None
    ) -> Mapping[str, Any]:
        """One call that changes something."""
        answer = await self.service.act("POST", f"{_INCENTIVES}/{path}", body, caller, key)
        return cast("Mapping[str, Any]", answer)
