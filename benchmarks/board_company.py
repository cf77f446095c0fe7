"""The company that boards are read of: plans, a year of deals, contracts and pay for every rep."""

import asyncio
import itertools
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from benchmarks import company as companies
from benchmarks import events
from benchmarks.company import Company
from services.kit import limits

_SEED = 7
DEALS_EACH = 20
CONTRACTS_EACH = 6
_BANDS = [
    {"up_to": "1000000.00", "rate_bp": 800}, {"up_to": "2000000.00", "rate_bp": 1000},
    {"up_to": None, "rate_bp": 1200},
]  # fmt: skip


def today() -> date:
    """The tenant's day, as its year and quarter go."""
    return datetime.now(ZoneInfo("Asia/Shanghai")).date()


def quarter(today: date) -> str:
    return f"{today.year}-Q{(today.month - 1) // 3 + 1}"


async def fill(company: Company) -> None:
    """Everything through the public routes; done when all services have taken it."""
    on = today()
    await events.post(company, _arrays(_deals(company, on)))
    await events.post(company, _arrays(_contracts(company, on)))
    await company.settle()
    await _plan(company, on)
    await _pay(company, on)
    await company.settle("customers", "incentives")


def _arrays(found: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    while some := list(itertools.islice(found, limits.ARRAY_ITEMS)):
        yield orjson.dumps(some)


def _deals(company: Company, today: date) -> Iterator[dict[str, Any]]:
    """Deals that enter, move on and close on the days of a year."""
    chance = random.Random(_SEED)
    path = [*companies.STAGES, "won"]
    for rep, deal in itertools.product(range(company.size), range(DEALS_EACH)):
        day = today - timedelta(days=chance.randint(2, 330))
        amount = chance.randint(5_000, 400_000)
        reached = chance.randint(1, len(path))
        for number, stage in enumerate(path[:reached]):
            at = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
            if day >= today:
                break
            yield _event(
                f"B-{rep}-{deal}-{number}", "deal.observed.v1", at,
                deal=f"B-{rep}-{deal}", stage=stage, amount=f"{amount}.00",
                owner=f"crm:{companies.rep_name(rep)}", account=f"B-{rep}-{deal % 12}",
                product=companies.PRODUCTS[deal % len(companies.PRODUCTS)],
            )  # fmt: skip
            day += timedelta(days=chance.randint(1, 20))


def _contracts(company: Company, today: date) -> Iterator[dict[str, Any]]:
    chance = random.Random(_SEED)
    at = datetime(today.year, today.month, today.day, tzinfo=UTC) - timedelta(days=30)
    starts_on = today - timedelta(days=chance.randint(30, 200))
    for rep, number in itertools.product(range(company.size), range(CONTRACTS_EACH)):
        fee = chance.choice((12_000, 48_000, 90_000, 250_000))
        yield _event(
            f"C-{rep}-{number}", "contract.observed.v1", at,
            contract=f"C-{rep}-{number}", account=f"B-{rep}-{number}", amount=f"{fee}.00",
            annual_fee=f"{fee}.00", owner=f"crm:{companies.rep_name(rep)}",
            starts_on=starts_on.isoformat(),
            ends_on=(starts_on + timedelta(days=364)).isoformat(),
        )  # fmt: skip


def _event(name: str, type_: str, at: datetime, **data: Any) -> dict[str, Any]:
    return {"id": name, "source": "bench", "type": type_, "time": at.isoformat(), "data": data}


async def _plan(company: Company, today: date) -> None:
    """A year, to teams, to reps, to quarters and months."""
    while not (await company.ask("GET", "/targets/v1/metrics"))["items"]:  # noqa: ASYNC110
        await asyncio.sleep(0.05)  # they come with the log, and nothing tells
    made = await company.ask("POST", "/targets/v1/plans", {
        "name": "Boards", "period": str(today.year), "metric": "sales",
        "owner_id": company.units["company"], "target": f"{company.size * 1_600_000}.00",
    })  # fmt: skip
    plan = f"/targets/v1/plans/{made['plan']['id']}"
    teams = [company.units[f"team-{number}"] for number in range(company.teams)]

    def equal(axis: str, **more: Any) -> dict[str, Any]:
        return {"of": "leaves", "axis": axis, "method": "equal", **more}

    splits = [equal("organisation", parts=[{"owner_id": team} for team in teams])]
    for number, team in enumerate(teams):
        reps = company.reps[number :: company.teams]
        parts = [{"owner_id": rep} for rep in reps]
        splits.append(equal("organisation", owner_id=team, parts=parts))
    splits += [equal("time", into=level) for level in ("quarter", "month")]
    for split in splits:
        await company.ask("POST", f"{plan}/splits", {"splits": [split]})
    for step in ("propose", "approve", "activate"):
        body = {"override_reason": "benchmark"} if step == "approve" else {}
        await company.ask("POST", f"{plan}/{step}", body)


async def _pay(company: Company, on: date) -> None:
    made = await company.ask("POST", "/incentives/v1/plans", {
        "name": "Boards", "period": "quarter", "currency": "CNY",
        "components": [{"kind": "commission", "mode": "marginal", "bands": _BANDS}],
    }, "finance")  # fmt: skip
    await company.ask(
        "POST", f"/incentives/v1/plans/{made['plan']['id']}/activate",
        {"effective_from": f"{on.year}-Q1"}, "finance",
    )  # fmt: skip
