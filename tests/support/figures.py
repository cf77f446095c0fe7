"""Every figure that a tenant's people can ask for, with names in place of ids, to be compared."""

from typing import Any

from tests.support.stack import RunningStack, Tenant

PERIODS = ("2026-01", "2026-02", "2026-03", "2026-Q1", "2026-04")
_OURS = {
    "id", "offset", "event_id", "event_ids", "hash", "plan_id", "target_id", "next_cursor",
    "approved_at", "closed_at",
}  # fmt: skip
"""Ids and instants of an installation's own."""


class Figures:
    """Asks one tenant's services, as those who may see all."""

    def __init__(self, stack: RunningStack, tenant: Tenant) -> None:
        self._stack, self._tenant = stack, tenant
        self.names = {id_: name for name, id_ in (*tenant.members.items(), *tenant.units.items())}

    async def get(self, path: str, role: str = "sales_ops", **asked: Any) -> Any:
        answer = await self._stack.client.get(
            path, headers=self._stack.token(self._tenant.name, role), params=asked
        )
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()

    async def pages(self, path: str, role: str = "sales_ops", **asked: Any) -> list[Any]:
        found: list[Any] = []
        while True:
            page = await self.get(path, role, **asked, limit=100)
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            asked["cursor"] = page["next_cursor"]

    async def read(self) -> dict[str, Any]:
        """By a name of the question; all but the statements, which depend on when they closed."""
        scopes, members = list(self.names), list(self._tenant.members.values())
        found: dict[str, Any] = {}
        for period in PERIODS:
            asked = {"scope": scopes, "period": period}
            found[f"attainments {period}"] = await self.get(
                "/kpi/v1/attainments", **asked, children="time"
            )
            found[f"funnels {period}"] = await self.get("/kpi/v1/funnels", **asked)
            found[f"leaders {period}"] = await self.get(
                "/kpi/v1/leaderboard", unit=self._tenant.units["region"], period=period,
                metric="sales",
            )  # fmt: skip
        found["open alerts"] = [
            {key: value for key, value in alert.items() if key not in {"opened_at", "message"}}
            for scope in (await self.get("/kpi/v1/alerts", scope=scopes))["items"]
            for alert in scope["alerts"]
            if alert["status"] == "open"
        ]
        customers = await self.pages("/customers/v1/customers")
        for account in (one["account"] for one in customers):
            found[f"customer {account}"] = await self.get(
                f"/customers/v1/customers/{account}/history"
            )
        found["tasks open"] = [
            {**task, "list": member}
            for member in members
            for task in await self._tasks(member, "open")
        ]
        # A finished task keeps the day, owner and due day that were known when it was finished.
        done = [task for member in members for task in await self._tasks(member, "done")]
        found["tasks done"] = sorted({(task["kind"], task["subject"]) for task in done})
        found["mix"] = await self.get("/customers/v1/mix", scope=scopes)
        found["credits"] = await self.pages("/incentives/v1/credits", "finance")
        return {name: self.plain(value) for name, value in found.items()}

    async def statements(self) -> list[Any]:
        """Of everybody, with their lines."""
        listed = await self.pages("/incentives/v1/statements", "finance")
        return [
            (await self.get(f"/incentives/v1/statements/{one['id']}", "finance"))["statement"]
            for one in listed
        ]

    def plain(self, value: Any) -> Any:
        """Without ids of ours; members and units by name, lists in an order of their own."""
        if isinstance(value, dict):
            return {key: self.plain(each) for key, each in value.items() if key not in _OURS}
        if isinstance(value, list):
            return sorted((self.plain(each) for each in value), key=repr)
        return self.names.get(value, value) if isinstance(value, str) else value

    async def _tasks(self, member: str, status: str) -> list[Any]:
        answer = await self.get("/customers/v1/tasks", member=member, status=status, limit=100)
        (found,) = answer["items"]
        assert found["next_cursor"] is None
        return list(found["tasks"])
