"""The CRM export of examples/maven_crm: a generated one with the real one's dirt, and its count.

The count is DuckDB's, straight from the files: it shares no code with what it checks.
"""

import csv
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb

EXAMPLE = Path(__file__).parents[2] / "examples/maven_crm"
TEAMS, DEALS = "sales_teams.csv", "sales_pipeline.csv"
PERIODS = {
    "2016-Q4": (date(2016, 10, 1), date(2016, 12, 31)),
    "2017-Q1": (date(2017, 1, 1), date(2017, 3, 31)),
    "2017-Q2": (date(2017, 4, 1), date(2017, 6, 30)),
    "2017-Q3": (date(2017, 7, 1), date(2017, 9, 30)),
    "2017-Q4": (date(2017, 10, 1), date(2017, 12, 31)),
    "2017": (date(2017, 1, 1), date(2017, 12, 31)),
}
_ORGANISATION = {
    "North": {"Ada Fern": 4, "Bela Moor": 3},
    "South": {"Cleo Strand": 4},
    "Overseas": {"Dai Weir": 3, "Ebba Holt": 2},
}
_PRODUCTS = {
    "GTXPro": 4_821, "GTX Pro": 4_821, "Rack One": 550, "Rack Two": 1_096, "Cable": 55, "宽带": 3_393,
}  # fmt: skip
_DEALS_COLUMNS = [
    "opportunity_id", "sales_agent", "product", "account", "deal_stage", "engage_date",
    "close_date", "close_value",
]  # fmt: skip


def generate(folder: Path, *, seed: int, deals: int) -> Path:
    """Teams and deals with two spellings of a product, empty accounts, missing dates, idle agents."""
    chance = random.Random(seed)  # noqa: S311 — the same seed, the same deals
    agents = []
    with (folder / TEAMS).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sales_agent", "manager", "regional_office"])
        for region, managers in _ORGANISATION.items():
            for manager, count in managers.items():
                for number in range(count):
                    agent = f"Agent {manager.split()[1]} {number}"
                    writer.writerow([agent, manager, region])
                    agents.append(agent)
    idle = {agents[-1], agents[2]}
    working = [agent for agent in agents if agent not in idle]
    with (folder / DEALS).open("w", newline="") as file:
        writer = csv.DictWriter(file, _DEALS_COLUMNS)
        writer.writeheader()
        writer.writerows(_deal(chance, number, chance.choice(working)) for number in range(deals))
    return folder


def _deal(chance: random.Random, number: int, agent: str) -> dict[str, str]:
    stage = chance.choices(["Prospecting", "Engaging", "Won", "Lost"], [1, 3, 8, 5])[0]
    product, price = chance.choice(list(_PRODUCTS.items()))
    engaged = date(2016, 10, 20) + timedelta(days=chance.randrange(430))
    closed = min(engaged + timedelta(days=chance.randrange(140)), date(2017, 12, 31))
    is_closed = stage in {"Won", "Lost"}
    value = round(price * chance.uniform(0.8, 1.2)) if stage == "Won" else 0
    # A tenth of the deals that were engaged do not say when.
    is_dated = stage != "Prospecting" and chance.random() > 0.1
    return {
        "opportunity_id": f"OP{number:05}", "sales_agent": agent, "product": product,
        "account": "" if not is_closed and chance.random() < 0.4 else f"Account {number % 37}",
        "deal_stage": stage, "engage_date": _written(engaged) if is_dated else "",
        "close_date": _written(closed) if is_closed else "",
        "close_value": str(value) if is_closed else "",
    }  # fmt: skip


def _written(day: date) -> str:
    return f"{day.month}/{day.day}/{day.year}"


def shuffled(file: Path, into: Path, seed: int) -> Path:
    header, *rows = file.read_text().splitlines(keepends=True)
    random.Random(seed).shuffle(rows)  # noqa: S311 — the same seed, the same order
    into.write_text(header + "".join(rows))
    return into


@dataclass(frozen=True)
class Scope:
    """Somebody or some unit by name, and the SQL condition for its deals."""

    kind: str
    external_id: str


class Count:
    """Funnels counted with SQL over the files."""

    def __init__(self, folder: Path) -> None:
        self.sql = duckdb.connect()
        self.sql.execute(
            "CREATE TABLE deal AS SELECT sales_agent AS agent, manager AS team, "
            "regional_office AS region, 'company' AS company, opportunity_id AS id, "
            "replace(product, 'GTXPro', 'GTX Pro') AS product, deal_stage AS stage, "
            "strptime(nullif(engage_date, ''), '%m/%d/%Y')::DATE AS engaged_on, "
            "strptime(nullif(close_date, ''), '%m/%d/%Y')::DATE AS closed_on, "
            "nullif(close_value, '')::DECIMAL(18, 2) AS value "
            "FROM read_csv($deals, all_varchar = true) AS sold "
            "JOIN read_csv($teams, all_varchar = true) AS sells USING (sales_agent)",
            {"deals": str(folder / DEALS), "teams": str(folder / TEAMS)},
        )
        self.teams = self.sql.execute(
            "SELECT sales_agent, manager, regional_office FROM read_csv(?, all_varchar = true)",
            [str(folder / TEAMS)],
        ).fetchall()

    def scopes(self) -> list[Scope]:
        agents, teams, regions = (sorted(set(names)) for names in zip(*self.teams, strict=True))
        return [
            Scope("company", "company"), *(Scope("region", name) for name in regions),
            *(Scope("team", name) for name in teams), *(Scope("agent", name) for name in agents),
        ]  # fmt: skip

    def one(self, query: str, *values: Any) -> Any:
        return self.sql.execute(query, list(values)).fetchone()

    def products(self) -> list[str]:
        rows = self.sql.execute("SELECT DISTINCT product FROM deal ORDER BY 1").fetchall()
        return [row[0] for row in rows]

    def funnels(self, period: str, product: str | None) -> dict[Scope, dict[str, Any]]:
        first, last = PERIODS[period]
        found = {}
        for kind in ("company", "region", "team", "agent"):
            rows = self.sql.execute(
                _FUNNEL.format(kind=kind), {"first": first, "last": last, "product": product}
            )
            names = [column[0] for column in rows.description or ()]
            for row in rows.fetchall():
                found[Scope(kind, row[0])] = _told(dict(zip(names[1:], row[1:], strict=True)))
        return {scope: found.get(scope, NOTHING) for scope in self.scopes()}


_FUNNEL = """
WITH d AS (
    SELECT *, engaged_on BETWEEN $first AND $last AS engaged_now,
        closed_on BETWEEN $first AND $last AS closed_now,
        coalesce(engaged_on <= $last, true) AND coalesce(closed_on > $last, true) AS is_open
    FROM deal WHERE $product::VARCHAR IS NULL OR product = $product
)
SELECT {kind} AS scope,
    count(*) FILTER (engaged_now) AS engaged,
    count(*) FILTER (engaged_now AND stage = 'Won') AS engaged_then_won,
    count(*) FILTER (closed_now AND stage = 'Won') AS won,
    coalesce(sum(value) FILTER (closed_now AND stage = 'Won'), 0) AS won_amount,
    count(*) FILTER (closed_now AND stage = 'Lost') AS lost,
    coalesce(sum(value) FILTER (closed_now AND stage = 'Lost'), 0) AS lost_amount,
    count(*) FILTER (is_open AND stage = 'Prospecting') AS prospecting,
    count(*) FILTER (is_open AND stage <> 'Prospecting') AS engaging,
    count(*) FILTER (is_open AND engaged_on IS NULL) AS undated,
    sum(closed_on - engaged_on) FILTER (closed_now AND stage = 'Won') AS days_to_win,
    count(closed_on - engaged_on) FILTER (closed_now AND stage = 'Won') AS won_dated,
    median(closed_on - engaged_on) FILTER (closed_now) AS median_days
FROM d GROUP BY 1
"""


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    """The counted row in the terms of `shown`."""
    closed = row["won"] + row["lost"]
    return {
        "created": row["engaged"], "undated": row["undated"],
        "entered": {"prospecting": 0, "engaging": row["engaged"], "won": row["won"], "lost": row["lost"]},
        "open": {"prospecting": row["prospecting"], "engaging": row["engaging"], "won": 0, "lost": 0},
        "won": (row["won"], f"{row['won_amount']:.2f}"),
        "lost": (row["lost"], f"{row['lost_amount']:.2f}"),
        "win_rate": _tenths(100 * row["won"], closed),
        "win_rate_all": _tenths(100 * row["won"], closed + row["prospecting"] + row["engaging"]),
        "cycle_days": _tenths(row["days_to_win"] or 0, row["won_dated"]),
        "conversion": _tenths(100 * row["engaged_then_won"], row["engaged"]),
        "median_days": None if row["median_days"] is None else f"{row['median_days']:.1f}",
    }  # fmt: skip


def _tenths(part: int, whole: int) -> str | None:
    if not whole:
        return None
    return str((Decimal(part) / whole).quantize(Decimal("0.1"), ROUND_HALF_UP))


NOTHING = _told(
    dict.fromkeys(
        ("engaged", "engaged_then_won", "won", "won_amount", "lost", "lost_amount", "prospecting",
         "engaging", "undated", "days_to_win", "won_dated"), 0,
    ) | {"median_days": None}
)  # fmt: skip


def shown(funnel: Mapping[str, Any]) -> dict[str, Any]:
    """A funnel of GET /kpi/v1/funnels in the terms of the count."""
    stages = {stage["code"]: stage for stage in funnel["stages"]}
    engaging = stages["engaging"]
    return {
        "created": funnel["created"], "undated": funnel["undated"],
        "entered": {code: stage["entered"] for code, stage in stages.items()},
        "open": {code: stage["open"] for code, stage in stages.items()},
        "won": (funnel["won"]["deals"], funnel["won"]["amount"]["amount"]),
        "lost": (funnel["lost"]["deals"], funnel["lost"]["amount"]["amount"]),
        "win_rate": funnel["win_rate"], "win_rate_all": funnel["win_rate_all"],
        "cycle_days": funnel["cycle_days"], "conversion": engaging["conversion"],
        "median_days": engaging["median_days"],
    }  # fmt: skip
