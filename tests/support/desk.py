"""A company in kpi on a Wednesday evening, and a way to sell, to report and to ask for figures."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from tests.support.gate import until
from tests.support.kpi import Company, RunningKpi, running_kpi

WEDNESDAY = datetime(2026, 3, 11, 10, tzinfo=UTC)  # the evening of the 11th in Shanghai


class Desk:
    """A kpi with a company, and a rep's way to look at it."""

    def __init__(self, kpi: RunningKpi, company: Company) -> None:
        self.kpi, self.company = kpi, company
        self.number = 0

    def __getattr__(self, name: str) -> str:
        found = {**self.company.members, **self.company.units}
        return found[name]

    async def sell(self, owner: Any, amount: str, at: str, stage: str = "won") -> int:
        self.number += 1
        body = {"deal": f"S{self.number}", "at": at, "stage": stage, "owner": owner,
                "amount": amount}  # fmt: skip
        answer = await self.kpi.deliver(body)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["offset"])

    async def ask(self, *scopes: str, role: str = "sales_ops", member: str | None = None,
                  path: str = "attainments", **how: Any) -> Any:  # fmt: skip
        parameters = {"period": "2026-03-W3", "metric": "sales", **how}
        if scopes:
            parameters["scope"] = list(scopes)
        parameters = {name: value for name, value in parameters.items() if value is not None}
        answer = await self.kpi.client.get(
            f"/kpi/v1/{path}",
            headers=self.kpi.token(self.company.tenant, role, member),
            params=parameters,
        )
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert answer.headers["headwater-offset"] == str(found["offset"])
        return found

    async def one(self, scope: str, **how: Any) -> dict[str, Any]:
        (found,) = (await self.ask(scope, **how))["items"]
        return found  # type: ignore[no-any-return]

    async def day(self) -> str | None:
        """The business day that the projection has reached."""
        database = self.kpi.app.state.kpi.database
        async with database.read(self.company.tenant_id) as connection:
            found: str | None = await connection.fetchval(
                "SELECT max(e.subject) FROM entry AS e JOIN projection_cursor AS c "
                "ON c.tenant_id = e.tenant_id AND e.log_offset <= c.log_offset "
                "WHERE e.tenant_id = $1 AND e.type = 'day.started.v1'",
                self.company.tenant_id,
            )
        return found

    async def started(self, day: str) -> None:
        async def reached() -> bool:
            return await self.day() == f"day:{day}"

        await until(reached, seconds=30)


def shape(found: Any) -> tuple[Any, ...]:
    return tuple(found[name] for name in ("target", "actual", "attainment", "pace", "light"))


@contextlib.asynccontextmanager
async def open_desk(url: str) -> AsyncIterator[Desk]:
    async with running_kpi(url, WEDNESDAY) as kpi:
        company = await kpi.company()
        await kpi.connect(company)
        desk = Desk(kpi, company)
        await desk.started("2026-03-11")
        yield desk


async def record(desk: Desk, *events: tuple[str, str, Any]) -> int:
    """Post what happened as (kind, instant, data); the offset after it."""
    body = [
        {"id": f"e{number}", "source": "erp", "type": f"{kind}.observed.v1", "time": at, "data": data}
        for number, (kind, at, data) in enumerate(events)
    ]  # fmt: skip
    answer = await desk.kpi.client.post(
        "/kpi/v1/events", json=body, headers=desk.kpi.token(desk.company.tenant)
    )
    assert answer.status_code == 202, answer.text
    return int(answer.json()["offset"])
