"""The demo company is a pure function of a seed and a day, and believable."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from headwater.demo import company, deals, exports, people, records, seasons
from headwater.demo.deals import SEED, History
from headwater.demo.trickle import Sender, Trickle
from services.kpi.domain import mapping
from services.kpi.vendors import standard_webhooks

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
TODAY = date(2026, 11, 23)


def told(seed: int, today: date) -> tuple[Any, Any]:
    """Everything that the demo's systems export and report."""
    history = History(seed, today)
    return list(exports.batches(history, seed)), records.batches(history, seed)


def test_the_same_seed_and_day_give_the_same_company() -> None:
    assert told(7, TODAY) == told(7, TODAY)
    assert told(7, TODAY) != told(8, TODAY)


@pytest.mark.parametrize("today", [TODAY, date(2027, 1, 1), date(2028, 2, 29)])
def test_the_deals_are_believable(today: date) -> None:
    batches, _ = told(SEED, today)
    items = [item for batch in batches for item in batch]
    assert 1_200 <= exports.count(batches) <= 2_500
    dates = [datetime.fromisoformat(item["at"]).date() for item in items if "at" in item]
    assert seasons.start_of(today) <= min(dates)
    assert today - timedelta(days=10) < max(dates) < today
    entered = Counter(item["stage"] for item in items)
    assert entered["lead"] > entered["intent"] > entered["negotiation"] > entered["won"] > 350
    assert sum("at" not in item for item in items) == 8
    shared = Counter(tuple(o["share_bp"] for o in item.get("owners", ())) for item in items)
    assert shared[6_000, 4_000] > 10
    last = batches[-1][-1]["deal"]
    assert [item["deal"] for item in items].count(last) == 1
    understood = mapping.compile(company.MAPPING)
    assert all(isinstance(understood.drafts(item), list) for item in items)


@pytest.mark.parametrize("today", [TODAY, date(2028, 2, 29)])
def test_sales_lie_near_the_plan_and_one_team_is_in_red(today: date) -> None:
    quarter = seasons.quarter_of(today)
    due: Counter[str] = Counter()
    sold: Counter[str] = Counter()
    for rep in people.REPS:
        due[rep.team or ""] += round(
            deals.quarter_target(rep, quarter, today.year) * seasons.due(today - timedelta(days=1))
        )
    for deal in History(SEED, today).deals:
        won_on = deal.won_on(today)
        if won_on is not None and quarter.contains(won_on):
            sold[deal.rep.team or ""] += deal.amount
    attained = {team: sold[team] / due[team] for team in due}
    assert attained.pop(company.TEAM_IN_RED) < 0.55
    assert all(0.8 <= part <= 1.25 for part in attained.values()), attained


def test_nobody_owns_a_deal_before_joining() -> None:
    joined = {rep.key: people.joined_on(rep, TODAY) for rep in people.REPS}
    for batch in exports.batches(History(SEED, TODAY), SEED):
        for item in batch:
            for owner in item.get("owners", ()):
                day = datetime.fromisoformat(item.get("at", NOW.isoformat())).date()
                assert joined[owner["rep"]] <= day


def test_contracts_follow_won_deals_and_money_follows_contracts() -> None:
    history = History(SEED, TODAY)
    signed = {one.id: one for one in records.contracts(history)}
    won = [deal for deal in history.deals if deal.won_on(TODAY)]
    assert len(won) - 20 <= len(signed) <= len(won)
    assert all(sum(a for _, a in one.schedule) == one.deal.amount for one in signed.values())
    events = [event for batch in records.batches(history, SEED) for event in batch]
    assert max(event["time"] for event in events) < TODAY.isoformat()
    kinds = Counter(event["type"] for event in events)
    assert kinds["customer.observed.v1"] == 600
    assert kinds["collection.observed.v1"] > 500
    assert 3 <= kinds["refund.observed.v1"] <= 30
    taken: Counter[str] = Counter()
    for event in events:
        if event["type"] in {"collection.observed.v1", "refund.observed.v1"}:
            data = event["data"]
            assert data["contract"] in signed
            sign = 1 if "collection" in data else -1
            taken[data["contract"]] += sign * int(data["amount"].removesuffix(".00"))
    assert all(0 < amount <= signed[one].deal.amount for one, amount in taken.items())
    late = records.late_refund(history, company.SHOWN_REP)
    assert late["time"] == "2026-09-30T17:00:00+08:00"
    assert signed[late["data"]["contract"]].signed_on < date(2026, 10, 1)


class _Clock:
    at = NOW

    def now(self) -> datetime:
        self.at += timedelta(seconds=3)
        return self.at


def test_the_trickle_goes_on_for_ever_and_never_into_the_future() -> None:
    clock = _Clock()
    secret = standard_webhooks.new_secret(bytes(32))
    sender = Sender("http://nowhere", "/webhooks/x", secret, lambda: "token")
    trickle = Trickle(sender, clock, {"D-1": "lead"}, History(SEED, TODAY), seed=1)
    stages: dict[str, str] = {"D-1": "lead"}
    kinds: Counter[str] = Counter()
    for _ in range(5_000):
        path, item = trickle.next_delivery()
        assert datetime.fromisoformat(item["at" if path == "/webhooks/x" else "time"]) <= clock.at
        if path == "/webhooks/x":
            assert stages.get(item["deal"]) not in {"won", "lost"}
            stages[item["deal"]] = item["stage"]
        else:
            kinds[item["type"]] += 1
    assert Counter(stages.values())["won"] > 100
    assert kinds["activity.observed.v1"] > kinds["collection.observed.v1"] > 100
