"""Plans for the imported company, through REST: a target for every agent, and a commission.

The target of a quarter is what each agent won in the quarter before, and some more; agents who won
little get a tenth of the mean, so that nobody has nothing to do. It is shared out over regions,
teams and agents by these weights, and over months and weeks by calendar days, exact to the cent.
The commission pays by bands from the quarter before on. Needs nothing but Python.

    python plans.py --sales-ops TOKEN --finance TOKEN [--url …] [--period 2017-Q4]
"""

import argparse
import json
import time
import urllib.parse
import urllib.request
from decimal import ROUND_CEILING, Decimal
from typing import Any

CONNECTION = "maven"
BANDS = [
    {"up_to": "50000.00", "rate_bp": 400},
    {"up_to": "100000.00", "rate_bp": 600},
    {"up_to": None, "rate_bp": 800},
]


class Api:
    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        address = f"{self._url}{path}?{urllib.parse.urlencode(query, doseq=True)}"
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, content, method=method)
        request.add_header("authorization", f"Bearer {self._token}")
        request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            raise SystemExit(f"{method} {path}: {refusal.code} {refusal.read().decode()}") from None


def before(quarter: str) -> str:
    """The quarter before: 2016-Q4 for 2017-Q1."""
    year, number = int(quarter[:4]), int(quarter[-1])
    return f"{year - 1}-Q4" if number == 1 else f"{year}-Q{number - 1}"


def organisation(api: Api) -> dict[str, list[str]]:
    """The ids right below each unit, from the company down to the agents of each team."""
    below: dict[str, list[str]] = {}
    found = api.call("GET", "/targets/v1/units", id=f"{CONNECTION}:company")["items"]
    level = [unit["id"] for unit in found]
    while level:
        answer = api.call("GET", "/targets/v1/units/children", id=level)["items"]
        children = {item["unit_id"]: [one["id"] for one in item["children"]] for item in answer}
        below |= {unit: ids for unit, ids in children.items() if ids}
        for team in (unit for unit, ids in children.items() if not ids):
            staff = api.call("GET", "/targets/v1/units/members", id=team, limit=100)["items"]
            below[team] = [member["id"] for member in staff[0]["items"]]
        level = [child for ids in children.values() for child in ids]
    return below


def won(api: Api, agents: list[str], period: str) -> dict[str, Decimal]:
    """What each agent won, in dollars."""
    found = dict.fromkeys(agents, Decimal(0))
    for begin in range(0, len(agents), 100):
        asked = agents[begin : begin + 100]
        for item in api.call("GET", "/kpi/v1/funnels", scope=asked, period=period)["items"]:
            found[item["scope"]] = Decimal(item["won"]["amount"]["amount"])
    return found


def weights(below: dict[str, list[str]], worth: dict[str, Decimal]) -> dict[str, Decimal]:
    """Of every agent, and of every unit as the sum of those below."""
    least = (sum(worth.values()) / max(1, len(worth)) / 10).quantize(Decimal("0.01"), ROUND_CEILING)
    found = {agent: max(amount, least, Decimal("0.01")) for agent, amount in worth.items()}
    for unit in reversed(below):  # agents' teams come last, the company first
        found[unit] = sum((found[one] for one in below[unit]), Decimal(0))
    return found


def splits(below: dict[str, list[str]], weight: dict[str, Decimal]) -> list[dict[str, Any]]:
    by_days = {
        "of": "leaves",
        "axis": "time",
        "method": "calendar_days",
        "reason": "every day alike",
    }
    return [
        *(
            {
                "of": "leaves", "owner_id": unit, "axis": "organisation", "method": "weights",
                "parts": [{"owner_id": one, "weight": str(weight[one])} for one in members],
                "reason": "what was won in the quarter before",
            }
            for unit, members in below.items()
        ),
        {**by_days, "level": "quarter"},
        {**by_days, "level": "month"},
    ]  # fmt: skip


def plan_sales(api: Api, period: str, growth: int) -> str:
    """The active plan's id; one that is there already is answered."""
    name = f"Sales {period}"
    known = api.call("GET", "/targets/v1/plans", limit=100)["items"]
    plan = next((one["id"] for one in known if one["name"] == name), None)
    if plan is None:
        below = organisation(api)
        agents = [one for ids in below.values() for one in ids if one not in below]
        weight = weights(below, won(api, agents, before(period)))
        company = next(iter(below))
        target = (weight[company] * (100 + growth) / 100).quantize(Decimal("0.01"))
        root = {"name": name, "metric": "sales", "owner_id": company, "period": period}
        made = api.call("POST", "/targets/v1/plans", {**root, "target": str(target)})
        plan = made["plan"]["id"]
        path = f"/targets/v1/plans/{plan}"
        api.call("POST", f"{path}/splits", {"splits": splits(below, weight)})
        api.call("POST", f"{path}/propose")
        api.call("POST", f"{path}/approve", {"override_reason": "an example: nobody was asked"})
    # Activating an active plan changes nothing, and says whether kpi has its targets yet.
    while api.call("POST", f"/targets/v1/plans/{plan}/activate")["offset"] is None:
        time.sleep(0.1)
    return str(plan)


def plan_pay(api: Api, effective_from: str) -> str:
    name = "Sales commission"
    known = api.call("GET", "/incentives/v1/plans", limit=100)["items"]
    plan = next((one for one in known if one["name"] == name), None)
    if plan is None:
        commission = {
            "code": "commission",
            "kind": "commission",
            "mode": "marginal",
            "bands": BANDS,
        }
        document = {
            "name": name,
            "period": "quarter",
            "currency": "USD",
            "components": [commission],
        }
        plan = api.call("POST", "/incentives/v1/plans", document)["plan"]
    if plan["state"] == "draft":
        body = {"effective_from": effective_from}
        api.call("POST", f"/incentives/v1/plans/{plan['id']}/activate", body)
    return str(plan["id"])


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    asked.add_argument("--url", default="http://127.0.0.1:8000")
    asked.add_argument("--sales-ops", required=True, help="token of the role sales_ops")
    asked.add_argument("--finance", required=True, help="token of the role finance")
    asked.add_argument("--period", default="2017-Q4", help="a quarter")
    asked.add_argument("--growth", type=int, default=10, help="percent above the quarter before")
    given = asked.parse_args()
    plan = plan_sales(Api(given.url, given.sales_ops), given.period, given.growth)
    pay = plan_pay(Api(given.url, given.finance), before(given.period))
    print(json.dumps({"plan": plan, "compensation_plan": pay, "period": given.period}))


if __name__ == "__main__":
    main()
